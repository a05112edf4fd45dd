"""A birthday is a day that there is, and says a year only where that is known."""

import pytest

from everreach.contacts.contact import Birthday
from everreach.contacts.dates import birthday


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ((1985, 12, 10), {"year": 1985, "month": 12, "day": 10}),
        ((None, 12, 10), {"month": 12, "day": 10}),
        ((0, 12, 10), {"month": 12, "day": 10}),
        ((1604, 2, 29), {"month": 2, "day": 29}),
        ((None, 2, 29), {"month": 2, "day": 29}),
        ((2000, 2, 29), {"year": 2000, "month": 2, "day": 29}),
        ((1900, 2, 29), None),
        ((1985, 2, 30), None),
        ((1985, 0, 10), None),
        ((1985, 12, None), None),
        ((1985, 13, 1), None),
        ((-5, 1, 1), None),
        ((10**20, 1, 1), None),
        ((1985, 10**20, 1), None),
    ],
)
def test_a_birthday_is_a_day_that_there_is(
    sent: tuple[int | None, int | None, int | None], kept: Birthday | None
) -> None:
    assert birthday(*sent) == kept
