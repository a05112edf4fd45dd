"""A file is read in pages, from any place in it, and its import survives what any import survives."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import FileGoneError, ProviderError
from everreach.jobs.options import Reading
from everreach.uploads import open_file as module
from everreach.uploads.open_rows import OpenRows
from storage.files.uploads import PIECE_BYTES
from storage.indexes import CONTACTS, LEDGER
from tests.handlers.edge import until
from tests.handlers.test_uploads_begin import look_now, uploaded
from tests.handlers.test_uploads_stream import everything
from tests.world import World, new_user

T = TypeVar("T")

HEADER = b"Name,E-mail\r\n"


def people(number: int, width: int = 0) -> bytes:
    """A CSV of so many, each row with a name of at least this width."""
    rows = (b"%s %d,p%d@example.org\r\n" % (b"A" * width, place, place) for place in range(number))
    return HEADER + b"".join(rows)


def opened(file: bytes) -> OpenRows:
    """A file of which the pieces lie in memory."""
    reading = Reading(
        size=len(file),
        delimiter=",",
        header_row=1,
        width=2,
        headers=("Name", "E-mail"),
        fields=("display_name", "email"),
    )

    async def piece(n: int) -> bytes:
        if n * PIECE_BYTES >= len(file):
            raise FileGoneError
        return file[n * PIECE_BYTES : (n + 1) * PIECE_BYTES]

    return OpenRows(reading, piece)


async def ids(file: OpenRows, position: str | None = None) -> tuple[list[str], list[str]]:
    """The ids of all entries from a position on, and the positions between the pages."""
    found: list[str] = []
    places: list[str] = []
    while True:
        page = await file.page(position)
        found += [entry.id for entry in page.entries]
        position = page.next
        if position is None:
            return found, places
        places.append(position)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of what waits for nothing but its turn."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result


@pytest.mark.gen_test
async def test_each_record_comes_once_whatever_page_is_begun_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_RECORDS", 700)
    file = people(4000, 600)
    assert len(file) > 2 * PIECE_BYTES
    found, places = await ids(opened(file))
    assert found == [f"r{number}" for number in range(1, 4001)]
    assert len(places) == 5
    for number, place in enumerate(places, 1):
        rest, _ = await ids(opened(file), place)
        assert rest == found[700 * number :]


@pytest.mark.gen_test
async def test_a_page_that_is_asked_for_again_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_RECORDS", 10)
    file = opened(people(35))
    first = await file.page(None)
    second = await file.page(first.next)
    for _ in range(2):
        again = await file.page(first.next)
        assert (list(again.entries), again.next) == (list(second.entries), second.next)


@pytest.mark.parametrize("number", [0, 1, 999, 1000, 1001, 2000])
@pytest.mark.gen_test
async def test_the_last_page_says_that_it_is(number: int) -> None:
    found, places = await ids(opened(people(number)))
    assert (len(found), len(places)) == (number, max(0, (number - 1) // 1000))


@given(st.binary(max_size=400))
def test_whatever_is_in_it_it_ends(rest: bytes) -> None:
    found, _ = at_once(ids(opened(HEADER + rest)))
    assert found == [f"r{number}" for number in range(1, len(found) + 1)]


@pytest.mark.gen_test
async def test_a_file_that_is_gone_fails_its_job_with_a_sentence() -> None:
    file = opened(people(10))
    file._size = 10 * PIECE_BYTES
    with pytest.raises(ProviderError, match="no longer kept"):
        await ids(file)


@pytest.mark.gen_test
async def test_a_file_is_imported_and_goes(world: World) -> None:
    user = new_user()
    file = people(2500) + b"Nobody,\r\nAgain,P7@example.org\r\n"
    job_id = (await uploaded(world, user, "begin=true&filename=my.csv", file))["job_id"]
    job = await world.ended(job_id, user)
    counts = {name: job[f"{name}_contacts"] for name in ("total", "processed", "imported", "skipped", "failed")}
    assert (job["status"], job["error_message"]) == ("completed", None)
    assert counts == {"total": 2502, "processed": 2502, "imported": 2500, "skipped": 2, "failed": 0}
    contact: Any = await world.database[CONTACTS].find_one({"user_id": user, "email": "p7@example.org"})
    assert (contact["display_name"], contact["source"], contact["provider_contact_id"]) == ("7", "csv_import", "r8")
    again = (await uploaded(world, user, "begin=true", file))["job_id"]
    assert (await world.ended(again, user))["skipped_contacts"] == 2502
    await look_now(world.database)

    async def only_what_was_imported() -> bool:
        left = await everything(world)
        return left == {"contact_import_jobs": 2, CONTACTS: 2500, LEDGER: 5004}

    await until(only_what_was_imported)


@pytest.mark.gen_test
async def test_a_failed_import_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    user, page = new_user(), OpenRows.page
    places: list[str | None] = []

    async def fails_at_the_second(self: OpenRows, position: str | None) -> Any:
        places.append(position)
        if position and len(places) < 4:
            raise ProviderError("It failed.")
        return await page(self, position)

    monkeypatch.setattr(OpenRows, "page", fails_at_the_second)
    job_id = (await uploaded(world, user, "begin=true", people(2500)))["job_id"]
    assert (await world.ended(job_id, user))["status"] == "failed"
    monkeypatch.setattr(OpenRows, "page", page)
    assert (await world.api("POST", f"/jobs/{job_id}/retry", user)).json == {"job_id": job_id, "provider": "csv"}
    job = await world.ended(job_id, user)
    assert (job["status"], job["imported_contacts"], job["processed_contacts"]) == ("completed", 2500, 2500)


CARDS = b"""BEGIN:VCARD
VERSION:3.0
UID:ada
FN:Ada King
N:King;Ada;;;
EMAIL;TYPE=INTERNET:Ada@example.org
BDAY:--1210
NOTE:Likes\\nmaths
END:VCARD
BEGIN:VCARD
VERSION:4.0
KIND:group
FN:Mathematicians
MEMBER:urn:uuid:ada
END:VCARD
BEGIN:VCARD
VERSION:2.1
N:Babbage;Charles
EMAIL;INTERNET:charles@example.org
END:VCARD
BEGIN:VCARD
VERSION:3.0
END:VCARD
"""


@pytest.mark.gen_test
async def test_the_cards_of_a_file_are_imported_with_the_groups_that_they_are_in(world: World) -> None:
    user = new_user()
    answer = await uploaded(world, user, "begin=true&filename=my.vcf", CARDS)
    assert (answer["provider"], answer["records"], answer["columns"]) == ("vcard", 3, [])
    job = await world.ended(answer["job_id"], user)
    assert (job["status"], job["imported_contacts"], job["failed_contacts"]) == ("completed", 2, 1)
    ada: Any = await world.database[CONTACTS].find_one({"user_id": user, "email": "ada@example.org"})
    assert (ada["provider_contact_id"], ada["source"], ada["labels"]) == ("ada", "vcard_import", ["Mathematicians"])
    assert (ada["name"], ada["birthday"]) == ({"given": "Ada", "family": "King"}, {"month": 12, "day": 10})
    assert ada["notes"] == "Likes\nmaths"
    failed: Any = await world.database[LEDGER].find_one({"user_id": user, "action": "failed"})
    assert failed["provider_contact_id"] == "r3"
    assert "record 3" in failed["error_message"]
    assert "BEGIN:VCARD" in failed["raw_data"]


@pytest.mark.gen_test
async def test_large_records_make_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", 2000)
    file = people(50, 900)
    found, places = await ids(opened(file))
    assert found == [f"r{number}" for number in range(1, 51)]
    assert len(places) == 24
    monkeypatch.setattr(module, "PAGE_BYTES", 10)
    assert (await ids(opened(file)))[0] == found


@pytest.mark.gen_test
async def test_nobody_is_lost_for_want_of_an_email_where_that_is_asked_for(world: World) -> None:
    user = new_user()
    numbers = b"".join(b"Person %d,,020 7946 01%02d\r\n" % (place, place) for place in range(10))
    international = b"".join(b"Abroad %d,,+44 20 7946 02%02d\r\n" % (place, place) for place in range(10))
    file = (
        b"Name,E-mail,Phone\r\n" + numbers + international + b"Person 3,,+44 20 7946 0103\r\nAda,ada@example.org,\r\n"
    )
    for imported, skipped in ((21, 1), (0, 22)):
        job_id = (await uploaded(world, user, "", file))["job_id"]
        begun = await world.api("POST", f"/jobs/{job_id}/begin", user, b'{"without_email": "import"}')
        assert begun.status == 200
        job = await world.ended(job_id, user)
        assert (job["status"], job["imported_contacts"], job["skipped_contacts"]) == ("completed", imported, skipped)
    # Ten numbers of the book's own say where it is from.
    assert await world.database[CONTACTS].count_documents({"user_id": user, "key": "p:+442079460105|person 5"}) == 1


@pytest.mark.gen_test
async def test_what_a_contact_lacks_is_filled_in_where_that_is_asked_for(world: World) -> None:
    user = new_user()
    first = await uploaded(world, user, "begin=true", b"Name,E-mail\r\nAda,ada@example.org\r\n")
    await world.ended(first["job_id"], user)
    file = b"Name,E-mail,Phone\r\nA. King,ada@example.org,020 7946 0150\r\nBob,bob@example.org,\r\n"
    job_id = (await uploaded(world, user, "", file))["job_id"]
    await world.api("POST", f"/jobs/{job_id}/begin", user, b'{"duplicates": "fill"}')
    job = await world.ended(job_id, user)
    assert (job["imported_contacts"], job["updated_contacts"], job["skipped_contacts"]) == (2, 1, 0)
    ada: Any = await world.database[CONTACTS].find_one({"user_id": user, "email": "ada@example.org"})
    assert (ada["display_name"], ada["phones"][0]["value"]) == ("Ada", "020 7946 0150")
    rows = (await world.api("GET", f"/jobs/{job_id}/contacts?action=updated", user)).json["contacts"]
    assert [row["contact_id"] for row in rows] == [str(ada["_id"])]
