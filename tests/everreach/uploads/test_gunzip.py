"""Packed files come out whole, in small pieces, and what is no packed file is refused."""

import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import BadRequestError
from everreach.uploads.gunzip import UNPACKED_BYTES, Gunzip

TEXT = random.Random(7).randbytes(3 * UNPACKED_BYTES) + b"x" * 9 * UNPACKED_BYTES


def unpacked(packed: bytes, step: int) -> list[bytes]:
    gunzip = Gunzip()
    found = [data for place in range(0, len(packed), step) for data in gunzip.feed(packed[place : place + step])]
    gunzip.finish()
    return found


@pytest.mark.parametrize("step", [1024, 65536, 10**9])
def test_what_was_packed_comes_out_in_small_pieces(step: int) -> None:
    found = unpacked(gzip.compress(TEXT), step)
    assert b"".join(found) == TEXT
    assert max(map(len, found)) <= UNPACKED_BYTES


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50), st.integers(0, 9))
def test_members_behind_each_other_are_one_file(parts: list[bytes], step: int, padding: int) -> None:
    packed = b"".join(map(gzip.compress, parts)) + b"\0" * padding
    assert b"".join(unpacked(packed, step)) == b"".join(parts)


@given(st.binary(max_size=300), st.integers(1, 50), st.data())
def test_what_is_cut_off_is_refused(text: bytes, step: int, data: st.DataObject) -> None:
    packed = gzip.compress(text)
    with pytest.raises(BadRequestError):
        unpacked(packed[: data.draw(st.integers(1, len(packed) - 1))], step)


@given(st.binary(min_size=1, max_size=60), st.integers(1, 50))
def test_what_follows_is_packed_or_refused(rest: bytes, step: int) -> None:
    rest = b"\x01" + rest
    with pytest.raises(BadRequestError):
        unpacked(gzip.compress(b"Ada") + rest, step)
