"""Whose address book is read, in the words of its source."""

from typing import Final, NamedTuple

from everreach.errors import TransientError

NAME_LIMIT: Final = 320
"""Characters of an account's id, and those kept of its name: an e-mail address has no more."""


class Account(NamedTuple):
    """The owner of an address book: an id that stays, and a name to show, which may change."""

    id: str | None
    name: str | None

    @classmethod
    def of(cls, id_: str | None, name: str | None) -> "Account":
        """The account that a provider names. Raises TransientError for an id that is none."""
        if id_ and len(id_) > NAME_LIMIT:
            raise TransientError
        return cls(id_, name[:NAME_LIMIT] if name else name)
