"""Birthdays in cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.csv.birthday import birthday_of


@pytest.mark.parametrize(
    "cell",
    [
        "1985-12-10",
        "10.12.1985",
        "12/10/1985",
        "19851210",
        "1985/12/10",
        "10 Dec 1985",
        "Dec 10, 1985",
        "1985-12-10T00:00:00Z",
    ],
)
def test_a_birthday_is_read_in_many_forms(cell: str) -> None:
    assert birthday_of(cell) == {"year": 1985, "month": 12, "day": 10}


def test_which_is_the_month_is_seen_where_it_can_be() -> None:
    assert birthday_of("25/12/1985") == birthday_of("12/25/1985") == {"year": 1985, "month": 12, "day": 25}


@pytest.mark.parametrize("cell", [" --12-10", "--1210", "1604-12-10", "10.12.85"])
def test_a_birthday_may_have_no_year(cell: str) -> None:
    assert birthday_of(cell) == {"month": 12, "day": 10}


@pytest.mark.parametrize("cell", ["0.0.00", "0/0/00", "", "soon", "1985", "31.02.1985", "13/13/1985", "0000-00-00"])
def test_what_is_no_day_is_none(cell: str) -> None:
    assert birthday_of(cell) is None


@given(st.text(alphabet="0123456789-/. DecTZ", max_size=16))
def test_no_text_is_too_strange(cell: str) -> None:
    assert birthday_of(cell) is None or birthday_of(cell)
