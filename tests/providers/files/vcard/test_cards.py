"""Where cards begin and end: alike in whatever pieces a file comes, and whatever is in it."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.vcard.card import CARD_LIMIT, LINES_LIMIT
from providers.files.vcard.cards import CardReader
from providers.files.vcard.contact import entry_of
from tests.providers.files.vcard.exporters import EXPORTERS
from tests.providers.files.vcard.reading import WRITTEN, cards, crlf, overview, whole_and_in_pieces

FILES = {
    **{file.stem: file.read_bytes() for file in WRITTEN.glob("*.vcf")},
    "all": b"".join(data for data, _ in EXPORTERS.values()),
    "utf16be": b"".join(data for data, _ in EXPORTERS.values()).decode("cp1252", "replace").encode("utf-16-be"),
}
ADA, BEFORE, BEHIND = (crlf(f"BEGIN:VCARD\nFN:{name}\nEND:VCARD") for name in ("Ada", "Before", "Behind"))
PIECES = st.sampled_from(
    [
        b"BEGIN:VCARD",
        b"END:VCARD",
        b"begin:vcard \r",
        b"\r\n",
        b"\n",
        b"\r",
        b"\n ",
        b"=\r\n",
        b"AGENT:",
        b"FN:A",
        b"N;CHARSET=SHIFT_JIS:\x95\x5c;\\",
        b"NOTE;ENCODING=QUOTED-PRINTABLE:=C3=",
        b'ADR;TYPE="a:b;c";LABEL=^n:;;\\;',
        b"PHOTO;BASE64:AAAA",
        b"KIND:group",
        b"UID:1",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\0",
        b":",
        b'"',
        b"=",
        b"x" * 1100,
    ]
)
BYTES = st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=40).map(b"".join)


@pytest.mark.parametrize("name", FILES)
def test_reading_goes_on_at_any_card(name: str) -> None:
    data = FILES[name]
    found = whole_and_in_pieces(data)
    assert found
    encoding = {"utf16": "UTF-16LE", "utf16be": "UTF-16BE"}.get(name, "UTF-8")
    for place, card in enumerate(found):
        rest = cards(data[card.next :], 7, offset=card.next, number=card.number, encoding=encoding)
        assert rest == found[place + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_a_card_stands_where_it_says(name: str) -> None:
    data = FILES[name]
    for card in cards(data):
        wide = {"utf16": "utf-16-le", "utf16be": "utf-16-be"}.get(name)
        piece = data[card.offset : card.next]
        assert (piece.decode(wide).encode() if wide else piece) == card.raw


@given(BYTES, st.integers(1, 50))
def test_no_bytes_make_it_fail_and_every_beginning_is_accounted_for(data: bytes, size: int) -> None:
    found = cards(data)
    assert cards(data, size) == found
    known = overview(found)
    for place, card in enumerate(found):
        assert entry_of(card, known).error is None or not card.group
        if data[:2].count(0) == 0 and data[:2] != b"\xff\xfe":
            rest = cards(data[card.next :], size, offset=card.next, number=card.number, encoding="UTF-8")
            assert rest == found[place + 1 :]
    numbers = [card.number for card in found if not card.group]
    assert numbers == list(range(1, len(numbers) + 1))


@given(st.lists(st.sampled_from([b"BEGIN:VCARD", b"FN:A", b"X", b"END:VCARD", b"", b"KIND:x"]), max_size=30))
def test_there_are_as_many_cards_as_beginnings(lines: list[bytes]) -> None:
    assert len(cards(b"\n".join(lines))) == lines.count(b"BEGIN:VCARD")


@pytest.mark.parametrize(
    "inside",
    [
        b"NOTE:" + b"x" * CARD_LIMIT + b"\r\n",
        b"NOTE:x\r\n" * (CARD_LIMIT // 8),
        b"NOTE:x\r\n" + b"\r" * CARD_LIMIT,
    ],
)
def test_a_card_that_is_too_long_fails_alone(inside: bytes) -> None:
    data = BEFORE + b"BEGIN:VCARD\r\n" + inside + b"END:VCARD\r\n" + BEHIND
    for size in (len(data), 100_000):
        before, long, behind = cards(data, size)
        assert (before.failure, behind.failure) == (None, None)
        assert long.failure == f"too_long: record 2, at byte {len(BEFORE)}, has more than {CARD_LIMIT} bytes."
        assert long.raw.startswith(b"NOTE:x")
        assert len(long.raw) <= 1000
        assert (behind.number, behind.raw) == (3, BEHIND)
        assert entry_of(long).error == long.failure


def test_the_longest_card_is_read() -> None:
    start, end = b"BEGIN:VCARD\nFN:", b"\nEND:VCARD\n"
    for more, failed in ((0, False), (1, True)):
        data = start + b"x" * (CARD_LIMIT - len(start) - len(end) + more) + end
        for size in (len(data), 50_000):
            assert [bool(card.failure) for card in cards(data + ADA, size)] == [failed, False]


def test_a_card_of_too_many_lines_fails_alone() -> None:
    def of(line: str, count: int) -> bytes:
        return crlf("BEGIN:VCARD\n" + line * count + "END:VCARD")

    assert [bool(card.failure) for card in cards(of("X:1\n", LINES_LIMIT) + ADA)] == [True, False]
    assert "too_long: record 1, at byte 0, has" in str(cards(of("X:1\n", LINES_LIMIT))[0].failure)
    photo = crlf("BEGIN:VCARD\nPHOTO;ENCODING=BASE64:AAAA\n" + "AAAA\n" * 3000 + "\nFN:Ada\nEND:VCARD")
    assert [card.failure for card in cards(photo)] == [None]
    assert [card.failure for card in cards(of("NOTE:x\n y\n", LINES_LIMIT - 2))] == [None]
    assert [card.failure for card in cards(of("MEMBER:urn:uuid:1\n", 3000).replace(b"\r", b"\rKIND:group\r", 1))] == [
        None
    ]


@pytest.mark.parametrize(
    "endless",
    [
        b"x" * 50_000,
        b"BEGIN:VCARD\nX:" + b"y" * 50_000,
        b"\r" * 50_000,
        b"BEGIN:VCARD\nAGENT:\n" * 200 + b"x" * 46_000 + b"\n",
        b"\0\xd8" * 9000,
    ],
)
def test_what_never_ends_is_never_held(endless: bytes) -> None:
    reader = CardReader()
    reader.feed(b"BEGIN:VCARD\nNOTE:")
    tracemalloc.start()
    try:
        for _ in range(120):
            reader.feed(endless)
        reader.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 14 * 1024 * 1024


def test_a_text_that_only_looks_like_an_edge_is_none() -> None:
    data = crlf("BEGIN:VCARD\nFN:Ada\nNOTE:x END:VCARD\n END:VCARD\nX-END:VCARD\nNOTE:BEGIN:VCARD\nEND:VCARD")
    (card,) = whole_and_in_pieces(data)
    assert card.raw == data


def test_marks_of_files_that_were_joined_are_no_part_of_a_line() -> None:
    assert [card.number for card in whole_and_in_pieces((b"\xef\xbb\xbf" + ADA) * 3)] == [1, 2, 3]


def test_groups_are_no_records() -> None:
    group = crlf("BEGIN:VCARD\nKIND:group\nFN:All\nEND:VCARD")
    found = whole_and_in_pieces(group + ADA + group + BEHIND)
    assert [(card.group, card.number) for card in found] == [(True, 0), (False, 1), (True, 1), (False, 2)]
