"""A world whose node is the shipped program: a process that has only what its command leaves it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from providers.sandbox.people import expected
from tests.everreach.test_main import fetch
from tests.world import World, new_user

ACCOUNT = "grace@sandbox.example"
SIZE = 700
NOBODY = 65532
AS_NOBODY = ("/usr/sbin/chroot", f"--userspec={NOBODY}:{NOBODY}")


class Shipped(World):
    """Use with `running`; the world's own node is not started."""

    def __init__(self, database_uri: str, **settings: Any) -> None:
        super().__init__(database_uri, settings)
        self.log = ""

    def _settings(self, database_uri: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        made = super()._settings(database_uri, settings)
        self.environment = {
            name.upper(): str(value) for name, value in made.items() if value is not None and name != "_env_file"
        }
        return made

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return fetch(f"{self.origin}/livez") == (200, {"status": "alive"})
        except OSError:
            return False

    def wait(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """Until it answers."""
        deadline = time.monotonic() + 30
        while not self.answers():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.005)

    async def imported(self, provider: str) -> None:
        """A whole journey, counted to the last contact."""
        user = new_user()
        job = await self.ended(await self.consent(provider, user, ACCOUNT, SIZE), user)
        new, no_email, duplicate = expected(self.sandbox.book(ACCOUNT, SIZE))
        counted = [job[f"{name}_contacts"] for name in ("total", "imported", "skipped", "failed")]
        assert (job["status"], job["error_message"]) == ("completed", None)
        assert counted == [SIZE, new, no_email + duplicate, 0]


@contextmanager
def running(world: Shipped, command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The command with the world's settings and nothing else; it has to be ended with `end`."""
    path = folder / "log.txt"
    with path.open("wb") as log:
        began = subprocess.Popen(
            command, cwd=folder, env=world.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        world.wait(began, path)
        yield began
    finally:
        # Whatever it has begun is of its group, and may have outlived it.
        with suppress(ProcessLookupError):
            os.killpg(began.pid, signal.SIGKILL)
        began.wait()
        world.log = path.read_text()


def end(process: "subprocess.Popen[bytes]", pid: int | None = None, number: int = signal.SIGTERM) -> int:
    """Signal the process, or `pid` on its behalf. Returns its exit code, which has to come within ten seconds."""
    os.kill(pid or process.pid, number)
    return process.wait(10)


def status(pid: int) -> list[str]:
    """What the kernel says of a process, line by line; nothing where there is none."""
    path = Path(f"/proc/{pid}/status")
    return path.read_text().splitlines() if path.exists() else []


def children(pid: int) -> list[int]:
    """Those that the process has begun, and that live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
