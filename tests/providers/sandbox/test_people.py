import time
import unicodedata

import pytest

from providers.sandbox.app import Sandbox
from providers.sandbox.book import Book, Shares
from providers.sandbox.people import expected, original, person

BOOK = Book("ada@sandbox.example", 4000)


def test_the_same_account_always_has_the_same_people() -> None:
    assert [person(BOOK, at) for at in range(50)] == [person(Book(BOOK.account, 4000), at) for at in range(50)]


def test_two_accounts_share_no_address() -> None:
    mine, theirs = (
        {address.strip().lower() for at in range(4000) for address in person(book, at).emails}
        for book in (BOOK, Book("bob@sandbox.example", 4000))
    )
    assert not mine & theirs


def test_an_account_is_the_same_in_any_spelling() -> None:
    assert Sandbox().book(" Ada@Sandbox.example ", 5) == Sandbox().book("ada@sandbox.example", 5)


def test_expected_is_what_an_import_by_primary_address_counts() -> None:
    seen: set[str] = set()
    imported = no_email = duplicate = 0
    for at in range(BOOK.size):
        one = person(BOOK, at)
        key = one.emails[one.primary].strip().lower() if one.emails else ""
        no_email += not key
        duplicate += key in seen
        imported += bool(key) and key not in seen
        seen |= {key} if key else set()
    assert expected(BOOK) == (imported, no_email, duplicate)


def test_the_default_shares_are_held() -> None:
    _, no_email, duplicate = expected(BOOK)
    assert 0.04 < no_email / BOOK.size < 0.08
    assert 0.02 < duplicate / BOOK.size < 0.04


@pytest.mark.parametrize(
    ("shares", "counts"),
    [(Shares(no_email=1, duplicate=0), (0, 60, 0)), (Shares(no_email=0, duplicate=0), (60, 0, 0))],
)
def test_the_shares_can_be_chosen(shares: Shares, counts: tuple[int, int, int]) -> None:
    assert expected(Book("ada@sandbox.example", 60, shares)) == counts


def test_a_duplicate_repeats_an_earlier_address_in_another_spelling() -> None:
    copies = [(at, earlier) for at in range(BOOK.size) if (earlier := original(BOOK, at)) is not None]
    assert copies
    for at, earlier in copies:
        one, other = person(BOOK, at), person(BOOK, earlier)
        mine, theirs = one.emails[one.primary], other.emails[other.primary]
        assert earlier < at
        assert mine != theirs
        assert mine.strip().lower() == theirs.strip().lower()


def test_the_people_come_from_many_scripts() -> None:
    names = "".join(person(BOOK, at).display for at in range(1000))
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in names}
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HANGUL", "DEVANAGARI"} <= scripts
    assert {unicodedata.bidirectional(letter) for letter in names} >= {"AL", "R"}
    assert any(unicodedata.category(letter) == "So" for letter in names)


def test_every_peculiarity_occurs() -> None:
    everyone = [person(BOOK, at) for at in range(1000)]
    assert any(one.primary for one in everyone)
    assert any(not one.display and one.jobs for one in everyone)
    assert any(phone.canonical is None for one in everyone for phone in one.phones)
    assert any(one.profile for one in everyone)
    for several in ("emails", "phones", "streets", "jobs"):
        assert any(len(getattr(one, several)) > 1 for one in everyone), several


def test_a_contact_far_out_in_a_book_of_a_million_costs_nothing_before_it() -> None:
    book = Book("ada@sandbox.example", 1_000_000)
    began = time.process_time()
    assert len({person(book, at).key for at in range(999_000, 1_000_000)}) == 1000
    assert time.process_time() - began < 1
