"""`everreach erase`: it says what it is about to do, asks, and its exit code can be trusted."""

import io
import sys

import pytest
from rich.console import Console

from everreach.__main__ import main
from everreach.cli.erase import GRANT_LEFT, erase
from everreach.errors import EverReachError
from storage.indexes import CONTACTS, JOBS
from storage.mongo import Database
from tests.everreach.test_config import bare as bare  # noqa: PLC0414 - the same empty environment, as a fixture here.
from tests.world import new_user

USER = new_user()


class Terminal(io.StringIO):
    """Where somebody sits who answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(
    screen: io.StringIO, bare: None, monkeypatch: pytest.MonkeyPatch, database: Database, database_uri: str
) -> Console:
    monkeypatch.setenv("MONGODB_URI", database_uri)
    monkeypatch.setattr("everreach.maintenance.erasure.QUIET_SECONDS", 0.05)
    return Console(file=screen, highlight=False, soft_wrap=True)


async def left(database: Database) -> int:
    return await database[CONTACTS].count_documents({"user_id": USER})


@pytest.mark.parametrize(("answer", "code", "remaining"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1)])
@pytest.mark.gen_test
async def test_it_says_what_there_is_and_asks(
    console: Console,
    screen: io.StringIO,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    remaining: int,
) -> None:
    await database[CONTACTS].insert_one({"user_id": USER, "email": "own@example.org"})
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert await erase(USER, sure=False, console=console) == code
    assert await left(database) == remaining
    announced, _, rest = screen.getvalue().partition("Erase it?")
    assert "1 contacts (all of this person's, whoever wrote them: the app's own too)" in announced
    assert "cannot be undone" in announced
    assert ("Nothing was erased." in rest) == bool(code)
    assert ("Nothing is stored of this person any more." in rest) == (not code)
    assert "@" not in screen.getvalue()
    assert USER not in screen.getvalue()


@pytest.mark.gen_test
async def test_where_nobody_can_be_asked_nothing_is_erased_without_yes(console: Console, database: Database) -> None:
    await database[CONTACTS].insert_one({"user_id": USER})
    with pytest.raises(EverReachError, match="--yes"):
        await erase(USER, sure=False, console=console)
    assert await left(database) == 1
    assert await erase(USER, sure=True, console=console) == 0
    assert await left(database) == 0


@pytest.mark.gen_test
async def test_a_person_of_whom_nothing_is_stored_is_done(console: Console, screen: io.StringIO) -> None:
    assert await erase(USER, sure=False, console=console) == 0
    assert screen.getvalue() == "Nothing is stored of this person.\n"


@pytest.mark.gen_test
async def test_a_grant_that_lives_on_has_an_exit_code_of_its_own(
    console: Console, screen: io.StringIO, database: Database
) -> None:
    job = {"_id": "job", "user_id": USER, "provider": "google", "status": "completed", "access_token": "v1.key.box"}
    await database[JOBS].insert_one(job)
    assert await erase(USER, sure=True, console=console) == GRANT_LEFT == 3
    assert "Grants at google: 1 could not be revoked" in screen.getvalue()
    assert await database[JOBS].count_documents({}) == 0


def test_an_id_that_is_none_is_a_mistake_at_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["erase", "ada@example.org", "--yes"])
    assert "a UUID" in capsys.readouterr().err
