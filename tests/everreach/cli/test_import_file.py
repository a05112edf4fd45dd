"""`everreach import`: a file goes in by the same way and the same engine, and nothing is left of one that did not."""

import asyncio
import io
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from rich.console import Console

from everreach.__main__ import main
from everreach.cli.import_file import Order, import_file
from everreach.errors import EverReachError
from everreach.jobs.options import WithoutEmail
from handlers.asked import HowToRead
from providers.sandbox.book import Book
from providers.sandbox.files.csv_file import outlook_csv
from providers.sandbox.files.vcard_file import vcards
from providers.sandbox.people import Person, person
from storage.indexes import CONTACTS, JOBS, UPLOAD_CHUNKS, UPLOADS
from storage.mongo import Database
from tests.everreach.cli.test_erase import Terminal
from tests.everreach.cli.test_keys import started
from tests.everreach.test_config import bare as bare  # noqa: PLC0414 - the same empty environment, as a fixture here.
from tests.everreach.test_main import good, run
from tests.handlers.edge import until
from tests.storage.builders import slowly
from tests.world import World, new_user

USER = new_user()
BOOK = Book("ada@files.example", 8000)
PEOPLE = [person(BOOK, number) for number in range(300)]
UNCERTAIN = b"xx,ada\nyy,bob\n"


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(
    screen: io.StringIO, bare: None, monkeypatch: pytest.MonkeyPatch, database: Database, database_uri: str
) -> Console:
    monkeypatch.setenv("MONGODB_URI", database_uri)
    return Console(file=screen, highlight=False, soft_wrap=True)


def order(folder: Path, file: bytes, *, sure: bool = False, how: HowToRead | None = None) -> Order:
    path = folder / "people.txt"
    path.write_bytes(file)
    return Order(path, USER, how or HowToRead(), sure)


async def stored(database: Database) -> dict[str, int]:
    """How many documents there are of the person, but for the jobs."""
    return {name: await database[name].count_documents({}) for name in (CONTACTS, UPLOADS, UPLOAD_CHUNKS)}


@pytest.mark.parametrize("write", [outlook_csv, vcards])
@pytest.mark.gen_test
async def test_a_file_of_either_kind_is_imported_to_its_end_and_then_gone(
    tmp_path: Path,
    console: Console,
    screen: io.StringIO,
    database: Database,
    write: Callable[[Iterable[Person]], bytes],
) -> None:
    assert await import_file(order(tmp_path, write(PEOPLE)), console) == 0
    [job] = await database[JOBS].find().to_list(None)
    assert (job["user_id"], job["status"], job["provider_account_name"]) == (USER, "completed", "people.txt")
    assert job["processed_contacts"] == len(PEOPLE)
    assert job["imported_contacts"] > 200
    assert await stored(database) == {CONTACTS: job["imported_contacts"], UPLOADS: 0, UPLOAD_CHUNKS: 0}
    last = screen.getvalue().splitlines()[-1]
    assert last.startswith(f"Import {job['_id']} completed: {job['imported_contacts']} imported, ")
    assert "@" not in screen.getvalue()
    assert USER not in screen.getvalue()


@pytest.mark.gen_test
async def test_the_same_words_as_the_api_has_say_how_it_is_imported(
    tmp_path: Path, console: Console, database: Database
) -> None:
    how = HowToRead(without_email=WithoutEmail.IMPORT, region="gb")
    assert await import_file(order(tmp_path, b"Name,Phone\nAda,020 7946 0018\n", how=how), console) == 0
    [contact] = await database[CONTACTS].find().to_list(None)
    assert (contact["display_name"], contact["key"]) == ("Ada", "p:+442079460018|ada")


@pytest.mark.parametrize(("answer", "code", "contacts"), [("y\n", 0, 2), ("n\n", 1, 0), ("\n", 1, 0)])
@pytest.mark.gen_test
async def test_where_no_column_is_certain_it_says_so_and_asks(
    tmp_path: Path,
    console: Console,
    screen: io.StringIO,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    contacts: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    how = HowToRead(without_email=WithoutEmail.IMPORT)
    assert await import_file(order(tmp_path, UNCERTAIN, how=how), console) == code
    assert "(uncertain: " in screen.getvalue().partition("Import it like this?")[0]
    assert ("Nothing was imported." in screen.getvalue()) == bool(code)
    assert await stored(database) == {CONTACTS: contacts, UPLOADS: 0, UPLOAD_CHUNKS: 0}


@pytest.mark.gen_test
async def test_where_nobody_can_be_asked_the_columns_have_to_be_named(
    tmp_path: Path, console: Console, database: Database
) -> None:
    with pytest.raises(EverReachError, match="--map"):
        await import_file(order(tmp_path, UNCERTAIN), console)
    [job] = await database[JOBS].find().to_list(None)
    assert job["status"] == "cancelled"
    assert await stored(database) == {CONTACTS: 0, UPLOADS: 0, UPLOAD_CHUNKS: 0}
    how = HowToRead(mapping={"0": "name.family", "1": "display_name"}, without_email=WithoutEmail.IMPORT)
    assert await import_file(order(tmp_path, UNCERTAIN, how=how), console) == 0
    assert {one["display_name"] async for one in database[CONTACTS].find()} == {"ada", "bob"}


@pytest.mark.gen_test
async def test_a_column_that_is_not_there_leaves_nothing_waiting(
    tmp_path: Path, console: Console, database: Database
) -> None:
    with pytest.raises(EverReachError, match="no column '9'"):
        await import_file(order(tmp_path, UNCERTAIN, how=HowToRead(mapping={"9": "email"})), console)
    assert [job["status"] async for job in database[JOBS].find()] == ["cancelled"]
    assert await stored(database) == {CONTACTS: 0, UPLOADS: 0, UPLOAD_CHUNKS: 0}


@pytest.mark.gen_test
async def test_of_what_is_no_address_book_nothing_stays(
    tmp_path: Path, console: Console, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERREACH_MAX_UPLOAD", "2000000")
    for file, reason in {b"%PDF-1.7\n": "CSV", b"": "empty", b"x" * 3_000_000: "too large"}.items():
        with pytest.raises(EverReachError, match=reason):
            await import_file(order(tmp_path, file), console)
    with pytest.raises(EverReachError, match="cannot be read: No such file"):
        await import_file(Order(tmp_path / "none", USER, HowToRead(), sure=True), console)
    assert await stored(database) == {CONTACTS: 0, UPLOADS: 0, UPLOAD_CHUNKS: 0}
    assert await database[JOBS].count_documents({}) == 0


@pytest.mark.gen_test(timeout=60)
async def test_one_that_is_ended_in_the_middle_is_left_to_a_server_with_its_file(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    (tmp_path / "people.vcf").write_bytes(vcards(person(BOOK, number) for number in range(8000)))

    async def status(name: str) -> bool:
        job = await database[JOBS].find_one({"user_id": USER})
        return job is not None and job["status"] == name

    # Each page takes long enough that the signal comes between two, however busy the machine is.
    async with slowly(database, "insert"):
        words = ("import", "people.vcf", "--user", USER)
        with started(tmp_path, *words, **good(MONGODB_URI=database_uri)) as process:
            await until(lambda: status("processing"))
            process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(process.wait, 20) == 130
    assert await status("processing")
    assert (await stored(database))[UPLOAD_CHUNKS] > 0
    world = World(database_uri, {})
    await world.open()
    try:
        await until(lambda: status("completed"))
    finally:
        await world.close()
    job = await database[JOBS].find_one({"user_id": USER})
    assert job is not None
    assert job["processed_contacts"] == 8000
    assert job["imported_contacts"] == (await stored(database))[CONTACTS]


def test_as_a_program_it_reads_the_command_line_and_its_exit_code_can_be_trusted(
    tmp_path: Path, database_uri: str, database: Database
) -> None:
    (tmp_path / "people.csv").write_bytes(UNCERTAIN)
    words = ("import", "people.csv", "--user", USER, "--without-email", "import", "--map", "1=display_name")
    ended = run(tmp_path, *words, **good(MONGODB_URI=database_uri))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "completed: 2 imported, 0 skipped, 0 failed." in ended.stdout


@pytest.mark.parametrize("words", [["--user", "ada"], [], ["--user", USER, "--map", "email"]])
def test_what_is_no_command_is_a_mistake_at_the_command_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["import", "people.csv", *words])
    assert "usage: everreach import" in capsys.readouterr().err
