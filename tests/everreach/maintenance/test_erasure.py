"""The rounds of an erasure: grants are revoked before their tokens go, and what comes back is noticed."""

import asyncio
from collections import Counter

import pytest

from everreach.errors import EverReachError
from everreach.maintenance.erasure import ROUNDS, Erased, Erasure, Revoked
from providers.sandbox.faults import Fault
from storage.indexes import CONTACTS, JOBS
from storage.jobs import JobStore
from storage.personal_data import PersonStore
from tests.handlers.edge import until
from tests.world import World, new_user

KEEP = pytest.mark.settings(token_retention="keep")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everreach.maintenance.erasure.QUIET_SECONDS", 0.05)


def erasure(world: World, persons: PersonStore | None = None) -> Erasure:
    services = world.node.services
    jobs = JobStore(world.database, keep_tokens=True)
    return Erasure(persons or PersonStore(world.database), jobs, services.flows, services.vault)


async def erased(world: World, user: str) -> Erased:
    return await erasure(world).run(user, lambda _: None)


async def complete(world: World, user: str, provider: str = "google") -> str:
    job_id = await world.consent(provider, user)
    await world.ended(job_id, user)
    return job_id


@KEEP
@pytest.mark.gen_test
async def test_a_grant_is_revoked_before_its_token_is_gone(world: World) -> None:
    user = new_user()
    job_id, other = await complete(world, user), await complete(world, user, "microsoft")
    assert (await erased(world, user)).grants == {
        job_id: ("google", Revoked.DONE),
        other: ("microsoft", Revoked.NO_WAY),
    }
    assert world.sandbox.stats.revoked == 1


@pytest.mark.gen_test
async def test_so_is_that_of_an_import_under_way_although_a_cancel_deletes_tokens(world: World) -> None:
    world.sandbox.latency = 60
    user = new_user()
    job_id = await world.consent("google", user)

    async def claimed() -> bool:
        return (await world.stored(job_id))["lease_owner"] is not None

    await until(claimed)
    # Told at once, as by the person's own cancel, the worker hands the job back and nobody has to be waited for.
    running = asyncio.create_task(erased(world, user))
    await until(lambda: world.database[JOBS].find_one({"_id": job_id, "status": "cancelled"}))
    world.node.services.runner.call_off(job_id)
    done = await running
    assert (done.ended, done.grants) == (1, {job_id: ("google", Revoked.DONE)})
    assert (await PersonStore(world.database).count(user)).total() == 0


@KEEP
@pytest.mark.gen_test
async def test_one_that_died_already_is_as_good_as_revoked(world: World) -> None:
    user = new_user()
    job_id = await complete(world, user)
    world.sandbox.grants.revoke_account("ada@sandbox.example")
    assert (await erased(world, user)).grants == {job_id: ("google", Revoked.DONE)}


@KEEP
@pytest.mark.gen_test
async def test_a_revocation_that_fails_or_a_token_that_does_not_open_stops_nothing(world: World) -> None:
    user = new_user()
    refused, unreadable = await complete(world, user), await complete(world, user)
    await world.database[JOBS].update_one({"_id": unreadable}, {"$set": {"refresh_token": "v1.0.moved"}})
    world.sandbox.faults.add(Fault("html_502", "revoke", times=None))
    world.node.services.flows["google"]._calls.http._backoff = 0.01
    done = await erased(world, user)
    assert done.grants == {refused: ("google", Revoked.FAILED), unreadable: ("google", Revoked.FAILED)}
    assert (await PersonStore(world.database).count(user)).total() == 0


class WrittenTo(PersonStore):
    """The person's app adds a contact after each deletion, `times` in all."""

    times = 0

    async def delete(self, user_id: str) -> Counter[str]:
        deleted = await super().delete(user_id)
        if self.times:
            self.times -= 1
            await self._database[CONTACTS].insert_one({"user_id": user_id})
        return deleted


@pytest.mark.gen_test
async def test_what_came_back_is_deleted_again(world: World) -> None:
    user, persons = new_user(), WrittenTo(world.database)
    persons.times = 2
    done = await erasure(world, persons).run(user, lambda _: None)
    assert done.deleted[CONTACTS] == 2
    assert (await persons.count(user)).total() == 0


@pytest.mark.gen_test
async def test_what_keeps_coming_back_is_told(world: World) -> None:
    user, persons = new_user(), WrittenTo(world.database)
    persons.times = ROUNDS
    with pytest.raises(EverReachError, match="still being written"):
        await erasure(world, persons).run(user, lambda _: None)


@pytest.mark.gen_test
async def test_a_job_that_cannot_be_read_is_erased_like_any_other(world: World) -> None:
    world.node.services.runner.stopping = True
    user = new_user()
    job_id = await world.consent("google", user)
    await world.database[JOBS].update_one({"_id": job_id}, {"$set": {"cursor": "invented later"}})
    await erased(world, user)
    assert await world.database[JOBS].find_one({"_id": job_id}) is None
