"""Nothing that opens a door is ever logged, answered, printed or stored in the clear."""

import logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from everreach.observability import logs
from everreach.security.authenticator import issue
from handlers import BASE
from providers.oauth import Grant
from providers.sandbox.faults import Fault
from tests.handlers.edge import callback_url, database_failing, decoded, query_of, raw_request
from tests.world import SECRET, Answer, World, new_user

BOTH = pytest.mark.parametrize("provider", ["google", "microsoft"])
PERSON = "hedy.lamarr@sandbox.example"


class Recorder(logging.Handler):
    """Keeps everything that a log record holds, printed or not."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.printed = StringIO()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._lines.append(f"{record.name} {record.getMessage()} {record.__dict__!r} {trace}")

    @property
    def text(self) -> str:
        return "\n".join([*self._lines, self.printed.getvalue()])


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """All that is logged, and what logs.configure() prints, with every logger of ours at DEBUG."""
    root, names = logging.getLogger(), ("everreach", "handlers", "providers", "storage", "tornado", "pymongo")
    handlers, level, levels = root.handlers, root.level, [logging.getLogger(name).level for name in names]
    recorder = Recorder()
    # basicConfig closes the handlers that it finds, and pytest's are still needed.
    root.handlers = []
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", recorder.printed)
        logs.configure(logging.DEBUG)
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    yield recorder
    root.handlers = handlers
    root.setLevel(level)
    for name, before in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(before)


class Watched:
    """A world whose secrets are collected as they come into being, beside everything that our server answers."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.answers: list[str] = []
        self.secrets: dict[str, str] = {"jwt secret": SECRET}
        for name, client in world.sandbox.clients.items():
            self.secrets[f"{name} client secret"] = client.client_secret
        (key,), (raw,) = world.config.token_encryption_keys, world.config.encryption_keys()
        self.secrets |= {"encryption key": key.get_secret_value(), "its bytes": repr(raw)[2:-1], "in hex": raw.hex()}
        self._fetch = world.fetch
        monkeypatch.setattr(world, "fetch", self.fetch)

    async def fetch(self, url: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        answer = await self._fetch(url, method, body, **headers)
        if bearer := headers.get("Authorization"):
            self.secrets[f"bearer {len(self.secrets)}"] = bearer.removeprefix("Bearer ")
        if url.startswith(self.world.origin):
            text = answer.body.decode()
            if answer.status == 200 and url.endswith("/start"):
                # The consent page's address is the one place that shows a state.
                text = text.replace(answer.json["authorization_url"], "")
            # The deep link and the rest of the headers are looked at as they are.
            self.answers.append(f"{list(answer.headers.items())} {text}")
        return answer

    async def start(self, provider: str, user: str) -> tuple[str, str]:
        job_id, page = await self.world.start(provider, user)
        state, number = query_of(page)["state"], len(self.secrets)
        sealed = (await self.world.stored(job_id))["pkce_verifier"]
        vault = self.world.node.services.vault
        self.secrets |= {
            f"state {number}": state,
            f"random {number}": decoded(state)["random"],
            f"verifier {number}": vault.open(sealed, job_id=job_id, user_id=user, field="pkce_verifier"),
        }
        return job_id, page

    def collect(self) -> dict[str, str]:
        """Everything that must not be seen anywhere; codes and tokens are the sandbox's own."""
        grants = self.world.sandbox.grants
        issued = (*grants._codes, *grants._access, *grants._refresh)
        assert issued
        return {**self.secrets, **{f"issued {number}": text for number, text in enumerate(issued)}}


@pytest.fixture
def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(world, monkeypatch)


async def whole_life(watched: Watched, provider: str) -> list[str]:
    """A success, a no, a failed exchange, a failed import, a cancelled one, and everything a stranger may try."""
    world, user = watched.world, new_user()
    done, page = await watched.start(provider, user)
    url = await world.decide(page, account=PERSON)
    await world.back(url)
    await world.ended(done, user)
    await world.back(url)
    for path in (f"/jobs/{done}/contacts", "/list", "/health", f"/status/{done}?token={SECRET}", f"/status/{SECRET}"):
        await world.api("GET", path, user)
    denied, page = await watched.start(provider, user)
    await world.back(await world.decide(page, "deny", account=PERSON))
    world.sandbox.faults.add(Fault("html_502", "token"))
    refused, page = await watched.start(provider, user)
    await world.back(await world.decide(page, account=PERSON))
    world.sandbox.faults.add(Fault("foreign_next_link" if provider == "microsoft" else "page_loop", "page"))
    failed, page = await watched.start(provider, user)
    await world.back(await world.decide(page, account=PERSON, size=2500))
    assert (await world.ended(failed, user))["status"] == "failed"
    world.sandbox.faults.clear()
    cancelled, page = await watched.start(provider, user)
    world.sandbox.latency = 30
    await world.back(await world.decide(page, account=PERSON))
    await world.api("POST", f"/jobs/{cancelled}/cancel", user)
    world.sandbox.latency = 0
    _, waiting = await watched.start(provider, user)
    state = query_of(waiting)["state"]
    for sent in ({"code": "c"}, {"error": "access_denied", "error_description": PERSON}):
        await world.back(callback_url(world, provider, state=f"{state}A", **sent))
    return [done, denied, refused, failed, cancelled]


async def unforeseen(watched: Watched, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that hold secrets, from inside and on the wire, and a database that fails in the middle."""
    world, user = watched.world, new_user()
    _, page = await watched.start(provider, user)
    url = await world.decide(page, account=PERSON)
    async with database_failing(world):
        await world.back(url)
        await world.api("GET", "/list", user)

    async def broken(*_: object) -> None:
        raise RuntimeError(f"{PERSON} {url} {SECRET}")

    with monkeypatch.context() as patch:
        patch.setattr(world.node.services.jobs, "spend", broken)
        patch.setattr(world.node.services.pages, "jobs", broken)
        await world.back(url)
        await world.api("GET", "/list", user)
    token = issue(SECRET, user, 3600)
    await raw_request(world, f"GET {BASE}/list?{token} HTTP/9\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    await raw_request(world, f"Authorization: Bearer {token}\r\n\r\n".encode())
    watched.secrets["token on the wire"] = token


def found(secrets: dict[str, str], where: str) -> set[str]:
    return {name for name, text in secrets.items() if text in where}


async def dump(world: World) -> dict[str, str]:
    """Every document of every collection, as text."""
    names = await world.database.list_collection_names()
    return {name: repr(await world.database[name].find().to_list(None)) for name in names}


@BOTH
@pytest.mark.gen_test
async def test_nothing_secret_is_logged_or_answered_or_stored(
    logged: Recorder, watched: Watched, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole_life(watched, provider)
    await unforeseen(watched, provider, monkeypatch)
    secrets = watched.collect()
    assert len(secrets) > 30
    # The log does work, and knows of the failures.
    for log in (logged.text, logged.printed.getvalue()):
        assert "CallbackHandler" in log
        assert "RuntimeError at" in log
    assert found({**secrets, "e-mail": PERSON, "any e-mail": "@", "a query": "?state="}, logged.text) == set()
    answers = "\n".join(watched.answers)
    assert answers.count(PERSON) > 0
    assert found(secrets, answers) == set()
    collections = await dump(watched.world)
    assert {"contact_import_jobs", "contacts", "imported_contacts"} <= set(collections)
    for name, text in collections.items():
        assert (name, found(secrets, text)) == (name, set())


@BOTH
@pytest.mark.settings(token_retention="keep")
@pytest.mark.gen_test
async def test_what_is_kept_is_sealed(watched: Watched, provider: str) -> None:
    world, user = watched.world, new_user()
    job_id, page = await watched.start(provider, user)
    await world.back(await world.decide(page, account=PERSON))
    await world.ended(job_id, user)
    job = await world.stored(job_id)
    assert all(job[name].startswith("v1.") for name in ("access_token", "refresh_token"))
    assert found(watched.collect(), "".join((await dump(world)).values())) == set()


@BOTH
@pytest.mark.gen_test
async def test_nothing_secret_is_in_a_repr(watched: Watched, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, user = watched.world, new_user()
    services = world.node.services
    grants: list[Grant] = []
    exchange = services.flows[provider].exchange

    async def kept(code: str, verifier: str) -> Grant:
        grants.append(await exchange(code, verifier))
        return grants[-1]

    monkeypatch.setattr(services.flows[provider], "exchange", kept)
    world.sandbox.latency = 30
    job_id, page = await watched.start(provider, user)
    await world.back(await world.decide(page, account=PERSON))
    job = await services.jobs.get(job_id, user)
    turns = list(services.runner._time_slices.values())
    things = [world.config, services, services.vault, grants, job, services.flows, turns, services.authenticator]
    client = services.flows[provider].client
    text = " ".join(f"{thing!r} {thing}" for thing in [*things, client, world.config.model_dump()])
    assert "Grant" in text
    assert str(services.flows["google"].client.client_id) in text
    assert found({**watched.collect(), "e-mail": PERSON}, text) == set()
