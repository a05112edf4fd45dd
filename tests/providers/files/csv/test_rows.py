"""The rows of CSV files: read alike in whatever pieces they come, and none lost for the fault of another."""

import csv
import io
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from providers.files.csv.dialect import Dialect
from providers.files.csv.row import Row
from providers.files.csv.rows import BLOCK, RowReader

THREE = Dialect(width=3)
MIB = 1024 * 1024
NEVER_CLOSED = "A quote that is never closed was taken as closed at the end of its line."
# Mostly what has a meaning in CSV: bytes at random would hardly ever come to a quoted cell.
SIGNS = [b'"', b'""', b",", b"\n", b"\r\n", b"\r", b" ", b"a", b"\0", b"\xff", "é".encode(), b'","', b',"']
FILES = st.lists(st.sampled_from(SIGNS), max_size=60).map(b"".join) | st.binary(max_size=200)


def rows(data: bytes, dialect: Dialect = THREE, encoding: str = "UTF-8", piece: int = BLOCK) -> list[Row]:
    reader = RowReader(dialect, encoding)
    found = [row for start in range(0, len(data), piece) for row in reader.feed(data[start : start + piece])]
    return found + reader.finish()


def cells(data: bytes, dialect: Dialect = THREE, encoding: str = "UTF-8") -> list[list[str]]:
    return [row.cells for row in rows(data, dialect, encoding)]


def test_each_row_knows_its_number_and_its_place() -> None:
    data = b'a,b\r\n\r\n"c\nd",e\n,\nf'
    found = [(row.number, data[row.offset : row.next], row.cells) for row in rows(data)]
    assert found == [(1, b"a,b\r\n", ["a", "b"]), (2, b'"c\nd",e\n', ["c\nd", "e"]), (3, b"f", ["f"])]


def test_line_ends_may_be_mixed_and_zeros_mean_nothing() -> None:
    assert cells(b"a,1\nb,2\r\nc,3\rd\0,\x004\n") == [["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]]


def test_short_and_long_rows_are_read_as_they_are() -> None:
    assert cells(b"a\nb,2,3,4,5\n,,c\n") == [["a"], ["b", "2", "3", "4", "5"], ["", "", "c"]]


def test_a_quote_that_begins_no_cell_is_text() -> None:
    data = b'6" pipe,b\n"said "ok" twice",d\n"e" f,"g" \n'
    assert cells(data) == [['6" pipe', "b"], ['said "ok" twice', "d"], ['e" f,"g']]


def test_a_blank_before_a_quote_means_nothing_where_the_file_is_written_so() -> None:
    data = b'"a", "b, c"\n"d", "e\n'
    assert cells(data, Dialect(spaced=True)) == [["a", "b, c"], ["d", "e"]]


def test_a_quote_that_is_never_closed_ends_with_its_line() -> None:
    """The cells that it swallowed are in their places all the same."""
    data = b'Alan,"never closed,x\nMary,plain,m@x.org\nJoan,plain,j@x.org\n'
    found = [(data[row.offset : row.next], row.cells, row.warning) for row in rows(data)]
    assert found == [
        (b'Alan,"never closed,x\n', ["Alan", "never closed,x", "x"], NEVER_CLOSED),
        (b"Mary,plain,m@x.org\n", ["Mary", "plain", "m@x.org"], None),
        (b"Joan,plain,j@x.org\n", ["Joan", "plain", "j@x.org"], None),
    ]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(b'Mary,"fine",3\n', id="a cell is opened in the next line"),
        pytest.param(b'"Mary","fine","3"\n', id="the next line begins with a quote"),
        pytest.param(b"Mary,fine,3\n" * 9000 + b'6",6,6\n', id="32 KiB of records follow"),
    ],
)
def test_a_quote_that_is_never_closed_is_known_by_the_records_behind_it(after: bytes) -> None:
    first, second, *_ = rows(b'Alan,"never closed\n' + after + b'last,"1","2"\n')
    assert (first.cells, first.warning, second.cells) == (
        ["Alan", "never closed"],
        NEVER_CLOSED,
        ["Mary", "fine", "3"],
    )


@pytest.mark.parametrize(
    ("record", "what"),
    [
        pytest.param(b"x," * 512 + b"x", "513 columns; 512 are the most", id="columns"),
        pytest.param(b'x,"' + b"y" * 32768 + b'z"', "more than 32 KiB in column 2", id="a cell"),
        pytest.param(b'x,"' + b"y\n" * 20000 + b'"', "more than 32 KiB in column 2", id="a cell of lines"),
        pytest.param((b"z" * 30000 + b",") * 40, "more than 1024 KiB", id="a row"),
        pytest.param(b'x,"' + b"y" * 2 * MIB + b'"', "more than 1024 KiB", id="a row of one line"),
        pytest.param(b'x,"' + b"y\n" * MIB + b'"', "more than 1024 KiB", id="a row of many lines"),
        pytest.param(b'x,"' + b'""\r\n' * MIB + b'"', "more than 1024 KiB", id="a row of many quotes"),
    ],
)
def test_a_record_that_is_too_long_fails_alone(record: bytes, what: str) -> None:
    data = b"a,b,c\n" + record + b"\nd,e,f\n"
    before, failed, after = rows(data)
    assert (before.cells, after.cells) == (["a", "b", "c"], ["d", "e", "f"])
    assert failed.failure == f"too_long: record 2 has {what}."
    assert (failed.offset, failed.next, len(failed.cells[0]) <= 1000) == (6, 7 + len(record), True)
    assert rows(data, piece=100_000) == [before, failed, after]


def test_the_longest_that_may_be_is_read() -> None:
    longest = b",".join([b"x" * 2000] * 512)
    assert [row.failure for row in rows(longest + b"\n" + b"y" * 32768 + b"\n", Dialect())] == [None, None]


def test_a_byte_that_cannot_be_decoded_damages_its_own_cell() -> None:
    assert cells(b"Jos\xe9,b\nZo\xc3\xab,d\n") == [["Jos\ufffd", "b"], ["Zoë", "d"]]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16LE", "UTF-16BE", "windows-1252", "Shift_JIS", "GB18030"])
@pytest.mark.parametrize("piece", [7, BLOCK])
def test_places_are_those_of_the_file_in_every_encoding(encoding: str, piece: int) -> None:
    name = {"windows-1252": "Zoë", "Shift_JIS": "表 太郎", "GB18030": "王小明"}.get(encoding, "Zoë 😀")
    mark = "\ufeff" if encoding.startswith("UTF") else ""
    data = f'{mark}{name},1\r\n"{name}\r\n","{name}\n\n\n{name},2'.encode(encoding)
    found = rows(data, Dialect(width=2), encoding, piece)
    assert [row.cells for row in found] == [[name, "1"], [f"{name}\r\n", name], [name, "2"]]
    assert [data[row.offset : row.next].decode(encoding) for row in found] == [
        f"{name},1\r\n",
        f'"{name}\r\n","{name}\n',
        f"{name},2",
    ]


def test_the_rows_up_to_the_header_are_no_records() -> None:
    data = b'Notes:\n"two\nlines"\n\nName,E-mail\nAda,a@x.org\n'
    (row,) = rows(data, Dialect(header_row=4, width=2))
    assert (row.number, row.offset, row.cells) == (1, data.index(b"Ada"), ["Ada", "a@x.org"])
    assert [row.cells for row in rows(b"sep=;\nAda;b\n", Dialect(";", None, 1))] == [["Ada", "b"]]


def test_an_encoding_that_no_text_is_in_is_refused() -> None:
    with pytest.raises(ValueError, match="cp037"):
        RowReader(THREE, "cp037")


@contextmanager
def small_limits(block: int) -> Iterator[None]:
    """Limits that the files here reach, and blocks whose edges fall everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("rows", "row", "records"):
            patch.setattr(f"providers.files.csv.{module}.CELL_LIMIT", 12)
            patch.setattr(f"providers.files.csv.{module}.ROW_LIMIT", 30)
        patch.setattr("providers.files.csv.rows._ENOUGH", 34)
        patch.setattr("providers.files.csv.rows.BLOCK", block)
        yield


@given(FILES, st.integers(1, 5), st.sampled_from(["UTF-8", "UTF-16LE"]), st.booleans())
@settings(max_examples=400)
@example(b"aa\r\nb\n", 1, "UTF-8", False)
@example(b'"a\r\na,\ra,' + b"b" * 9 + b'\n"x,y\n', 1, "UTF-8", False)
@example(b"a" * 40 + b"\r\nb\n", 1, "UTF-8", False)
@example(b"a" * 30 + b'"\r\n"\nb\n', 1, "UTF-8", False)
def test_pieces_make_no_difference(data: bytes, piece: int, encoding: str, spaced: bool) -> None:
    dialect = Dialect(width=2, spaced=spaced)
    with small_limits(piece):
        in_pieces = rows(data, dialect, encoding, 1)
    with small_limits(BLOCK):
        assert in_pieces == rows(data, dialect, encoding)
    assert rows(data, dialect, encoding, 1) == rows(data, dialect, encoding)


@given(FILES)
def test_every_row_but_a_blank_one_comes_once_and_in_its_order(data: bytes) -> None:
    found = rows(data)
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    assert all(one.next <= two.offset for one, two in pairwise(found))
    between = [
        data[one:two]
        for one, two in zip([0, *(row.next for row in found)], [*(row.offset for row in found), len(data)], strict=True)
    ]
    assert not b"".join(between).strip(b'\0,"\r\n \xef\xbb\xbf')


@given(FILES)
def test_reading_goes_on_behind_any_row(data: bytes) -> None:
    found = rows(data)
    for row in found:
        reader = RowReader(THREE, "UTF-8", row.next, row.number)
        assert reader.feed(data[row.next :]) + reader.finish() == found[row.number :]


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=4), max_size=8))
def test_what_is_well_formed_is_read_as_it_was_written(table: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(table)
    texts = [[cell.replace("\0", "") for cell in line] for line in table if any(line)]
    found = [row.cells for row in rows(b"\n" + written.getvalue().encode(errors="replace"))]
    assert found == [[cell.encode(errors="replace").decode() for cell in line] for line in texts]


@pytest.mark.parametrize("unit", [b'"', b"\n", b'"\n', b'a,"b\n', b'"a"b,c\n', b'a "b ', b'"' + b"x\n" * 20, b"a,"])
def test_no_file_takes_much_memory_or_time(unit: bytes) -> None:
    data = unit * (2 * BLOCK // len(unit))
    reader, started = RowReader(THREE, "UTF-8"), time.process_time()
    tracemalloc.start()
    for start in range(0, len(data), BLOCK):
        reader.feed(data[start : start + BLOCK])
    reader.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (peak < 6 * MIB, time.process_time() - started < 30) == (True, True)
