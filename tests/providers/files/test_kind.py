"""Whether a file is CSV, vCard, or neither: by what is in it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.kind import kind_of

CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada King\r\nEND:VCARD\r\n"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (CARD, "vcard"),
        (b"\xef\xbb\xbf\r\n\r\n" + CARD.lower(), "vcard"),
        (b"exported by a phone\r\n" + CARD, "vcard"),
        (b"Name,E-mail\r\nAda,a@x.org\r\n", "csv"),
        (b"Ada King\tada@example.org\r\n", "csv"),
        (b"ada@example.org\n", "csv"),
        (b"Name,Notes\nAda,BEGIN:VCARD\n", "csv"),
        (b"Name\nJos\xe9 Garc\0a" + b", and so on" * 9, "csv"),
        (b"", None),
        (b" \r\n\0", None),
        (b"PK\x03\x04sheet.xml", None),
        (b"%PDF-1.7\n", None),
        (b"<!DOCTYPE html><p>Sign in</p>", None),
        (b"<?xml version='1.0'?>", None),
        (b'{"error": "not found"}', None),
        (b'[{"name": "Ada"}]', None),
        (bytes(range(256)) * 4, None),
    ],
)
def test_a_file_is_known_by_what_is_in_it(head: bytes, kind: str | None) -> None:
    assert kind_of(head, "UTF-8") == kind


def test_nothing_but_line_ends_is_judged_in_no_time() -> None:
    started = time.process_time()
    assert kind_of(b"\n" * 65536, "UTF-8") is None
    assert time.process_time() - started < 1


def test_the_encoding_is_seen_through() -> None:
    assert kind_of(("\ufeff" + CARD.decode()).encode("utf-16-le"), "UTF-16LE") == "vcard"
    assert kind_of("Name\tE-mail\r\n".encode("utf-16-be"), "UTF-16BE") == "csv"
    assert kind_of(CARD, "cp037") is None


@given(st.binary(max_size=400))
def test_any_bytes_have_an_answer(head: bytes) -> None:
    assert kind_of(head, "UTF-8") in {"csv", "vcard", None}
