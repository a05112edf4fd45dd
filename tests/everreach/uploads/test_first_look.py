"""What a file is: told by its first part, unless a person knows better."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import BadRequestError, UnsupportedFileError
from everreach.jobs.options import Reading
from everreach.uploads.first_look import FileWatch, Seen, Ways, look

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë\r\nEND:VCARD\r\n"
CSV = (
    "First Name,Last Name,E-mail 1 - Value,Shoe size\r\nZoë,Lovelace,zoe@example.org,42\r\n\r\nAl,,al@example.org,\r\n"
)


def seen(file: bytes, step: int = 1000, **ways: Any) -> Seen:
    watch = FileWatch()
    for place in range(0, len(file), step):
        watch.see(file[place : place + step])
    watch.overview()
    return look(file, len(file), watch.encoding(), watch.records, Ways(**ways))


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_of_cards_is_one_in_any_encoding(codec: str, step: int) -> None:
    found = seen((CARD + CARD.lower()).encode(codec), step)
    assert (found.provider, found.records, found.columns, found.certain) == ("vcard", 2, (), True)
    assert found.reading.encoding == {"utf-16": "UTF-16LE", "cp1252": "windows-1252"}.get(codec, "UTF-8")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "cp1252"])
def test_of_a_csv_the_columns_are_told(codec: str) -> None:
    found = seen(CSV.encode(codec))
    assert [(column.header, column.field, column.samples[:1]) for column in found.columns] == [
        ("First Name", "name.given", ["Zoë"]),
        ("Last Name", "name.family", ["Lovelace"]),
        ("E-mail 1 - Value", "email", ["zoe@example.org"]),
        ("Shoe size", "notes", ["42"]),
    ]
    assert (found.provider, found.records, found.certain) == ("csv", 2, True)
    reading = found.reading
    assert (reading.delimiter, reading.header_row, reading.size) == (",", 1, len(CSV.encode(codec)))
    assert reading.fields == ("name.given", "name.family", "email", "notes")
    assert reading.headers == ("First Name", "Last Name", "E-mail 1 - Value", "Shoe size")


def test_a_person_may_know_better() -> None:
    file = b"a;b,c;ada@example.org\r\nd;e,f;bob@example.org\r\n"
    found = seen(file, delimiter=",", header_row=1, mapping={"0": "display_name", "1": "ignore"})
    assert found.reading == Reading(
        size=len(file),
        delimiter=",",
        header_row=1,
        width=2,
        headers=("a;b", "c;ada@example.org"),
        fields=("display_name", "ignore"),
    )
    assert seen(file, header_row=None).reading.headers is None
    assert seen("Zoë,zoe@example.org".encode("cp1252"), encoding="ISO-8859-1").columns[0].samples == ["Zoë"]


@pytest.mark.parametrize(
    "ways",
    [
        {"mapping": {"9": "email"}},
        {"mapping": {"-1": "email"}},
        {"mapping": {"first": "email"}},
        {"mapping": {"0": "shoe_size"}},
        {"mapping": {"0": "display_name", "1": "display_name"}},
        {"encoding": "klingon"},
        {"encoding": "rot13"},
        {"encoding": "UTF-32"},
        {"delimiter": '"'},
        {"delimiter": "a"},
        {"delimiter": "\n"},
        {"delimiter": "é"},
        {"header_row": 900},
        {"header_row": 4},
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(ways: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError) as refused:
        seen(CSV.encode(), **ways)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("ways", [{"mapping": {"0": "email"}}, {"delimiter": ","}, {"header_row": 1}])
def test_a_vcard_has_no_columns(ways: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError, match="no columns"):
        seen(CARD.encode(), **ways)
    assert seen(CARD.encode(), header_row=None, encoding="windows-1252").provider == "vcard"


@pytest.mark.parametrize(
    "file",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b"PK\x03\x04" + bytes(range(256)) * 20,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
        b"<!DOCTYPE html><p>Ada, Bob</p>",
        b'<?xml version="1.0"?><contacts/>',
        b'{"name": "Ada"}',
        b'[{"name": "Ada"}]',
        b"{\\rtf1 Ada}",
    ],
)
def test_what_is_neither_is_refused(file: bytes) -> None:
    for step in (1, 1000):
        with pytest.raises(UnsupportedFileError):
            seen(file, step)


@pytest.mark.parametrize("file", [b"Name,E-mail\r\n", b"\r\n\r\n", b"sep=;\r\n"])
def test_a_file_without_a_record_is_refused(file: bytes) -> None:
    with pytest.raises((BadRequestError, UnsupportedFileError)):
        seen(file)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_whatever_comes_it_is_told_or_refused(file: bytes, step: int) -> None:
    with suppress(BadRequestError, UnsupportedFileError):
        assert seen(file, step).records >= 0


def test_of_a_large_file_the_number_of_records_is_an_estimate() -> None:
    rows = b"".join(b"Ada %d,ada%d@example.org\r\n" % (place, place) for place in range(30_000))
    assert 27_000 < seen(b"Name,E-mail\r\n" + rows, 65536).records < 33_000
