"""A token that is known already: its signature costs nothing any more, and it opens no door that is shut by now."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from jwt import PyJWS

from everreach.security.authenticator import Authenticator
from tests.everreach.security.test_authenticator import (
    SECRET,
    authenticator,
    claims,
    es256,
    hs256,
    is_refused,
    rs256,
)
from tests.everreach.security.test_jwks import NEXT_EC_KEY, Supabase, document, ec_jwk, rsa_jwk

Checks = Callable[[], int]
EACH = pytest.mark.parametrize("make", [hs256, es256, rs256])


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """How many signatures were checked so far."""
    checked = []
    decode = PyJWS.decode

    def counted(self: PyJWS, *args: Any, **kwargs: Any) -> Any:
        checked.append(1)
        return decode(self, *args, **kwargs)

    monkeypatch.setattr(PyJWS, "decode", counted)
    return lambda: len(checked)


async def refuses(door: Authenticator, token: str) -> bool:
    return await is_refused(f"Bearer {token}", door)


@EACH
@pytest.mark.gen_test
async def test_a_signature_is_checked_once(make: Any, checks: Checks) -> None:
    door, token = authenticator(), make(claims())
    first = await door.verify(token)
    for _ in range(20):
        assert await door.verify(token) == first
    assert checks() == 1


@EACH
@pytest.mark.gen_test
async def test_two_tokens_of_one_person_are_two(make: Any, checks: Checks) -> None:
    door, now = authenticator(), int(time.time())
    for seconds in (60, 120, 60, 120):
        assert (await door.verify(make(claims(exp=now + seconds, iat=now)))).expires_at == now + seconds
    # ES256 signs anew each time.
    assert checks() == (4 if make is es256 else 2)


@EACH
@pytest.mark.parametrize("moment", [-32, 3630, 3631, 86400])
@pytest.mark.gen_test
async def test_its_moment_is_judged_each_time(make: Any, moment: float, monkeypatch: pytest.MonkeyPatch) -> None:
    door, person = authenticator(), claims()
    token = make(person)
    assert await door.verify(token)
    monkeypatch.setattr("everreach.security.authenticator.time.time", lambda: person["iat"] + moment)
    assert await refuses(door, token)


@pytest.mark.gen_test
async def test_a_token_that_was_too_early_serves_when_its_time_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    door, now = authenticator(), time.time()
    token = hs256(claims(nbf=now + 60))
    assert await refuses(door, token)
    assert await refuses(door, token)
    monkeypatch.setattr("everreach.security.authenticator.time.time", lambda: now + 31)
    assert await door.verify(token)


@pytest.mark.gen_test
async def test_what_is_refused_is_not_remembered(checks: Checks) -> None:
    door = authenticator()
    early, forged, foreign = (
        hs256(claims(nbf=time.time() + 60)),
        hs256(claims(), b"another secret that is long enough"),
        hs256(claims(iss="https://evil.supabase.co/auth/v1")),
    )
    for token in (early, forged, foreign) * 2:
        assert await refuses(door, token)
    # What cannot be ours is refused for that, whoever signed it.
    assert checks() == 2
    assert len(door._known) == 0


@pytest.mark.gen_test
async def test_of_a_known_token_no_character_may_change() -> None:
    door, token = authenticator(), hs256(claims())
    assert await door.verify(token)
    # The last character of a signature holds two bits that mean nothing.
    for place in range(len(token) - 1):
        other = "A" if token[place] != "A" else "B"
        assert await refuses(door, token[:place] + other + token[place + 1 :])
    assert await door.verify(token)


@pytest.mark.gen_test
async def test_a_withdrawn_key_ends_its_tokens_with_the_keys_time(checks: Checks) -> None:
    supabase = Supabase(ec_jwk(), rsa_jwk())
    door, tokens = authenticator(supabase), [es256(claims()), es256(claims(), kid=None), rs256(claims())]
    for token in tokens:
        assert await door.verify(token)
    supabase.body = document(rsa_jwk())
    supabase.now += 599
    for token in tokens:
        assert await door.verify(token)
    assert checks() == 3
    supabase.now += 1
    assert [await refuses(door, token) for token in tokens[:2]] == [True, True]
    assert await door.verify(tokens[2])


@pytest.mark.gen_test
async def test_a_withdrawal_that_somebody_elses_token_brought_to_light_counts_at_once() -> None:
    supabase = Supabase(ec_jwk())
    door, token = authenticator(supabase), es256(claims())
    assert await door.verify(token)
    supabase.body = document(ec_jwk("next", NEXT_EC_KEY))
    assert await door.verify(es256(claims(), "next", NEXT_EC_KEY))
    assert await refuses(door, token)


@pytest.mark.gen_test
async def test_another_key_under_the_same_id_does_not_vouch_for_it() -> None:
    supabase = Supabase(ec_jwk())
    door, token = authenticator(supabase), es256(claims())
    assert await door.verify(token)
    supabase.body, supabase.now = document(ec_jwk("ec", NEXT_EC_KEY)), supabase.now + 600
    assert await refuses(door, token)
    assert await door.verify(es256(claims(), key=NEXT_EC_KEY))


@pytest.mark.gen_test
async def test_while_supabase_is_away_a_known_token_serves_and_costs_nothing(checks: Checks) -> None:
    supabase = Supabase(ec_jwk())
    door, token = authenticator(supabase), es256(claims())
    assert await door.verify(token)
    supabase.away = True
    for _ in range(50):
        supabase.now += 60
        assert await door.verify(token)
    assert checks() == 1
    supabase.body, supabase.away, supabase.now = document(), False, supabase.now + 60
    # Nobody waits for one that was away; the fetch goes on behind, and the next who asks finds the key gone.
    await door.verify(token)
    await asyncio.sleep(0.01)
    assert await refuses(door, token)


@pytest.mark.gen_test
async def test_only_so_many_are_remembered_and_the_latest_are(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everreach.security.authenticator.MAX_KNOWN_TOKENS", 3)
    door, tokens = authenticator(), [hs256(claims(jti=number)) for number in range(50)]
    for token in tokens:
        await door.verify(token)
        await door.verify(tokens[0])
    assert len(door._known) == 3
    assert checks() == 50
    await door.verify(tokens[1])
    assert checks() == 51


@pytest.mark.gen_test
async def test_a_token_that_has_ended_goes_before_one_that_lives(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everreach.security.authenticator.MAX_KNOWN_TOKENS", 2)
    now = time.time()
    monkeypatch.setattr("everreach.security.authenticator.time.time", lambda: now)
    door = authenticator()
    living, short, other = (hs256(claims(exp=exp, iat=0)) for exp in (now + 3600, now + 1, now + 1800))
    await door.verify(living)
    await door.verify(short)
    now += 31
    await door.verify(other)
    await door.verify(living)
    assert checks() == 3


@pytest.mark.gen_test
async def test_neither_a_token_nor_a_key_can_be_read_from_what_is_remembered() -> None:
    door, token = authenticator(), hs256(claims())
    await door.verify(token)
    shown = repr(door._known)
    assert "Caller" in shown
    assert not any(part in shown for part in (*token.split("."), SECRET))
