"""One thing that cannot be done keeps no other waiting, and a database that is away ends the look at once."""

import pytest

from everreach.concurrency.one_by_one import FAILURES, OneByOne
from everreach.errors import DatabaseAwayError, DatabaseError


class Doing:
    """Does things but for some, which fail."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.done: list[str] = []

    async def do(self, thing: str) -> None:
        if error := self.failing.get(thing):
            raise error
        self.done.append(thing)


async def look(work: OneByOne, doing: Doing, things: str) -> None:
    await work.each(things, lambda thing: thing, doing.do)


@pytest.mark.parametrize("error", [ValueError("ada@private.example"), DatabaseError("It is refused.")])
@pytest.mark.gen_test
async def test_one_that_fails_rests_and_the_others_are_done(error: Exception, log_lines: list[str]) -> None:
    work, doing = OneByOne("thing %s could not be done: %s"), Doing(b=error)
    await look(work, doing, "abc")
    assert doing.done == ["a", "c"]
    assert work.resting() == ["b"]
    assert [line for line in log_lines if "thing b could not be done" in line]
    assert not any("private" in line for line in log_lines)


@pytest.mark.gen_test
async def test_one_that_goes_well_rests_no_more() -> None:
    work, doing = OneByOne("%s %s"), Doing(b=ValueError())
    await look(work, doing, "b")
    doing.failing.clear()
    await look(work, doing, "b")
    assert work.resting() == []


@pytest.mark.gen_test
async def test_a_database_that_is_away_ends_the_look() -> None:
    work, doing = OneByOne("%s %s"), Doing(b=DatabaseAwayError())
    with pytest.raises(DatabaseAwayError):
        await look(work, doing, "abc")
    assert doing.done == ["a"]


@pytest.mark.gen_test
async def test_many_failures_in_one_look_are_no_longer_the_things_own() -> None:
    things = "abcdefgh"
    work, doing = OneByOne("%s %s"), Doing(**dict.fromkeys(things, ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await look(work, doing, things)
    assert len(work.resting()) == FAILURES
