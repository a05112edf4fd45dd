"""What a tireless stranger finds who has read the API's description: nothing."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from handlers import status
from handlers.parameters import JOB_ID
from providers.sandbox.faults import Fault
from tests.world import World, bearer, new_user

CONFIG = Path(__file__).parent / "schemathesis.toml"


async def jobs_of(world: World, user: str) -> dict[str, str]:
    """A job that has completed, one that has failed, and one that waits for consent."""
    completed = await world.consent("google", user)
    await world.ended(completed, user)
    world.sandbox.faults.add(Fault("missing_scope", "page"))
    failed = await world.consent("google", user)
    assert (await world.ended(failed, user))["status"] == "failed"
    waiting, _ = await world.start("microsoft", user)
    # The description's own example is what is tried most.
    await world.database["contact_import_jobs"].insert_one({**await world.stored(completed), "_id": JOB_ID.example})
    return {"COMPLETED_JOB": completed, "FAILED_JOB": failed, "WAITING_JOB": waiting}


def write_people(file: Path, **users: str) -> None:
    """Tokens in the form of https://github.com/WebFuzzing/Commons."""
    people = [
        {"name": name, "fixedHeaders": [{"name": header, "value": value} for header, value in bearer(user).items()]}
        for name, user in users.items()
    ]
    file.write_text(json.dumps({"auth": people}), "utf-8")


@pytest.mark.gen_test(timeout=3600)
@pytest.mark.timeout(3600)
async def test_no_request_that_can_be_thought_of_is_answered_otherwise_than_described(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # What waits for consent does not move, and a long-poll is for it no other code than a short one.
    monkeypatch.setattr(status, "LONGEST_WAIT_SECONDS", 0.05)
    ada, grace = new_user(), new_user()
    write_people(tmp_path / "people.json", ada=ada, grace=grace)
    environment = {
        **os.environ,
        "PYTHONPATH": str(CONFIG.parent.parent),
        "PEOPLE": str(tmp_path / "people.json"),
        **await jobs_of(world, ada),
    }
    cases = request.config.getoption("--cases")
    run = [
        *("-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG)),
        *("run", f"{world.origin}/api/v1/openapi.json", "--max-examples", str(cases or 4)),
        # What every commit has to pass is the same each time.
        *(() if cases else ("--seed", "1")),
    ]
    tool = await asyncio.create_subprocess_exec(
        sys.executable, *run, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await tool.communicate()
    sys.stdout.write(said.decode())
    assert tool.returncode == 0
    assert (await world.fetch(f"{world.origin}/readyz")).status == 200
