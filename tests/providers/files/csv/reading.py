"""A whole CSV file, read as an import does it."""

from pathlib import Path
from typing import Any

from everreach.contacts.page import Entry
from providers.files.csv.contact import RowShaper
from providers.files.csv.first_look import HEAD, FirstLook, first_look
from providers.files.csv.mapping import mapped
from providers.files.csv.rows import RowReader
from providers.files.encoding import EncodingWatch

BOOKS = Path(__file__).parent / "books"


def looked_at(data: bytes) -> FirstLook:
    watch = EncodingWatch()
    watch.feed(data)
    return first_look(data[:HEAD], watch.result(), whole=len(data) <= HEAD)


def entries(data: bytes, said: dict[str, str] | None = None) -> list[Entry]:
    look = looked_at(data)
    shaper = RowShaper(mapped(look.columns, said or {}), look.header)
    reader = RowReader(look.dialect, look.encoding)
    return [shaper.entry(row) for row in [*reader.feed(data), *reader.finish()]]


def contacts(data: bytes, said: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The contacts without what they lack."""
    made = [entry.contact for entry in entries(data, said)]
    return [{name: value for name, value in (contact or {}).items() if value} for contact in made]


def book(name: str) -> bytes:
    return (BOOKS / f"{name}.csv").read_bytes()
