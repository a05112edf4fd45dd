"""Which fields of a stored job are sealed, and which it has beside those of Job."""

from collections.abc import Mapping
from typing import Final

TOKENS: Final = ("access_token", "refresh_token")

SEALED: Final = (*TOKENS, "pkce_verifier")
"""What the vault seals."""

GRANT: Final = (*SEALED, "token_expires_at")
"""What a job gives up when it needs its provider no more."""

BESIDE: Final[Mapping[str, str]] = {
    "state_hash": "the hash of the OAuth state that may be spent now",
    "expired_state": "the hash of one that nobody spent in time, so that whoever brings it is told so",
    "set_going_at": "when the consent, the retry or the reading of the file set the job going last",
    "unannounced": "how the job stood at each end that the webhooks are still to be told of",
    "announce_at": "when somebody has to look at these ends",
    "unreadable": "there once the job could not be read and was left aside, which is logged once",
    "raw_forgotten": "there once the raw data of the job's rows is deleted",
}
"""What only statements write and ask for, with its meaning. Whoever looks at a job is not sent it."""
