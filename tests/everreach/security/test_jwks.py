"""What the key set promises: fresh keys, few questions to Supabase, and an answer while Supabase is away."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from everreach.errors import KeysAwayError
from everreach.security.jwks import FETCH_EACH_SECONDS, FETCHES_AT_ONCE, KeySet

EC_KEY = ec.generate_private_key(ec.SECP256R1())
NEXT_EC_KEY = ec.generate_private_key(ec.SECP256R1())
MOST_IN_A_MINUTE = FETCHES_AT_ONCE + 60 / FETCH_EACH_SECONDS - 1
P384_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
WEAK_RSA_KEY = rsa.generate_private_key(65537, 1024)


def ec_jwk(kid: str = "ec", key: ec.EllipticCurvePrivateKey = EC_KEY, **more: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "ES256", "use": "sig", **more}


def rsa_jwk(kid: str = "rsa", key: rsa.RSAPrivateKey = RSA_KEY, **more: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig", **more}


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def run(promise: Coroutine[Any, Any, bool]) -> bool:
    """Run one hypothesis example; unlike asyncio.run it leaves the loop alone that pytest-tornado restores."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(promise)


class Supabase:
    """A key set's only neighbour: serves `body`, counts who asks, can be away or slow; and the clock on the wall."""

    def __init__(self, *keys: object) -> None:
        self.body: Any = document(*keys)
        self.away = False
        self.asked = 0
        self.now = 1000.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.keys = KeySet(self.fetch, clock=lambda: self.now)

    async def fetch(self) -> bytes:
        self.asked += 1
        await self.gate.wait()
        if self.away:
            raise OSError("supabase.example refused the connection")
        return self.body  # type: ignore[no-any-return]

    async def knows(self, kid: str | None, algorithm: str = "ES256") -> bool:
        return await self.keys.key(kid, algorithm) is not None

    async def cannot_tell(self, kid: str = "ec") -> int:
        """The seconds after which it may be able to."""
        with pytest.raises(KeysAwayError) as caught:
            await self.keys.key(kid, "ES256")
        return caught.value.retry_after


@pytest.mark.gen_test
async def test_a_published_key_is_found_by_id_and_algorithm() -> None:
    supabase = Supabase(ec_jwk(), rsa_jwk())
    key = await supabase.keys.key("ec", "ES256")
    assert key is not None
    assert key.key.public_numbers() == EC_KEY.public_key().public_numbers()
    assert await supabase.knows("rsa", "RS256")


@pytest.mark.gen_test
async def test_a_key_never_serves_another_algorithm() -> None:
    supabase = Supabase(ec_jwk(), rsa_jwk())
    assert not await supabase.knows("ec", "RS256")
    assert not await supabase.knows("rsa", "ES256")
    assert not await supabase.knows("ec", "HS256")


@pytest.mark.gen_test
async def test_without_an_id_only_an_unambiguous_key_serves() -> None:
    assert await Supabase(ec_jwk(), rsa_jwk()).knows(None)
    assert not await Supabase(ec_jwk("one"), ec_jwk("two", NEXT_EC_KEY)).knows(None)


@pytest.mark.gen_test
async def test_keys_are_asked_for_once_in_ten_minutes() -> None:
    supabase = Supabase(ec_jwk())
    for _ in range(600):
        assert await supabase.knows("ec")
        supabase.now += 0.999
    assert supabase.asked == 1
    supabase.now += 1
    assert await supabase.knows("ec")
    assert supabase.asked == 2


@pytest.mark.gen_test
async def test_a_key_that_was_revoked_is_forgotten_within_ten_minutes() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    supabase.body = document()
    supabase.now += 600
    assert not await supabase.knows("ec")


@pytest.mark.gen_test
async def test_requests_at_the_same_moment_share_one_fetch() -> None:
    supabase = Supabase(ec_jwk())
    assert all(await asyncio.gather(*(supabase.knows("ec") for _ in range(50))))
    assert supabase.asked == 1


@pytest.mark.gen_test
async def test_one_who_stops_waiting_does_not_take_the_fetch_from_the_others() -> None:
    supabase = Supabase(ec_jwk())
    supabase.gate.clear()
    waiting = [asyncio.create_task(supabase.knows("ec")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    supabase.gate.set()
    assert waiting[0].cancelled()
    assert [await task for task in waiting[1:]] == [True, True]
    assert supabase.asked == 1


@pytest.mark.gen_test
async def test_a_key_published_since_is_found_at_once() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    supabase.body = document(ec_jwk(), ec_jwk("next", NEXT_EC_KEY))
    assert await supabase.knows("next")
    assert await supabase.knows("ec")
    assert supabase.asked == 2


@pytest.mark.gen_test
async def test_fifty_unknown_ids_one_after_another_ask_five_times_at_most() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    for number in range(50):
        assert not await supabase.knows(f"forged-{number}")
    assert supabase.asked == FETCHES_AT_ONCE
    assert await supabase.knows("ec")


@pytest.mark.gen_test
async def test_fifty_unknown_ids_at_the_same_moment_share_one_question() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    assert not any(await asyncio.gather(*(supabase.knows(f"forged-{number}") for number in range(50))))
    assert supabase.asked == 2


@pytest.mark.gen_test
async def test_a_stream_of_unknown_ids_asks_no_more_than_a_few_times_a_minute() -> None:
    supabase = Supabase(ec_jwk())
    moments: list[float] = []
    for number in range(1200):
        before = supabase.asked
        assert not await supabase.knows(f"forged-{number}")
        moments += [supabase.now] * (supabase.asked - before)
        supabase.now += 0.5
    assert max(sum(first <= moment < first + 60 for moment in moments) for first in moments) == MOST_IN_A_MINUTE == 5
    assert supabase.asked == FETCHES_AT_ONCE + 600 / FETCH_EACH_SECONDS - 1


@pytest.mark.parametrize("flood", [0.0, 0.1, 7.0, 100.0])
@pytest.mark.gen_test
async def test_a_key_published_during_a_stream_of_unknown_ids_is_found_within_a_quarter_of_a_minute(
    flood: float,
) -> None:
    supabase = Supabase(ec_jwk())
    began = supabase.now
    while supabase.now <= began + flood:
        for number in range(20):
            await supabase.knows(f"forged-{number}")
        supabase.now += 0.1
    supabase.body, published = document(ec_jwk("next", NEXT_EC_KEY)), supabase.now
    while not await supabase.knows("next"):
        supabase.now += 0.1
        await supabase.knows("forged-again")
    assert supabase.now - published <= FETCH_EACH_SECONDS + 0.1 < 20


@pytest.mark.gen_test
async def test_cached_keys_serve_while_supabase_is_away() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    supabase.away = True
    for _ in range(100):
        supabase.now += 60
        assert await supabase.knows("ec")


@pytest.mark.gen_test
async def test_a_supabase_that_is_away_is_not_asked_on_each_request() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    supabase.away = True
    supabase.now += 600
    for _ in range(120):
        assert await supabase.knows("ec")
        await asyncio.sleep(0)
        supabase.now += 0.5
    assert 2 <= supabase.asked - 1 <= MOST_IN_A_MINUTE


@pytest.mark.gen_test
async def test_nobody_waits_for_a_supabase_that_is_known_to_be_away() -> None:
    supabase = Supabase(ec_jwk())
    assert await supabase.knows("ec")
    supabase.away = True
    supabase.now += 600
    assert await supabase.knows("ec")
    supabase.gate.clear()
    supabase.now += 60
    assert await supabase.knows("ec")
    supabase.gate.set()


@pytest.mark.gen_test
async def test_a_supabase_that_comes_back_is_believed_again() -> None:
    supabase = Supabase(ec_jwk())
    supabase.away = True
    assert await supabase.cannot_tell() == 5
    supabase.away = False
    assert await supabase.cannot_tell() == 5, "it was asked a moment ago"
    supabase.now += 5
    assert await supabase.knows("ec")


@pytest.mark.gen_test
async def test_who_is_told_to_wait_so_long_is_asked_for_then() -> None:
    supabase = Supabase(ec_jwk())
    supabase.away = True
    for _ in range(20):
        asked, pause = supabase.asked, await supabase.cannot_tell()
        assert 1 <= pause <= FETCH_EACH_SECONDS
        supabase.now += pause
        await supabase.cannot_tell()
        assert supabase.asked > asked


@pytest.mark.gen_test
async def test_a_key_set_was_had_once_it_could_be_read_be_it_an_empty_one() -> None:
    supabase = Supabase()
    supabase.away = True
    with pytest.raises(KeysAwayError):
        await supabase.keys.had()
    supabase.away, supabase.now = False, supabase.now + 60
    await supabase.keys.had()
    asked, supabase.away, supabase.now = supabase.asked, True, supabase.now + 3600
    await supabase.keys.had()
    assert supabase.asked == asked, "whoever only asks whether needs no fresh ones"
    assert not await supabase.knows("ec")


@pytest.mark.gen_test
async def test_a_fetch_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everreach.security.jwks.FETCH_SECONDS", 0)
    supabase = Supabase(ec_jwk())
    supabase.gate.clear()
    assert await supabase.cannot_tell() > 0


@pytest.mark.gen_test
async def test_the_log_says_that_keys_are_missing_but_quotes_nobody(caplog: pytest.LogCaptureFixture) -> None:
    supabase = Supabase()
    supabase.away = True
    await supabase.cannot_tell()
    assert "OSError" in caplog.text
    assert "supabase.example" not in caplog.text


NOT_A_KEY_SET = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html>Sign in to the hotel</html>", id="a web page"),
    pytest.param(b"\xff\xfe", id="not UTF-8"),
    pytest.param(b"[" * 60_000, id="deeply nested"),
    pytest.param(b"[]", id="an array"),
    pytest.param(b"{}", id="no keys member"),
    pytest.param(b'{"keys":null}', id="keys null"),
    pytest.param(b'{"keys":{"ec":{}}}', id="keys an object"),
    pytest.param(document(ec_jwk(), "x" * 70_000), id="huge"),
    pytest.param(None, id="no body"),
]


@pytest.mark.gen_test
@pytest.mark.parametrize("body", NOT_A_KEY_SET)
async def test_a_body_that_is_no_key_set_gives_no_key_and_takes_none_away(body: bytes | None) -> None:
    supabase = Supabase()
    supabase.body = body
    assert await supabase.cannot_tell() > 0
    supabase.body, supabase.now = document(ec_jwk()), supabase.now + 60
    assert await supabase.knows("ec")
    supabase.body, supabase.now = body, supabase.now + 600
    assert await supabase.knows("ec")


@pytest.mark.gen_test
async def test_a_project_that_publishes_no_keys_has_none() -> None:
    supabase = Supabase()
    assert not await supabase.knows("ec")
    assert not await supabase.knows(None)


UNUSABLE = [
    pytest.param({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ", "alg": "HS256"}, id="symmetric"),
    pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "ES256"}, id="symmetric in disguise"),
    pytest.param(ec_jwk(use="enc"), id="for encryption"),
    pytest.param(ec_jwk(alg="ECDH-ES"), id="for another algorithm"),
    pytest.param(ec_jwk(alg="RS256"), id="for the other type's algorithm"),
    pytest.param(ec_jwk(key_ops=["sign"]), id="not for verifying"),
    pytest.param({**ec_jwk(), "kid": 7}, id="id a number"),
    pytest.param({**ec_jwk(), "kid": ["ec"]}, id="id a list"),
    pytest.param({**ECAlgorithm.to_jwk(EC_KEY, as_dict=True), "kid": "ec"}, id="private"),
    pytest.param(ec_jwk(x="AAAA"), id="off the curve"),
    pytest.param(ec_jwk(x=7), id="coordinate a number"),
    pytest.param(ec_jwk(crv="P-384"), id="wrong curve"),
    pytest.param({**ec_jwk(key=P384_KEY), "alg": None}, id="another curve"),
    pytest.param({"kty": "EC", "kid": "ec", "crv": "P-256"}, id="no coordinates"),
    pytest.param(rsa_jwk("ec", WEAK_RSA_KEY), id="short RSA"),
    pytest.param(rsa_jwk("ec", n="", e=""), id="empty RSA"),
    pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": "ec"}, id="Ed25519"),
    pytest.param({}, id="empty"),
    pytest.param(None, id="null"),
    pytest.param("ec", id="a string"),
]


@pytest.mark.gen_test
@pytest.mark.parametrize("unusable", UNUSABLE)
async def test_an_unusable_key_is_passed_over_and_the_others_serve(unusable: dict[str, Any] | None) -> None:
    supabase = Supabase(unusable, ec_jwk("good"))
    assert await supabase.knows("good")
    for algorithm in ("HS256", "ES256", "RS256"):
        assert not await supabase.knows("ec", algorithm)


@pytest.mark.gen_test
async def test_a_key_that_says_nothing_about_its_use_serves() -> None:
    bare = {name: value for name, value in ec_jwk().items() if name not in {"use", "alg", "key_ops"}}
    assert await Supabase(bare).knows("ec")


JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "alg", "key_ops"]), JSON, st.booleans())
def test_no_member_of_a_key_breaks_the_others(name: str, value: object, elliptic: bool) -> None:
    async def knows_the_other() -> bool:
        key = ec_jwk() if elliptic else rsa_jwk()
        return await Supabase({**key, name: value}, ec_jwk("good")).knows("good")

    assert run(knows_the_other())
