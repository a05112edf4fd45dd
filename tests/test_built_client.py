"""The app that is built already, by the rules that it follows: each of its screens comes to an end.

It starts an import without a body, opens the consent page, and waits for a deep link. When that comes it looks at the
job once, and goes on looking every two seconds (here: fifty times a second) only while it sees `fetching` or
`processing`. It swallows whatever is no 2xx there, puts `progress_percent` into a CSS width, and knows no other end
than `completed` and `failed`.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from everreach.security.authenticator import issue
from everreach.server.app import Node
from providers.sandbox.faults import Fault
from tests.handlers.edge import PROVIDERS, until
from tests.world import SECRET, World, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
POLL_SECONDS: Final = 0.02
DEEP_LINK: Final = re.compile(r"import-callback\/(\w+)\?job_id=([\w-]+)")
NOBODY_THERE: Final = 599
GOES_ON: Final = {"fetching", "processing"}


class BuiltClient:
    """The app on one person's phone."""

    def __init__(self, world: World, seconds: float = 3600) -> None:
        self.world = world
        self.user = new_user()
        self.sign_in(seconds)
        self.locked = False
        """Whether the screen shows that it is busy, and lets nobody do anything."""
        self.message: str | None = None
        self.job: dict[str, Any] = {}
        self.widths: list[str] = []
        self.swallowed: list[int] = []

    def sign_in(self, seconds: float = 3600) -> None:
        self.headers = {"Authorization": f"Bearer {issue(SECRET, self.user, seconds)}"}

    async def start(self, provider: str) -> str | None:
        """Press the button. The consent page opens, or the screen says why not."""
        self.locked, self.message, self.job, self.widths = True, None, {}, []
        answer = await self.world.api("POST", f"/{provider}/start", **self.headers)
        if answer.status == 200:
            page: str = answer.json["authorization_url"]
            return page
        self.locked, self.message = False, answer.json["message"]
        return None

    async def come_back(self, url: str) -> None:
        """The browser goes to the callback, and the system opens whatever that leads to."""
        link = (await self.world.fetch(url)).headers["Location"]
        assert link.startswith("everreach://")
        found = DEEP_LINK.search(link)
        assert found, link
        await self.look(found[2])
        while self.job.get("status") in GOES_ON:
            await asyncio.sleep(POLL_SECONDS)
            await self.look(found[2])

    async def look(self, job_id: str) -> None:
        try:
            answer = await self.world.api("GET", f"/status/{job_id}", **self.headers)
        except OSError:
            self.swallowed.append(NOBODY_THERE)
            return
        if answer.status != 200:
            self.swallowed.append(answer.status)
            return
        self.job = answer.json
        assert type(self.job["progress_percent"]) in {int, float}
        self.widths.append(f"{self.job['progress_percent']}%")
        if self.job["status"] in {"completed", "failed"}:
            self.locked, self.message = False, self.job["error_message"]

    async def history(self) -> list[tuple[str, str | None]]:
        """What the list of imports prints: when each began, and what went wrong."""
        answer = await self.world.api("GET", "/list", **self.headers)
        assert all(job["started_at"] for job in answer.json["jobs"])
        return [(job["status"], job["error_message"]) for job in answer.json["jobs"]]

    def check(self, status: str, message: str | None = None) -> None:
        """The screen has come to this end, and can be used again."""
        assert (self.job["status"], self.message, self.locked) == (status, message, False)
        widths = [float(width.removesuffix("%")) for width in self.widths]
        assert widths == sorted(widths)
        assert all(0 <= width <= 100 for width in widths)
        assert status != "completed" or self.widths[-1] in {"100%", "100.0%"}


@pytest.fixture
def client(world: World) -> BuiltClient:
    return BuiltClient(world)


async def page_of(client: BuiltClient, provider: str) -> str:
    page = await client.start(provider)
    assert page
    return page


@BOTH
@pytest.mark.gen_test
async def test_consent_given(world: World, client: BuiltClient, provider: str) -> None:
    await client.come_back(await world.decide(await page_of(client, provider), size=2500))
    client.check("completed")
    assert client.job["processed_contacts"] == client.job["total_contacts"] == 2500
    assert await client.history() == [("completed", None)]


@BOTH
@pytest.mark.gen_test
async def test_consent_denied(world: World, client: BuiltClient, provider: str) -> None:
    sentence = "You did not allow access to your contacts. Start the import again to try once more."
    await client.come_back(await world.decide(await page_of(client, provider), "deny"))
    client.check("failed", sentence)
    assert await client.history() == [("failed", sentence)]


@BOTH
@pytest.mark.gen_test
async def test_contacts_unticked(world: World, client: BuiltClient, provider: str) -> None:
    sentence = "Access to the contacts was not given. Please import again and leave the contacts ticked."
    await client.come_back(await world.decide(await page_of(client, provider), contacts=False))
    client.check("failed", sentence)


@BOTH
@pytest.mark.gen_test
async def test_consent_never_given(world: World, client: BuiltClient, provider: str) -> None:
    sentence = "The account was not connected in time. Please start the import again."
    page = await page_of(client, provider)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await world.database["contact_import_jobs"].update_one({"user_id": client.user}, {"$set": {"not_before": past}})

    async def told() -> bool:
        return await client.history() == [("failed", sentence)]

    await until(told)
    # And who comes after all, too late, is told the same.
    await client.come_back(await world.decide(page))
    client.check("failed", sentence)


@BOTH
@pytest.mark.gen_test
async def test_an_exchange_that_fails(world: World, client: BuiltClient, provider: str) -> None:
    world.sandbox.faults.add(Fault("html_502", "token"))
    await client.come_back(await world.decide(await page_of(client, provider)))
    client.check("failed", "The account could not be connected. Please start the import again.")


@BOTH
@pytest.mark.gen_test
async def test_a_browser_that_comes_twice(world: World, client: BuiltClient, provider: str) -> None:
    url = await world.decide(await page_of(client, provider))
    assert (await world.fetch(url, **{"Sec-Purpose": "prefetch"})).status == 503
    await client.come_back(url)
    client.check("completed")
    await client.come_back(url)
    client.check("completed")


@pytest.mark.settings(google_client_id=None, microsoft_client_secret=None)
@BOTH
@pytest.mark.gen_test
async def test_provider_not_configured(client: BuiltClient, provider: str) -> None:
    assert await client.start(provider) is None
    assert client.message
    assert client.message.startswith(f"{provider.title()} OAuth not configured. Please set {provider.upper()}_")
    assert not client.locked


@BOTH
@pytest.mark.gen_test
async def test_login_expired_before_the_start(client: BuiltClient, provider: str) -> None:
    client.sign_in(-60)
    assert await client.start(provider) is None
    assert (client.message, client.locked) == ("Please sign in: a valid bearer token is required.", False)
    client.sign_in()
    assert await client.start(provider)


@BOTH
@pytest.mark.gen_test
async def test_login_expired_while_the_import_runs(world: World, client: BuiltClient, provider: str) -> None:
    world.sandbox.latency = 0.15
    url = await world.decide(await page_of(client, provider), size=2500)
    following = asyncio.create_task(client.come_back(url))

    async def seen() -> bool:
        return client.job.get("status") in GOES_ON

    await until(seen)
    client.sign_in(-60)

    async def swallowed() -> bool:
        return 401 in client.swallowed

    await until(swallowed)
    client.sign_in()
    await following
    client.check("completed")


@pytest.mark.settings(rate_limit_start="2/hour")
@BOTH
@pytest.mark.gen_test
async def test_limit_of_starts_met(world: World, client: BuiltClient, provider: str) -> None:
    for _ in range(2):
        await client.come_back(await world.decide(await page_of(client, provider)))
        client.check("completed")
    assert await client.start(provider) is None
    assert client.message
    assert client.message.startswith("Too many requests. Please try again in 3")
    assert not client.locked


@pytest.mark.settings(rate_limit_status="3/second")
@BOTH
@pytest.mark.gen_test
async def test_limit_of_looks_met(world: World, client: BuiltClient, provider: str) -> None:
    world.sandbox.latency = 0.15
    await client.come_back(await world.decide(await page_of(client, provider), size=2500))
    client.check("completed")
    assert set(client.swallowed) == {429}


@BOTH
@pytest.mark.gen_test
async def test_service_restarted_in_the_middle(world: World, client: BuiltClient, provider: str) -> None:
    world.sandbox.latency = 0.15
    url = await world.decide(await page_of(client, provider), size=2500)
    following = asyncio.create_task(client.come_back(url))

    async def seen() -> bool:
        return client.job.get("status") in GOES_ON

    await until(seen)
    await world.node.stop()

    async def nobody_there() -> bool:
        return NOBODY_THERE in client.swallowed

    await until(nobody_there)
    world.node = await Node(world.config).__aenter__()
    await following
    client.check("completed")
    assert client.job["processed_contacts"] == 2500
