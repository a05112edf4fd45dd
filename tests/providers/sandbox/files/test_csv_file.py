"""What the sandbox writes as CSV is what the reader reads out of it, without a question."""

from collections.abc import Callable, Iterable

import pytest

from everreach.jobs.options import Reading
from everreach.uploads.first_look import FileWatch, look
from providers.files.csv.contact import RowShaper
from providers.files.csv.dialect import Dialect
from providers.files.csv.rows import RowReader
from providers.sandbox.book import Book
from providers.sandbox.files.csv_file import google_csv, outlook_csv
from providers.sandbox.people import Person, person

PEOPLE = [person(Book("ada@gmail.example", 300), number) for number in range(300)]


def key_of(one: Person) -> str | None:
    return one.emails[one.primary].strip().lower() if one.emails else None


def read(file: bytes) -> Reading:
    watch = FileWatch()
    watch.see(file)
    seen = look(file, len(file), watch.encoding(), 0)
    assert seen.certain
    return seen.reading


@pytest.mark.parametrize("write", [google_csv, outlook_csv])
def test_a_csv_of_the_sandbox_is_read_without_a_question(write: Callable[[Iterable[Person]], bytes]) -> None:
    file = write(PEOPLE)
    reading = read(file)
    fields = {index: field for index, field in enumerate(reading.fields) if field != "ignore"}
    shaper = RowShaper(fields, reading.headers)
    dialect = Dialect(reading.delimiter or ",", reading.header_row, reading.preamble, reading.spaced, reading.width)
    reader = RowReader(dialect, reading.encoding)
    made = [shaper.entry(row).contact for row in [*reader.feed(file), *reader.finish()]]
    assert [contact and contact["email"] for contact in made] == [key_of(one) for one in PEOPLE]
    if write is google_csv:
        assert [contact and contact.get("notes") for contact in made] == [one.note or None for one in PEOPLE]
        assert [contact and contact.get("labels", []) for contact in made] == [list(one.labels) for one in PEOPLE]
