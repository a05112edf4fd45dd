"""A form gives its file alone, in whatever pieces it comes, and is refused where it is none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import BadRequestError
from handlers.multipart import FileForm

KIND = "multipart/form-data; boundary=xyz"
FIELD = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\nA note.\r\n'
TOP = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nX-Other: 1\r\n\r\n'
END = b"\r\n--xyz--\r\n"


def read(form: bytes, step: int) -> tuple[bytes, str | None]:
    """The file in a form that comes in pieces of this size, and its name."""
    reader = FileForm(KIND)
    pieces = [reader.feed(form[place : place + step]) for place in range(0, len(form), step)]
    reader.finish()
    return b"".join(piece for found in pieces for piece in found), reader.filename


@given(st.binary(max_size=300).filter(lambda file: b"--xyz" not in file), st.integers(1, 400), st.booleans())
def test_the_file_is_what_stands_between_its_boundaries(file: bytes, step: int, after: bool) -> None:
    form = TOP + file + b"\r\n" + FIELD + b"--xyz--\r\n" if after else FIELD + TOP + file + END
    assert read(form, step) == (file, "a.csv")


@pytest.mark.parametrize(
    "form",
    [
        b"",
        TOP,
        TOP + b"a",
        TOP + b"a\r\n--xyz",
        FIELD + b"--xyz--\r\n",
        TOP + b"a\r\n" + TOP + b"b" + END,
        b"a,b\r\n1,2\r\n",
        TOP.replace(b": 1", b": " + b"1" * 100_000) + b"a" + END,
        TOP.replace(b"X-Other: 1\r\n", b"X-Other: 1\r\n" * 1000) + b"a" + END,
    ],
)
@pytest.mark.parametrize("step", [1, 10**6])
def test_what_is_no_form_with_one_file_is_refused(form: bytes, step: int) -> None:
    with pytest.raises(BadRequestError):
        read(form, step)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_nothing_else_ever_happens(rest: bytes, step: int) -> None:
    for form in (rest, TOP + rest, FIELD + rest):
        with suppress(BadRequestError):
            read(form, step)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 300}"])
def test_a_form_has_to_say_where_its_parts_end(kind: str) -> None:
    with pytest.raises(BadRequestError):
        FileForm(kind)
