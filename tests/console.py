"""A person in front of the console, and what holds of each of its views."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from everreach.security.authenticator import issue
from tests.browser import DESK, NARROWEST, PHONE, Browser
from tests.handlers.following import change, running_job
from tests.world import ACCOUNT, SECRET, World, new_user

EMAIL: Final = "ada@everreach.example"
T = TypeVar("T")


class Person:
    """Somebody with an account, in front of the console."""

    def __init__(self, world: World, browser: Browser, loop: asyncio.AbstractEventLoop, home: Path) -> None:
        self.id = new_user()
        self._world = world
        self._browser = browser
        self._loop = loop
        self._home = home

    def token(self, seconds: float = 3600) -> str:
        return issue(SECRET, self.id, seconds, email=EMAIL)

    def open(self, host: str = "127.0.0.1") -> None:
        """Follow a link like the one that the demo prints."""
        self._browser.open(f"http://{host}:{self._world.config.port}/console#token={self.token()}")

    def start(self, provider: str = "Google") -> None:
        self._browser.click(".provider", provider)

    def answer(self, decision: str = "allow", size: int = 50) -> None:
        """At the consent page, in the other tab."""
        with self._browser.other_tab():
            self._browser.type("[name=account]", ACCOUNT)
            self._browser.type("[name=size]", str(size))
            self._browser.click(f"[value={decision}]")

    def folder(self, name: str) -> Path:
        """An empty folder of theirs."""
        made = self._home / name
        made.mkdir()
        return made

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done that is not the person's own doing."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def imported(self, size: int = 50, provider: str = "google", account: str = ACCOUNT) -> str:
        """An import that has ended before the console is opened; returns the job's id."""

        async def whole() -> str:
            job_id = await self._world.consent(provider, self.id, account, size)
            await self._world.ended(job_id, self.id)
            return job_id

        return self.wait_for(whole())

    def running(self, **counts: int) -> str:
        """An import that goes on only when the test says so; returns the job's id."""
        job_id = self.wait_for(running_job(self._world, self.id))
        self.advance(job_id, **counts)
        return job_id

    def advance(self, job_id: str, imported: int = 0, skipped: int = 0, failed: int = 0) -> None:
        counts = {"imported_contacts": imported, "skipped_contacts": skipped, "failed_contacts": failed}
        whole = {**counts, "processed_contacts": imported + skipped + failed, "provider_account_name": ACCOUNT}
        self.wait_for(change(self._world, job_id, **whole))


def in_a_browser(
    steps: Callable[[World, Browser, Person], None], **settings: Any
) -> Callable[..., Coroutine[Any, Any, None]]:
    """Take the steps in a thread, so that the node goes on serving meanwhile."""

    @pytest.mark.settings(everreach_console=True, **settings)
    @pytest.mark.gen_test(timeout=150)
    async def test(world: World, browser: Browser, tmp_path: Path) -> None:
        person = Person(world, browser, asyncio.get_running_loop(), tmp_path)
        await asyncio.to_thread(steps, world, browser, person)

    return test


def look_at(browser: Browser, view: str) -> None:
    """Everything that can be operated has a name, everything can be told from its ground, and nothing is cut off."""
    controls = browser.controls()
    assert controls
    assert [control for control in controls if not control[1].strip()] == []
    for name, size in {"desktop": DESK, "narrowest": NARROWEST, "phone": PHONE}.items():
        for scheme in ("dark", "light"):
            browser.resize(size, dark=scheme == "dark")
            assert browser.run(CONTRAST) == [], scheme
            browser.picture(f"{view}-{name}-{scheme}")
        assert browser.run(PROTRUDING) == [], name


PROTRUDING: Final = """
const edge = document.querySelector("main").getBoundingClientRect().right;
return [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > edge + 1)
  .map((one) => one.className).concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []);
"""
"""Lists what reaches over the margin; a page that can be pushed sideways is one of them."""

CONTRAST: Final = (Path(__file__).parent / "contrast.js").read_text("utf-8")
"""Lists the texts and the parts of a bar that cannot be told well enough from what is behind them."""
