"""A page, whose entries are shaped late."""

import msgspec
import pytest

from everreach.contacts.page import Entries, Entry


def test_the_entries_of_a_page_are_shaped_one_by_one_and_only_when_they_are_taken() -> None:
    shaped = []

    def shape(place: int, sent: msgspec.Raw) -> Entry:
        shaped.append(place)
        return Entry(f"{place}:{bytes(sent).decode()}", None, None, sent)

    entries = Entries([msgspec.Raw(b"1"), msgspec.Raw(b"null"), msgspec.Raw(b"{}")], shape)
    assert (len(entries), shaped) == (3, [])
    taken = iter(entries)
    assert (next(taken).id, shaped) == ("0:1", [0])
    assert [one.id for one in taken] == ["1:null", "2:{}"]
    assert (entries[-1].id, [one.id for one in entries[1:]]) == ("2:{}", ["1:null", "2:{}"])
    with pytest.raises(IndexError):
        entries[3]
