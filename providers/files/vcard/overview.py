"""What only all cards of a file say together: whose labels its groups are, and which UIDs it has more than once.

It is made in a first look at the whole file and is the same whoever makes it, so that a file that is read in two halves
gives what it gives at once. Its memory is bounded: 1 MiB, and what the limits here allow.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from providers.files.vcard.card import Card
from providers.files.vcard.properties import Properties, properties_of
from providers.files.vcard.values import parts, unescaped

MEMBERS_LIMIT: Final = 20_000
"""Members of groups whose labels are known, and labels of each of them as far as this is not exceeded."""
REPEATED_LIMIT: Final = 10_000
"""UIDs that stand more than once; of more no card is known by its UID."""

_SEEN: Final = 8 * 1024 * 1024  # Bits: of 200,000 UIDs one in 400 is taken for one that was seen.
_LONGEST_UID: Final = 255


class Overview(msgspec.Struct, frozen=True):
    """Labels by member (its UID in lower case, or its e-mail), and UIDs that stand more than once: None is all.

    Some that stand once may be among the repeated.
    """

    labels: dict[str, list[str]] = {}
    repeated: frozenset[str] | None = frozenset()


class Surveyor:
    """Sees all cards of a file, in any order, and says what they say together."""

    def __init__(self) -> None:
        self._labels: dict[str, list[str]] = {}
        self._members = 0
        self._seen = bytearray(_SEEN // 8)
        self._repeated: set[str] = set()
        self.complete = True
        """Whether no member had to be left out."""

    def see(self, cards: Iterable[Card]) -> None:
        """See the next cards."""
        for card in cards:
            # What has no UID is in no group by it, and cannot share it with another card.
            if not card.failure and (card.group or b"UID" in card.body.upper()):
                said = properties_of(card.body)
                if card.group:
                    self._note_members(said)
                elif (uid := uid_of(said)) and len(self._repeated) <= REPEATED_LIMIT:
                    self._note_uid(uid)

    def result(self) -> Overview:
        """What is known after the last card."""
        many = len(self._repeated) > REPEATED_LIMIT
        return Overview(self._labels, None if many else frozenset(self._repeated))

    def _note_members(self, said: Properties) -> None:
        name = next((unescaped(value).strip() for _, value in said.get("FN", ()) if value.strip()), "")
        name = name or next((part.strip() for _, value in said.get("N", ()) for part in parts(value) if part), "")
        for property_ in ("X-ADDRESSBOOKSERVER-MEMBER", "MEMBER"):
            for _, value in said.get(property_, ()):
                self._note_member(member_key(unescaped(value)), name[:_LONGEST_UID])

    def _note_member(self, key: str, label: str) -> None:
        known = self._labels.get(key, [])
        if not key or not label or label in known or len(key) > _LONGEST_UID:
            return
        if self._members >= MEMBERS_LIMIT:
            self.complete = False
            return
        self._members += 1
        self._labels.setdefault(key, known).append(label)

    def _note_uid(self, uid: str) -> None:
        digest = int.from_bytes(hashlib.blake2b(uid.encode("utf-8", "replace"), digest_size=6).digest(), "big")
        places = (digest % _SEEN, digest // _SEEN % _SEEN)
        if all(self._seen[place >> 3] >> (place & 7) & 1 for place in places):
            self._repeated.add(uid)
        for place in places:
            self._seen[place >> 3] |= 1 << (place & 7)


def uid_of(said: Properties) -> str | None:
    """The card's UID; None where it has none that a contact can be known by."""
    for _, value in said.get("UID", ()):
        uid = unescaped(value).strip()
        return uid if 0 < len(uid) <= _LONGEST_UID and uid.isprintable() else None
    return None


def member_key(uid: str) -> str:
    """What a group's member and a card's UID are compared by: without the wrapping of a URI."""
    return uid.strip().lower().removeprefix("urn:uuid:").removeprefix("mailto:")
