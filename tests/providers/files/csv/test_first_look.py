"""The first look at a CSV file: how it is written, what its columns are, and whether anybody has to be asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.csv.first_look import HEAD, first_look
from tests.providers.files.csv.reading import book, looked_at


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter", "header_row"),
    [
        ("google-new", "UTF-8", ",", 1),
        ("google-old", "UTF-8", ",", 1),
        ("outlook-german", "windows-1252", ";", 1),
        ("linkedin", "UTF-8", ",", 4),
        ("bare-quotes", "UTF-8", ",", 1),
        ("phone-spellings", "UTF-8", ",", 1),
    ],
)
def test_what_is_known_needs_no_question(name: str, encoding: str, delimiter: str, header_row: int) -> None:
    look = looked_at(book(name))
    assert (look.encoding, look.dialect.delimiter, look.dialect.header_row) == (encoding, delimiter, header_row)
    assert (look.certain, look.empty, look.warnings) == (True, False, [])


def test_each_column_has_its_first_values_and_its_reason() -> None:
    rows = "".join(f"Ada {n},{'' if n == 2 else n}\n" for n in range(8))
    name, unknown = looked_at(f"Name,Shoe size\n{rows}".encode()).columns
    assert (name.index, name.header, name.field, name.confidence) == (0, "Name", "display_name", 1.0)
    assert name.samples == ["Ada 0", "Ada 1", "Ada 2", "Ada 3", "Ada 4"]
    assert (unknown.samples, unknown.field, unknown.confidence) == (["0", "1", "3", "4", "5"], "notes", 0.2)
    assert unknown.reason == "Nobody knows what this is: it would be kept as a note."


def test_a_delimiter_that_stands_in_most_values_is_not_taken_for_it() -> None:
    look = looked_at(b"Name;E-mail;Notes\n" + b"King, Ada;a@x.org;one, two, three, four\n" * 5)
    assert (look.dialect.delimiter, look.dialect.width) == (";", 3)


def test_the_delimiter_that_a_file_states_is_taken() -> None:
    look = looked_at(b"sep=|\r\nName|E-mail\r\nAda, b; c|a@x.org\r\n")
    assert (look.dialect.delimiter, look.dialect.header_row) == ("|", 2)
    bare = looked_at(b"sep=;\nAda King;a@x.org\n")
    assert (bare.dialect.header_row, bare.dialect.preamble, bare.columns[1].field) == (None, 1, "email")


def test_a_file_without_a_header_is_read_by_what_its_columns_hold() -> None:
    look = looked_at(b"Ada King;020 7946 0120;ada@example.org;https://example.org\n" * 3)
    assert (look.dialect.header_row, look.dialect.delimiter, look.header) == (None, ";", None)
    assert [column.field for column in look.columns] == ["display_name", "phone", "email", "urls"]
    assert (look.certain, look.warnings[0][:23]) == (True, "The file has no header:")


def test_a_record_with_a_word_that_is_known_is_no_header() -> None:
    assert looked_at(b"Ada King,Family,ada@example.org\nBob King,Family,bob@example.org\n").dialect.header_row is None


def test_a_header_of_unknown_words_is_a_header_all_the_same() -> None:
    look = looked_at(b"Wer,Wo\nAda King,ada@example.org\nBob King,bob@example.org\n")
    assert (look.header, look.columns[1].field) == (["Wer", "Wo"], "email")


def test_what_nobody_can_tell_is_asked() -> None:
    look = looked_at(b"alpha,beta\n1,2\n3,4\n")
    assert (look.certain, look.warnings[-1][:28]) == (False, "No column is certainly one o")


def test_a_file_of_a_header_alone_is_empty() -> None:
    assert [looked_at(data).empty for data in (b"", b"Name,E-mail\n", b"Name,E-mail\n,\n", b"Name\nAda\n")] == [
        True
    ] * 3 + [False]


def test_what_somebody_says_who_knows_better_counts() -> None:
    data = b"Name,E-mail\nAda|King,a@x.org\n"
    assert first_look(data, "UTF-8", whole=True, delimiter="|").dialect.delimiter == "|"
    assert first_look(data, "UTF-8", whole=True, header_row=2).header == ["Ada|King", "a@x.org"]
    assert first_look(data, "UTF-8", whole=True, headless=True).dialect.header_row is None
    with pytest.raises(ValueError, match="cp037"):
        first_look(data, "cp037", whole=True)


def test_lost_digits_damaged_signs_and_long_rows_are_told() -> None:
    look = looked_at("Name,Phone\nZo\u00eb,4.42E+11,more\nZ\u00fc,1\nJos".encode() + b"\xe9,2\n")
    assert look.warnings == [
        "Some signs could not be read. Another encoding may fit better.",
        "Some rows have more cells than the header: what is too much is kept as a note.",
        "A spreadsheet has rounded numbers in column Phone (4.42E+11): their last digits are lost.",
    ]


def test_only_the_head_is_looked_at() -> None:
    row = b"Ada,ada@example.org\n"
    look = first_look(b"Name,E-mail\n" + row * HEAD, "UTF-8", whole=False)
    assert [column.field for column in look.columns] == ["display_name", "email"]


@given(st.binary(max_size=300), st.sampled_from(["UTF-8", "UTF-16LE", "windows-1252", "GB18030"]), st.booleans())
def test_any_bytes_can_be_looked_at(data: bytes, encoding: str, whole: bool) -> None:
    assert len(first_look(data, encoding, whole=whole).columns) <= 300
