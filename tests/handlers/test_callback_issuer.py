"""An answer that says it comes from another issuer is refused, and changes nothing: RFC 9207, section 2.4."""

from urllib.parse import urlencode

import pytest

from tests.handlers.edge import all_jobs, callback_url, query_of
from tests.world import World, new_user

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


def own(world: World, provider: str) -> str:
    return world.sandbox_url if provider == "google" else f"{world.sandbox_url}/{TENANT}/v2.0"


FOREIGN = ["https://evil.example", "", "null", "{own}/", "{own}.evil.example", "{own}#", "{origin}", "{upper}"]


@pytest.mark.parametrize("provider", ["google", "microsoft"])
@pytest.mark.gen_test
async def test_only_the_providers_own_issuer_counts(world: World, provider: str) -> None:
    job_id, page = await world.start(provider, new_user())
    given = query_of(await world.decide(page))
    given.pop("iss", None)
    mine, before = own(world, provider), await all_jobs(world)
    names = {"own": mine, "origin": f"{world.sandbox_url}/other", "upper": mine.upper()}
    refused = {"provider": provider, "job_id": job_id, "status": "error", "message": "invalid_issuer"}
    for foreign in FOREIGN:
        for sent in (given, {"error": "access_denied", "state": given["state"]}):
            url = callback_url(world, provider, **sent, iss=foreign.format(**names))
            assert await world.back(url) == refused, foreign
    # Two issuers are one too many, whichever they are.
    twice = f"{callback_url(world, provider, **given, iss=mine)}&{urlencode({'iss': mine})}"
    assert await world.back(twice) == refused
    assert await all_jobs(world) == before
    assert world.sandbox.stats.requests[f"{provider} token"] == 0
    assert (await world.back(callback_url(world, provider, **given, iss=mine)))["status"] == "success"


@pytest.mark.parametrize("provider", ["google", "microsoft"])
@pytest.mark.gen_test
async def test_who_names_no_issuer_is_asked_for_none(world: World, provider: str) -> None:
    _, page = await world.start(provider, new_user())
    given = query_of(await world.decide(page))
    given.pop("iss", None)
    assert (await world.back(callback_url(world, provider, **given)))["status"] == "success"
