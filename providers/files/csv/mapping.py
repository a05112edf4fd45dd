"""What a client says the columns of its file are, checked."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from everreach.errors import BadRequestError
from providers.files.csv.columns import ONCE, Column

_TYPE: Final = r"(?:\.[a-z][a-z0-9_-]{0,29})?"
_FIELD: Final = re.compile(
    r"name\.(?:prefix|given|middle|family|suffix|nickname)|organization\.(?:name|title|department)"
    rf"|(?:email|phone){_TYPE}|address{_TYPE}\.(?:street|city|region|postal_code|country|formatted)"
    r"|display_name|birthday|notes|urls|labels|ignore"
)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,3}")


def is_field(name: str) -> bool:
    """Whether a column may be mapped to that."""
    return _FIELD.fullmatch(name) is not None


def mapped(columns: Sequence[Column], said: Mapping[str, str]) -> dict[int, str]:
    """The field of each column: what is `said` of it, else what was recognised. What is ignored is left out.

    A column that was recognised as what is said of another is kept as a note. Raises BadRequestError with a sentence
    for the person.
    """
    for place, field in said.items():
        if not _NUMBER.fullmatch(place) or int(place) >= len(columns):
            raise BadRequestError(f"There is no column {place[:20]!r}: they are numbered from 0 to {len(columns) - 1}.")
        if not is_field(field):
            raise BadRequestError(f"Column {place} cannot be {field[:60]!r}: there is no such field.")
    taken = ONCE.intersection(said.values())
    for field in sorted(taken):
        if list(said.values()).count(field) > 1:
            raise BadRequestError(
                f"Only one column can be {field!r}: map the others to something else, or to 'ignore'."
            )
    fields = {column.index: "notes" if column.field in taken else column.field for column in columns}
    fields |= {int(place): field for place, field in said.items()}
    return {index: field for index, field in fields.items() if field != "ignore"}
