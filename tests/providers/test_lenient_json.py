"""What a provider sends is read as far as it can be: one bad field costs that field, never the page."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everreach.errors import OversizeError, TransientError
from providers.google.replies import Connections
from providers.lenient_json import LIST_LIMIT, MENDED_LIMIT, decode, detail
from providers.microsoft.replies import Listing


class Inner(msgspec.Struct):
    text: str | None = None
    flag: bool | None = None


class Outer(msgspec.Struct, rename="camel"):
    some_name: str | None = None
    count: int | None = None
    ratio: float | None = None
    inner: Inner | None = None
    items: list[Inner | None] | None = None
    words: list[str | None] | None = None


def read(document: Any) -> Outer:
    return decode(json.dumps(document).encode(), Outer)


def test_what_is_right_is_read() -> None:
    document = {"someName": "x", "count": 3, "ratio": 0.5, "inner": {"text": "t"}, "items": [{"flag": True}, None]}
    assert read(document) == Outer("x", 3, 0.5, Inner("t"), [Inner(flag=True), None])


def test_what_is_unknown_is_left_out() -> None:
    assert read({"someName": "x", "somename": "y", "extra": {"deep": [1, {}]}, "": None}) == Outer("x")


def test_null_is_nothing() -> None:
    assert read(dict.fromkeys(("someName", "count", "inner", "items", "words"))) == Outer() == read({})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("someName", 5),
        ("someName", ["x"]),
        ("count", "3"),
        ("count", 3.5),
        ("count", True),
        ("ratio", {}),
        ("inner", "text"),
        ("inner", []),
        ("items", {"text": "t"}),
        ("items", "many"),
        ("words", 0),
    ],
)
def test_a_field_of_the_wrong_type_is_dropped_and_the_rest_is_kept(field: str, value: object) -> None:
    right = {"someName": "x", "count": 3, "ratio": 0.5, "inner": {"text": "t"}, "items": [], "words": ["w"]}
    rest = {name: kept for name, kept in right.items() if name != field}
    assert read({**right, field: value}) == read(rest)


def test_what_is_wrong_inside_is_dropped_there_alone() -> None:
    document = {"someName": "x", "items": [{"text": "a"}, {"text": 5, "flag": True}, "no object", 7, {"text": "b"}]}
    assert read(document) == Outer("x", items=[Inner("a"), Inner(flag=True), None, None, Inner("b")])
    assert read({"words": ["a", 5, None, "b"]}).words == ["a", None, None, "b"]


def test_a_lone_surrogate_costs_one_letter() -> None:
    assert decode(b'{"someName": "a\\ud800b", "count": 3}', Outer) == Outer("a?b", 3)
    assert decode(b'{"someName": "\\ud83d\\ude00"}', Outer) == Outer("\U0001f600")


def test_bytes_that_are_no_utf8_cost_one_letter() -> None:
    assert decode(b'{"someName": "a\xffb", "count": 3}', Outer) == Outer("a\ufffdb", 3)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
def test_numbers_that_are_none_cost_one_field(number: bytes) -> None:
    body = b'{"someName": "x", "count": 3, "ratio": ' + number + b', "extra": ' + number + b"}"
    assert decode(body, Outer) == Outer("x", 3)


@pytest.mark.parametrize("digits", [20, 40, 400])
def test_whole_numbers_beyond_64_bits_are_read_or_left_out(digits: int) -> None:
    body = b'{"someName": "x", "extra": ' + b"9" * digits + b', "ratio": "no"}'
    assert decode(body, Outer) == Outer("x")


def test_a_number_of_five_thousand_digits_costs_one_field() -> None:
    assert decode(b'{"someName": "x", "count": ' + b"9" * 5000 + b"}", Outer) == Outer("x")


def test_a_total_beyond_64_bits_is_left_out() -> None:
    assert decode(b'{"totalItems": 99999999999999999999}', Connections).total_items is None


def test_a_byte_order_mark_is_no_harm() -> None:
    assert decode(b'\xef\xbb\xbf{"someName": "x"}', Outer) == Outer("x")


@pytest.mark.parametrize("type_", [Outer, Connections, Listing])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"null",
        b"[]",
        b'"text"',
        b"5",
        b'{"someName": "x"',
        b'{"someName": "x"} trailing',
        b"\x00\x01\x02",
        b'{"a":' * 100_000,
        b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_object_at_all_may_be_another_time(body: bytes, type_: type[msgspec.Struct]) -> None:
    with pytest.raises(TransientError):
        decode(body, type_)
    assert detail(body, type_) == type_()


def test_moderate_nesting_is_no_harm() -> None:
    assert decode(b'{"someName": "x", "count": "", "deep":' + b"[" * 200 + b"]" * 200 + b"}", Outer) == Outer("x")


KEYS = st.sampled_from([*Connections.__struct_encode_fields__, *Listing.__struct_encode_fields__, "names", "id"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800\udfff\udc00")
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner, max_size=4)
)


def test_a_listing_that_cannot_be_told_from_its_end_is_none() -> None:
    wrong: list[dict[str, Any]] = [{"connections": "many"}, {"connections": {}}, {"nextPageToken": 5}]
    for body in wrong:
        with pytest.raises(TransientError):
            decode(json.dumps(body).encode(), Connections)
    assert decode(b'{"connections": null, "nextPageToken": null, "totalItems": "7"}', Connections) == Connections()


def test_what_does_not_fit_costs_no_more_than_it_may() -> None:
    # As large as one contact may be: no step of the event loop may take long for it.
    wrong = b'{"items": [' + b"5," * 120_000 + b'{"text": "lost"}], "someName": "x"}'
    began = time.perf_counter()
    read_one = decode(wrong, Outer)
    assert time.perf_counter() - began < 0.5
    assert (read_one.some_name, read_one.items) == ("x", [None] * LIST_LIMIT)


def test_a_page_with_odd_items_is_read_without_reading_them() -> None:
    items = b"[" + b",".join([b'{"names": [NaN], "x": "' + b"y" * 1000 + b'"}'] * 2000) + b"]"
    # Only the standard library knows that number, and it is not let near two million bytes.
    with pytest.raises(OversizeError):
        decode(b'{"connections": ' + items + b"}", Connections)
    page = decode(b'{"connections": ' + items.replace(b"NaN", b'"\\ud800"') + b', "totalItems": "x"}', Connections)
    assert len(page.connections or ()) == 2000
    with pytest.raises(OversizeError):
        decode(b'{"connections": [], "totalItems": "x", "padding": "' + b"y" * MENDED_LIMIT + b'"}', Connections)


@settings(max_examples=150)
@given(JSON)
def test_no_json_is_ever_anything_but_read_or_refused(document: object) -> None:
    for type_ in (Connections, Listing):
        try:
            read_one = decode(json.dumps(document).encode(), type_)
        except TransientError:
            assert not isinstance(document, dict) or set(document) & set(type_.__struct_encode_fields__)
        else:
            assert isinstance(read_one, type_)
            msgspec.json.encode(read_one)


@given(st.binary())
def test_no_bytes_are_ever_anything_but_read_or_refused(body: bytes) -> None:
    for type_ in (Connections, Listing):
        assert isinstance(detail(body, type_), type_)
