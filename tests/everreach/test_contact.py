"""The key of a contact: one person's address is one key, however it is typed. A page, whose entries are shaped late."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.contact import Entries, Entry, email_key

LONGEST = "a" * 308 + "@example.com"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("ada@ex.org", "ada@ex.org"),
        ("  Ada@Ex.ORG\t", "ada@ex.org"),
        ("ada+news@ex.org", "ada+news@ex.org"),
        ("o'hara@ex.org", "o'hara@ex.org"),
        ("ÄDA@Ex.org", "äda@ex.org"),
        ("用户@例子.广告", "用户@例子.广告"),
        ("root@localhost", "root@localhost"),
        (LONGEST, LONGEST),
    ],
)
def test_an_address_is_trimmed_and_lower_cased(address: str, key: str) -> None:
    assert email_key(address) == key


@pytest.mark.parametrize(
    "remark",
    [
        "",
        "   ",
        "n/a",
        "ask her",
        "@ex.org",
        "ada@",
        "a@b@c",
        "ada @ex.org",
        "ada@ex.org, bob@ex.org",
        "Ada <ada@ex.org>",
        "/o=ExchangeLabs/ou=Exchange Administrative Group (X)/cn=Recipients/cn=1f-ada",
        "ada\x00@ex.org",
        "ada@ex.org\nBcc: x@y.z",
        "a" + LONGEST,
    ],
)
def test_what_is_no_address_is_no_key(remark: str) -> None:
    assert email_key(remark) is None


@given(st.text() | st.emails())
def test_a_key_is_its_own_key(address: str) -> None:
    key = email_key(address)
    assert key is None or email_key(key) == key


@given(st.emails(), st.sampled_from(["", " ", "\t", "\u00a0"]))
def test_case_and_space_around_never_make_another_key(address: str, space: str) -> None:
    if email_key(address) and address.isascii():
        assert email_key(space + address.upper() + space) == email_key(address)


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
