"""What the tests of the HTTP edge share: the shapes of answers, the jobs as stored, and a database that fails."""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from handlers import BASE
from tests.world import Answer, World, new_user

PROVIDERS = ("google", "microsoft")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NOT_FOUND = {"error": "Not Found", "message": "Import job not found or access denied"}
SEALED = re.compile(r"v1\.[0-9a-f]{8}\.[\w-]+")
COUNTERS = ("processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")

UNREACHABLE = 89
"""NetworkTimeout: the statement fails, and the next one may go through at once."""
PRIMARY_GOES = 91
"""ShutdownInProgress: the driver waits for another primary before it tries anything more."""

_COMMANDS = ["find", "findAndModify", "update", "insert", "aggregate", "count", "delete", "ping"]


def check_error(answer: Answer, status: int, title: str | None = None) -> None:
    """The answer is an error in the one shape that they all have."""
    assert answer.status == status, answer.body
    assert set(answer.json) == {"error", "message"}
    assert title is None or answer.json["error"] == title
    assert answer.json["message"].strip()
    assert answer.headers["Content-Type"].startswith("application/json")
    check_headers(answer)


def check_headers(answer: Answer) -> None:
    """What every answer carries but health's."""
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers


@asynccontextmanager
async def database_failing(world: World, code: int = UNREACHABLE) -> AsyncIterator[None]:
    """Every statement fails with this code."""
    admin = world.database.client.admin
    data = {"failCommands": _COMMANDS, "errorCode": code}
    await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 40) -> Any:
    """What `condition` gives, once that is true; a busy machine may take a while."""
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
    return result


async def all_jobs(world: World) -> list[dict[str, Any]]:
    """Every job, whole, as the database has it."""
    return await world.database["contact_import_jobs"].find().sort("_id").to_list(None)


async def rows_of(world: World, job_id: str) -> list[dict[str, Any]]:
    """The job's ledger rows."""
    return await world.database["imported_contacts"].find({"import_job_id": job_id}).to_list(None)


async def standing(world: World, job_id: str) -> dict[str, int]:
    """The counters that follow from the ledger."""
    actions = [row["action"] for row in await rows_of(world, job_id)]
    numbers = (len(actions), *(actions.count(action) for action in ("created", "skipped", "failed")))
    return dict(zip(COUNTERS, numbers, strict=True))


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL, each of which occurs once."""
    values = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(value) == 1 for value in values.values())
    return {name: value[0] for name, value in values.items()}


def decoded(state: str) -> dict[str, str]:
    """What an OAuth state says."""
    content: dict[str, str] = json.loads(base64.urlsafe_b64decode(state + "=" * (-len(state) % 4)))
    return content


def encoded(content: object) -> str:
    """An OAuth state that says this."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def callback_url(world: World, provider: str, **parameters: str) -> str:
    """Where a provider sends the browser."""
    return f"{world.origin}{BASE}/{provider}/callback?{urlencode(parameters)}"


def not_hers(job_id: str) -> list[str]:
    """Ids under which nobody but their owner finds anything: another's, an unknown one, and malformed ones."""
    return [
        job_id,
        str(uuid.uuid4()),
        str(uuid.uuid1()),
        job_id.upper(),
        job_id.replace("-", ""),
        f"{job_id}%0A",
        f"%20{job_id}",
        f"{{{job_id}}}".replace("{", "%7B").replace("}", "%7D"),
        "0",
        "null",
        "..",
        "a%2Fb",
        "%00",
        "%ff",
        "x" * 4000,
    ]


async def check_strangers(world: World, method: str, path: str, job_id: str) -> list[Answer]:
    """A stranger is told the same of another's job, of none, and of what is no id. `path` has {} where that stands."""
    stranger = new_user()
    answers = [await world.api(method, path.format(name), stranger) for name in not_hers(job_id)]
    for answer in answers:
        check_error(answer, 404)
        assert answer.json == NOT_FOUND
    assert len({answer.body for answer in answers}) == 1
    return answers


async def check_parameters(world: World, user: str, path: str, queries: Iterable[str]) -> None:
    """Each of these is refused, and the answer names what is wrong."""
    for query in queries:
        answer = await world.api("GET", f"{path}?{query}", user)
        assert answer.status == 400, query
        check_error(answer, 400, "Bad Request")
        assert query.partition("=")[0] in answer.json["message"]


async def raw_request(world: World, request: bytes) -> bytes:
    """What comes back on a plain connection, until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.config.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
