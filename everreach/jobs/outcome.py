"""What may become of a contact, and why one is left out: the words of the ledger's rows."""

from enum import StrEnum


class Action(StrEnum):
    """What a job did about a contact."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"
    DELETED = "deleted"


class SkipReason(StrEnum):
    """Why a contact was left out on purpose."""

    DUPLICATE = "duplicate"
    """The person has one with its key."""
    NO_EMAIL = "no_email"
    """It has no e-mail address, which would be its key."""
    UNUSABLE_EMAIL = "unusable_email"
    """Of its e-mails none is an address."""
    EMPTY = "empty"
    """It says nothing but notes, labels or dates."""
