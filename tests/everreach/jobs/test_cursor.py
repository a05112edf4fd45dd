"""No listing goes on for ever: circles of any length are found, and so is one that brings nothing."""

import re
from collections.abc import Iterator
from itertools import chain, cycle, islice
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everreach.errors import ListingExpiredError, ProviderError
from everreach.jobs.cursor import RESTART_LIMIT, Cursor

UNLIMITED = 10**9
CAUGHT = re.compile("goes in circles|points to itself")
LENGTHS = st.integers(1, 50)
TAILS = st.integers(0, 50)


def pages(tail: int, length: int) -> Iterator[str]:
    """The addresses of a listing that runs into a circle."""
    return chain((f"tail-{number}" for number in range(tail)), cycle([f"round-{n}" for n in range(length)]))


def walk(cursor: Cursor, positions: Iterator[str], *, fresh: bool = False, limit: int = UNLIMITED) -> Cursor:
    for position in positions:
        cursor = cursor.after(position, fresh=fresh, barren_limit=limit)
    return cursor


@given(TAILS, LENGTHS)
@example(0, 1)
@example(50, 50)
def test_a_circle_is_found_within_a_few_rounds(tail: int, length: int) -> None:
    with pytest.raises(ProviderError, match=CAUGHT):
        walk(Cursor(), islice(pages(tail, length), 3 * (tail + length) + 3))


@given(TAILS, LENGTHS)
def test_a_circle_is_found_after_any_number_of_good_pages(good: int, length: int) -> None:
    begun = walk(Cursor(), (f"good-{number}" for number in range(good)), fresh=True)
    with pytest.raises(ProviderError, match=CAUGHT):
        walk(begun, islice(pages(0, length), 3 * length + 3))


@given(st.integers(1, 300))
def test_distinct_pages_may_bring_nothing_up_to_the_limit(count: int) -> None:
    cursor = walk(Cursor(), (str(number) for number in range(count)), limit=count)
    assert cursor.barren == count
    with pytest.raises(ProviderError, match="without bringing any more contacts"):
        cursor.after("one more", fresh=False, barren_limit=count)


def test_a_fresh_page_begins_the_count_anew() -> None:
    barren = walk(Cursor(), iter("abcde"), limit=5)
    assert barren.after("f", fresh=True, barren_limit=5) == Cursor("f")


def test_a_page_that_points_to_itself_is_refused_even_if_it_brought_something() -> None:
    with pytest.raises(ProviderError, match="points to itself"):
        Cursor("a").after("a", fresh=True, barren_limit=5)


def test_memory_does_not_grow_with_the_listing() -> None:
    long = walk(Cursor(), ("page-" + "x" * 10_000 + str(number) for number in range(200)))
    assert len(long.mark or "") == 32


def test_an_expired_listing_begins_again_but_not_for_ever() -> None:
    cursor = Cursor()
    for number in range(RESTART_LIMIT):
        cursor = cursor.after(f"page-{number}", fresh=False, barren_limit=UNLIMITED).restarted()
        assert cursor.position is None
        assert cursor.restarts == number + 1
    with pytest.raises(ListingExpiredError):
        cursor.after("page", fresh=False, barren_limit=UNLIMITED).restarted()


def test_something_new_forgives_the_restarts() -> None:
    assert Cursor("a", restarts=RESTART_LIMIT).after("b", fresh=True, barren_limit=5).restarts == 0


def test_a_listing_that_expires_at_its_very_start_is_given_up() -> None:
    with pytest.raises(ListingExpiredError):
        Cursor().restarted()


def test_a_listing_that_began_anew_is_known_to_have_to_its_end() -> None:
    again = Cursor("a").restarted()
    assert again.again
    assert again.after("b", fresh=True, barren_limit=5).again
    assert again.after("b", fresh=False, barren_limit=5).after("c", fresh=False, barren_limit=5).again
    assert not Cursor("a").after("b", fresh=True, barren_limit=5).again


@pytest.mark.parametrize(
    ("announced", "listed", "short"),
    [
        (267, 177, True),
        (None, 0, False),
        (10, 5, False),
        (10, 4, True),
        (1000, 980, False),
        (1000, 979, True),
        (100, 94, True),
        (5, 9, False),
        (6, 0, True),
    ],
)
def test_a_listing_is_short_by_more_than_five_and_two_percent(announced: int | None, listed: int, short: bool) -> None:
    assert Cursor().told(announced).short(listed) is short


def test_what_was_announced_is_kept_on_the_way_and_told_anew() -> None:
    cursor = Cursor().told(7).after("a", fresh=True, barren_limit=5).told(None)
    assert (cursor.announced, cursor.restarted().announced) == (7, 7)
    assert cursor.told(8).announced == 8


def test_a_second_reading_knows_that_it_is_one_and_how_many_came_before() -> None:
    second = Cursor("a").told(267).reread(177)
    assert second == Cursor(again=True, announced=267, listed=177)
    assert second.after("b", fresh=True, barren_limit=5).listed == 177
    assert second.after("b", fresh=False, barren_limit=5).restarted().listed == 177


def test_smaller_pages_go_on_at_their_place_or_begin_again() -> None:
    cursor = walk(Cursor(), iter("ab")).told(7)
    there, anew = cursor.smaller("b-small", anew=False), cursor.smaller("small", anew=True)
    assert (there.position, there.barren, there.again, there.shrunk) == ("b-small", 2, False, True)
    assert (anew.position, anew.barren, anew.again, anew.shrunk) == ("small", 0, True, True)
    assert there.announced == anew.announced == 7
    assert anew.after("c", fresh=True, barren_limit=5).shrunk


@pytest.mark.parametrize("stored", [{}, {"position": "a", "barren": 3, "restarts": 1, "mark": "m", "again": True}])
def test_a_cursor_of_an_older_version_is_read(stored: dict[str, Any]) -> None:
    cursor = msgspec.convert(stored, Cursor)
    assert (cursor.announced, cursor.listed, cursor.shrunk) == (None, None, False)
