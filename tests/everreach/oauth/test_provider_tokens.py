"""Tokens: refreshed before they expire and when they are rejected, once for all, and never lost on the way."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everreach.engine import setbacks
from everreach.errors import ProviderError, ReconnectError, ThrottledError, TransientError
from everreach.security.vault import Vault
from everreach.server.app import Node
from providers.account import Account
from providers.google.source import GoogleSource
from providers.microsoft.flow import MicrosoftFlow
from providers.oauth import Grant
from providers.sandbox.faults import Fault
from tests.handlers.edge import until
from tests.storage.builders import failing
from tests.world import World, new_user

PROVIDERS = pytest.mark.parametrize("provider", ["google", "microsoft"])
SIZE = 3200


async def held_up(world: World, provider: str) -> tuple[str, str]:
    """A job with its consent given, which no worker may take yet."""
    world.node.services.runner.stopping = True
    user = new_user()
    return await world.consent(provider, user, size=SIZE), user


async def let_go(world: World, job_id: str, user: str, **fields: Any) -> dict[str, Any]:
    if fields:
        await world.database["contact_import_jobs"].update_one({"_id": job_id}, {"$set": fields})
    world.node.services.runner.stopping = False
    return await world.ended(job_id, user)


@PROVIDERS
@pytest.mark.gen_test
async def test_an_access_token_is_refreshed_before_it_expires(world: World, provider: str) -> None:
    job_id, user = await held_up(world, provider)
    job = await let_go(world, job_id, user, token_expires_at=datetime.now(UTC) + timedelta(seconds=5))
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)
    assert world.sandbox.stats.refreshes == 1


@PROVIDERS
@pytest.mark.gen_test
async def test_a_rejected_token_is_refreshed_once(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1))
    user = new_user()
    job = await world.ended(await world.consent(provider, user, size=SIZE), user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)
    assert world.sandbox.stats.refreshes == 1


@PROVIDERS
@pytest.mark.gen_test
async def test_a_revoked_grant_ends_the_job_with_reconnect_and_no_retry_loop(world: World, provider: str) -> None:
    world.sandbox.faults.add(
        Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh", times=None)
    )
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    job = await world.ended(job_id, user)
    assert (job["status"], "reconnect your account" in job["error_message"]) == ("failed", True)
    assert world.sandbox.stats.faults["invalid_grant"] == 1
    stored = await world.stored(job_id)
    assert (stored["access_token"], stored["refresh_token"]) == (None, None)


@pytest.mark.settings(token_retention="keep")
@pytest.mark.gen_test
async def test_microsofts_rotated_refresh_token_is_stored_and_googles_missing_one_overwrites_nothing(
    world: World,
) -> None:
    for provider, rotated in (("google", False), ("microsoft", True)):
        job_id, user = await held_up(world, provider)
        before = await refresh_token(world, job_id)
        await let_go(world, job_id, user, token_expires_at=datetime.now(UTC))
        assert (await refresh_token(world, job_id) != before) == rotated


async def refresh_token(world: World, job_id: str) -> str:
    job = await world.stored(job_id)
    vault = Vault(world.config.encryption_keys())
    return vault.open(job["refresh_token"], job_id=job_id, user_id=job["user_id"], field="refresh_token")


@PROVIDERS
@pytest.mark.gen_test
async def test_a_refresh_that_fails_for_a_moment_is_tried_again(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("html_502", "refresh", times=1), Fault("reset", "refresh", times=1, after=True))
    job_id, user = await held_up(world, provider)
    job = await let_go(world, job_id, user, token_expires_at=datetime.now(UTC))
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_tokens_of_another_job_do_not_open(world: World) -> None:
    (one, user), (other, _) = [await held_up(world, "google") for _ in range(2)]
    stolen = (await world.stored(other))["access_token"]
    job = await let_go(world, one, user, access_token=stolen)
    assert (job["status"], "reconnect" in job["error_message"]) == ("failed", True)


@pytest.mark.gen_test
async def test_without_a_refresh_token_a_rejected_access_token_means_reconnect(world: World) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=0))
    job_id, user = await held_up(world, "google")
    job = await let_go(world, job_id, user, refresh_token=None)
    assert (job["status"], "reconnect" in job["error_message"]) == ("failed", True)
    assert world.sandbox.stats.refreshes == 0


@PROVIDERS
@pytest.mark.gen_test
async def test_a_failed_job_is_retried_where_it_stopped(
    world: World, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setbacks, "TRY_AGAIN_SECONDS", (0.0,))
    world.sandbox.faults.add(Fault("html_200", "page", page=2, times=None))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    failed = await world.ended(job_id, user)
    assert (failed["status"], failed["processed_contacts"] > 0) == ("failed", True)
    world.sandbox.faults.clear()
    served = world.sandbox.stats.pages.total()
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, answer.json) == (200, {"job_id": job_id, "provider": provider})
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"], job["version"] > failed["version"]) == ("completed", SIZE, True)
    assert world.sandbox.stats.pages.total() - served <= 6


@pytest.mark.gen_test
async def test_a_retry_after_a_broken_listing_begins_it_again_and_counts_nobody_twice(world: World) -> None:
    world.sandbox.faults.add(Fault("foreign_next_link", "page", page=1))
    user = new_user()
    job_id = await world.consent("microsoft", user, size=SIZE)
    assert (await world.ended(job_id, user))["status"] == "failed"
    await world.api("POST", f"/jobs/{job_id}/retry", user)
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"], job["total_contacts"]) == ("completed", SIZE, SIZE)


@PROVIDERS
@pytest.mark.gen_test
async def test_a_retry_asks_for_consent_again_where_the_tokens_are_gone(world: World, provider: str) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh"))
    user = new_user()
    job_id = await world.consent(provider, user, size=SIZE)
    assert (await world.ended(job_id, user))["status"] == "failed"
    world.sandbox.faults.clear()
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert answer.json.keys() == {"job_id", "provider", "authorization_url"}
    assert (await world.status(job_id, user))["status"] == "authenticating"
    told = await world.back(await world.decide(answer.json["authorization_url"], size=SIZE))
    assert told["status"] == "success"
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_a_retry_with_another_account_is_refused(world: World) -> None:
    world.sandbox.faults.add(Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh"))
    user = new_user()
    job_id = await world.consent("google", user, size=SIZE)
    before = await world.ended(job_id, user)
    world.sandbox.faults.clear()
    url = (await world.api("POST", f"/jobs/{job_id}/retry", user)).json["authorization_url"]
    await world.back(await world.decide(url, account="somebody.else@sandbox.example", size=SIZE))
    job = await world.ended(job_id, user)
    assert (job["status"], "another account" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] == before["processed_contacts"]


async def failed_half_way(world: World, user: str) -> str:
    """A job with some of an account's contacts that can only go on with a new consent."""
    world.sandbox.faults.add(Fault("token_401", "page", page=1, times=None), Fault("invalid_grant", "refresh"))
    job_id = await world.consent("google", user, size=SIZE)
    failed = await world.ended(job_id, user)
    assert 0 < failed["processed_contacts"] < SIZE
    world.sandbox.faults.clear()
    return job_id


async def reconsented(world: World, job_id: str, user: str, account: str) -> None:
    url = (await world.api("POST", f"/jobs/{job_id}/retry", user)).json["authorization_url"]
    await world.back(await world.decide(url, account=account, size=SIZE))


@pytest.mark.parametrize("error", [ProviderError, TransientError, ThrottledError])
@pytest.mark.gen_test
async def test_where_the_account_cannot_be_told_nobody_elses_book_comes_into_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[ProviderError]
) -> None:
    asked = asyncio.Event()

    async def refused(*_: object) -> Account:
        asked.set()
        raise error

    user = new_user()
    job_id = await failed_half_way(world, user)
    before, served = await world.stored(job_id), world.sandbox.stats.pages.total()
    monkeypatch.setattr(GoogleSource, "account", refused)
    await reconsented(world, job_id, user, "somebody.else@sandbox.example")
    await asked.wait()

    async def handed_back() -> bool:
        return (await world.stored(job_id))["lease_owner"] is None

    await until(handed_back)
    after = await world.stored(job_id)
    assert after["status"] != "completed"
    assert (after["processed_contacts"], world.sandbox.stats.pages.total()) == (before["processed_contacts"], served)


@pytest.mark.gen_test
async def test_a_job_that_never_knew_its_account_does_not_go_on_with_a_new_consent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> Account:
        raise ProviderError

    user = new_user()
    with monkeypatch.context() as patch:
        patch.setattr(GoogleSource, "account", refused)
        job_id = await failed_half_way(world, user)
    before = await world.stored(job_id)
    await reconsented(world, job_id, user, "somebody.else@sandbox.example")
    job = await world.ended(job_id, user)
    assert (job["status"], "not known which account" in job["error_message"]) == ("failed", True)
    assert job["processed_contacts"] == before["processed_contacts"]


@pytest.mark.gen_test
async def test_a_first_consent_goes_on_without_a_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> Account:
        raise ProviderError

    monkeypatch.setattr(GoogleSource, "account", refused)
    user = new_user()
    job = await world.ended(await world.consent("google", user, size=SIZE), user)
    assert (job["status"], job["processed_contacts"], job["provider_account_name"]) == ("completed", SIZE, None)


class Rotating:
    """A provider whose refresh takes a while, and ends the refresh token that it is asked with."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        refresh = MicrosoftFlow.refresh
        self.asked, self.answering = asyncio.Event(), asyncio.Event()
        self.spent: list[str] = []

        async def rotated(flow: MicrosoftFlow, token: str) -> Grant:
            if token in self.spent:
                raise ReconnectError
            self.spent.append(token)
            grant = await refresh(flow, token)
            self.asked.set()
            await self.answering.wait()
            return grant

        monkeypatch.setattr(MicrosoftFlow, "refresh", rotated)


async def expired(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, Rotating]:
    """A job whose worker waits for a refresh that the provider has done already."""
    job_id, user = await held_up(world, "microsoft")
    rotating = Rotating(world, monkeypatch)
    await world.database["contact_import_jobs"].update_one(
        {"_id": job_id}, {"$set": {"token_expires_at": datetime.now(UTC)}}
    )
    world.node.services.runner.stopping = False
    await rotating.asked.wait()
    return job_id, user, rotating


@pytest.mark.gen_test
async def test_a_refresh_under_way_outlasts_its_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, user, rotating = await expired(world, monkeypatch)
    stopping = asyncio.create_task(world.node.services.runner.stop(10))
    await asyncio.sleep(0.1)
    assert (await world.stored(job_id))["lease_owner"] is not None
    rotating.answering.set()
    await stopping
    assert (await world.stored(job_id))["lease_owner"] is None
    assert await refresh_token(world, job_id) not in rotating.spent
    async with Node(world.config.model_copy(update={"port": 0})):
        job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_a_refresh_is_stored_as_soon_as_a_database_that_was_away_takes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, user, rotating = await expired(world, monkeypatch)
    async with failing(world.database, "findAndModify", errorCode=89):
        rotating.answering.set()
        await asyncio.sleep(1)
    job = await world.ended(job_id, user)
    assert (job["status"], job["processed_contacts"]) == ("completed", SIZE)


@pytest.mark.gen_test
async def test_a_stop_waits_no_longer_for_a_refresh_than_it_may_take(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await expired(world, monkeypatch)
    async with asyncio.timeout(10):
        await world.node.services.runner.stop(0.2)


@pytest.mark.gen_test
async def test_only_a_failed_job_can_be_retried_and_only_by_its_owner(world: World) -> None:
    user = new_user()
    job_id = await world.consent("google", user)
    await world.ended(job_id, user)
    answer = await world.api("POST", f"/jobs/{job_id}/retry", user)
    assert (answer.status, answer.json["error"]) == (409, "Conflict")
    answers = await asyncio.gather(
        world.api("POST", f"/jobs/{job_id}/retry", new_user()), world.api("POST", "/jobs/nonsense/retry", user)
    )
    assert [answer.status for answer in answers] == [404, 404]
