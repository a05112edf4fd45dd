"""What a person may ask for when an import starts, and how a file is to be read: parts of the job."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from everreach.errors import BadRequestError


class WithoutEmail(StrEnum):
    """What becomes of a contact without an e-mail address."""

    SKIP = "skip"
    IMPORT = "import"


class Duplicates(StrEnum):
    """What becomes of a contact that the person has already."""

    SKIP = "skip"
    FILL = "fill"


class Options(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the start said; a retry keeps it.

    `region` is where phone numbers without a country are from, `home` the same where neither the start nor the book
    itself says it.
    """

    without_email: WithoutEmail = WithoutEmail.SKIP
    duplicates: Duplicates = Duplicates.SKIP
    region: str | None = None
    home: str | None = None
    review: bool = False


DEFAULTS: Final = Options()
"""What is asked for where nothing is said."""


class Reading(Struct, frozen=True, kw_only=True, gc=False):
    """How the file of a job is read. `size` is in bytes, `encoding` a name at IANA.

    The rest is of a CSV: its dialect, its headers (None without), and what each column holds. A vCard has none of it.
    """

    size: int
    encoding: str = "UTF-8"
    delimiter: str | None = None
    header_row: int | None = None
    preamble: int = 0
    spaced: bool = False
    width: int = 0
    headers: tuple[str, ...] | None = None
    fields: tuple[str, ...] = ()


NOT_OFFERED: Final[dict[str, object]] = {"review": True}
"""What the words mean is settled, and the import does not do it yet: nobody shall believe that it did."""


def offered(options: Options) -> Options:
    """The options, if the import does what they say. Raises BadRequestError."""
    for name, value in NOT_OFFERED.items():
        if getattr(options, name) == value:
            raise BadRequestError(f"{name} cannot be {str(value).lower()} yet. Please leave it out.")
    return options
