"""A grant that serves nobody is revoked where the provider can, and never at the cost of one that serves somebody."""

import asyncio

import pytest

from providers.sandbox.faults import Fault
from tests.handlers.edge import until
from tests.world import World, new_user

CONTACTS_UNTICKED = "contacts_scope_missing"


async def revoked(world: World, times: int = 1) -> None:
    async def done() -> bool:
        return world.sandbox.stats.revoked == times

    await until(done)


async def unticked(world: World, provider: str, user: str) -> None:
    _, page = await world.start(provider, user)
    assert (await world.back(await world.decide(page, contacts=False)))["message"] == CONTACTS_UNTICKED


async def settled(world: World) -> None:
    """Whatever goes on behind the redirects is over."""
    await world.node.services.tasks.stop(5)


@pytest.mark.gen_test
async def test_the_grant_of_who_unticked_the_contacts_is_revoked(world: World, log_lines: list[str]) -> None:
    await unticked(world, "google", new_user())
    await revoked(world)
    await settled(world)
    assert any("a grant that serves nobody was revoked" in line for line in log_lines)


@pytest.mark.parametrize("end", ["cancel", "erase"])
@pytest.mark.gen_test
async def test_so_is_that_of_a_job_that_ended_during_the_exchange(world: World, end: str) -> None:
    world.sandbox.faults.add(Fault("slow", "token", seconds=0.5))
    user = new_user()
    job_id, page = await world.start("google", user)
    coming_back = asyncio.create_task(world.back(await world.decide(page)))

    async def exchanging() -> bool:
        return world.sandbox.stats.requests["google token"] == 1

    await until(exchanging)
    if end == "cancel":
        await world.api("POST", f"/jobs/{job_id}/cancel", user)
    else:
        await world.database["contact_import_jobs"].delete_one({"_id": job_id})
    assert (await coming_back)["message"] == "import_ended"
    await revoked(world)


@pytest.mark.settings(everreach_shutdown_seconds=0)
@pytest.mark.gen_test
async def test_the_redirect_does_not_wait_for_the_revocation(world: World) -> None:
    world.sandbox.faults.add(Fault("slow", "revoke", seconds=60))
    await unticked(world, "google", new_user())

    async def asked() -> bool:
        return world.sandbox.stats.requests["google revoke"] == 1

    await until(asked)
    assert world.sandbox.stats.revoked == 0


@pytest.mark.gen_test
async def test_while_another_import_of_the_person_goes_on_nothing_is_revoked(
    world: World, log_lines: list[str]
) -> None:
    user = new_user()
    world.sandbox.latency = 60
    job_id = await world.consent("google", user)
    await unticked(world, "google", user)
    await settled(world)
    assert world.sandbox.stats.requests["google revoke"] == 0
    assert any("a grant stays at the provider" in line for line in log_lines)
    world.sandbox.latency = 0
    assert (await world.api("POST", f"/jobs/{job_id}/cancel", user)).status == 200
    # Another person's import is another account's, and another provider's token is no token of this one.
    await world.consent("microsoft", user)
    await world.consent("google", new_user(), account="bob@sandbox.example")
    await unticked(world, "google", user)
    await revoked(world)


@pytest.mark.gen_test
async def test_where_there_is_no_way_to_revoke_nothing_is_asked(world: World) -> None:
    await unticked(world, "microsoft", new_user())
    await settled(world)
    assert not [route for route in world.sandbox.stats.requests if route.endswith("revoke")]


@pytest.mark.gen_test
async def test_a_revocation_that_fails_is_told_and_nothing_more(world: World, log_lines: list[str]) -> None:
    world.sandbox.faults.add(Fault("invalid_json", "revoke"), Fault("reset", "revoke", times=None))
    world.node.services.flows["google"]._calls.http._backoff = 0.01
    user = new_user()
    await unticked(world, "google", user)
    await settled(world)
    assert world.sandbox.stats.revoked == 0
    assert (await world.api("GET", "/list", user)).json["jobs"][0]["status"] == "failed"
