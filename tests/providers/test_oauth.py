"""The code flow, where it is the base's alone: what a grant may look like, and what a revocation does when it fails.

What each provider has to keep is tests/providers/contract.py.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everreach.errors import ProviderError, TransientError
from everreach.net.http import RETRIES
from providers.oauth import Grant
from tests.providers.wire import connected, playing, reply


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({"expires_in": "3599"}, 3599), ({"expires_in": 60.5}, 60.5), ({}, 3600), ({"expires_in": -5}, 0)],
)
@pytest.mark.gen_test
async def test_a_lifetime_is_read_however_it_is_written(said: dict[str, Any], seconds: float) -> None:
    before = datetime.now(UTC)
    grant = await connected("google", playing(reply({"access_token": "a", **said}))).flow.exchange("c", "v")
    assert before <= grant.expires_at - timedelta(seconds=seconds) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad Gateway</html>",
        b"",
        b"[]",
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": "a", "expires_in": 1e300},
        {"access_token": "a", "expires_in": "soon"},
    ],
)
@pytest.mark.gen_test
async def test_a_grant_that_makes_no_sense_is_a_passing_error(body: object) -> None:
    wire = playing(reply(body))
    with pytest.raises(TransientError):
        await connected("google", wire).flow.exchange("c", "v")
    assert len(wire.sent) == 1


def test_a_grant_is_printed_without_its_tokens() -> None:
    grant = Grant("planted-access", "planted-refresh", datetime.now(UTC), frozenset({"planted"}))
    assert "planted" not in f"{grant!r} {grant} {[grant]}"


@pytest.mark.gen_test
async def test_a_revocation_that_fails_for_a_moment_is_tried_again() -> None:
    wire = playing(reply({}, 503), reply(b"<html>", 502), reply({}))
    assert await connected("google", wire).flow.revoke("the-token") is True
    assert len(wire.sent) == 3


@pytest.mark.parametrize(("status", "times"), [(500, RETRIES + 1), (400, 1), (403, 1)])
@pytest.mark.gen_test
async def test_a_revocation_that_the_provider_refuses_is_told(status: int, times: int) -> None:
    wire = playing(reply({"error": "something_else"}, status))
    with pytest.raises(ProviderError):
        await connected("google", wire).flow.revoke("the-token")
    assert len(wire.sent) == times
