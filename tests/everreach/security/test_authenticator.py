"""What the authenticator promises: a signed-in person's own token opens the door, and nothing else does."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import KeysAwayError, UnauthorizedError
from everreach.security.authenticator import MAX_TOKEN_CHARACTERS, Authenticator, Caller
from tests.everreach.security.test_jwks import (
    EC_KEY,
    NEXT_EC_KEY,
    RSA_KEY,
    Supabase,
    document,
    ec_jwk,
    rsa_jwk,
    run,
)

SECRET = "the-project's-jwt-secret-of-at-least-32-bytes"
ISSUER = "https://ref.supabase.co/auth/v1"
USER = "3f1d3a4e-0c1c-4c5a-9a39-0d3f3f3f3f3f"
GONE = object()
NESTED = b'{"x":' + b"[" * 8000
PUBLIC_PEM = EC_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def segment(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """A person's claims as Supabase writes them; GONE takes one out."""
    now = int(time.time())
    person = {
        "iss": ISSUER, "aud": "authenticated", "sub": USER, "role": "authenticated", "exp": now + 3600, "iat": now,
        "email": "u@ex.org", "phone": "", "aal": "aal1", "session_id": "9b1e", "is_anonymous": False,
        "amr": [{"method": "password", "timestamp": now}], "user_metadata": {"role": "service_role"},
    }  # fmt: skip
    return {name: value for name, value in {**person, **changes}.items() if value is not GONE}


def hs256(payload: object, key: bytes = SECRET.encode(), **header: Any) -> str:
    """Signed by hand: PyJWT refuses to make most of what an attacker would."""
    signing_input = f"{segment({'alg': 'HS256', 'typ': 'JWT', **header})}.{segment(payload)}"
    return f"{signing_input}.{segment(hmac.digest(key, signing_input.encode(), hashlib.sha256))}"


def es256(payload: dict[str, Any], kid: str | None = "ec", key: Any = EC_KEY, **header: Any) -> str:
    return jwt.encode(payload, key, "ES256", headers={**header, **({"kid": kid} if kid else {})})


def rs256(payload: dict[str, Any], kid: str = "rsa") -> str:
    return jwt.encode(payload, RSA_KEY, "RS256", headers={"kid": kid})


def authenticator(supabase: Supabase | None = None, secret: str | None = SECRET) -> Authenticator:
    """One for a project that has moved to new keys and still honours the old secret."""
    supabase = supabase or Supabase(ec_jwk(), rsa_jwk())
    return Authenticator(secret=secret, issuers=[ISSUER], keys=supabase.keys)


async def is_refused(authorization: str | None, by: Authenticator | None = None) -> bool:
    with pytest.raises(UnauthorizedError) as caught:
        await (by or authenticator()).caller(authorization)
    return str(caught.value) == str(UnauthorizedError())


# The good ones.


@pytest.mark.gen_test
async def test_a_person_is_known_by_id_and_by_when_the_token_ends() -> None:
    person = claims()
    assert await authenticator().caller(f"Bearer {hs256(person)}") == Caller(USER, person["exp"])


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(hs256, id="HS256"),
        pytest.param(lambda c: hs256(c, kid="a-legacy-key"), id="HS256 with an id nobody knows"),
        pytest.param(es256, id="ES256"),
        pytest.param(rs256, id="RS256"),
        pytest.param(lambda c: es256(c, kid=None), id="ES256 without an id, from the only such key"),
    ],
)
async def test_each_algorithm_serves_with_its_own_key(make: Any) -> None:
    assert (await authenticator().verify(make(claims()))).user_id == USER


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": ["authenticated"]}, id="audience an array"),
        pytest.param({"aud": ["other", "authenticated"]}, id="one of several audiences"),
        pytest.param({"sub": USER.upper()}, id="id in upper case"),
        pytest.param({"is_anonymous": True}, id="an anonymous sign-in"),
        pytest.param({"iat": GONE}, id="no time of issue"),
        pytest.param({"nbf": int(time.time()) - 1}, id="valid since a moment"),
        pytest.param({"exp": time.time() + 3600.5}, id="fraction of a second"),
        pytest.param({"jti": 7, "custom": {"any": None}}, id="claims that a hook added"),
    ],
)
async def test_a_person_may_carry(changes: dict[str, Any]) -> None:
    assert (await authenticator().verify(hs256(claims(**changes)))).user_id == USER


@pytest.mark.gen_test
@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [3, 20, 29])
@pytest.mark.parametrize("make", [hs256, es256])
async def test_an_issuer_whose_clock_is_half_a_minute_ahead_is_forgiven(make: Any, claim: str, ahead: float) -> None:
    assert await authenticator().verify(make(claims(**{claim: time.time() + ahead})))


@pytest.mark.gen_test
@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [32, 120])
async def test_one_that_is_further_ahead_is_not(claim: str, ahead: float) -> None:
    assert await is_refused(f"Bearer {hs256(claims(**{claim: time.time() + ahead}))}")


@pytest.mark.gen_test
@pytest.mark.parametrize("ago", [1, 28])
async def test_a_token_that_ended_within_half_a_minute_is_forgiven_but_holds_no_line(ago: float) -> None:
    ended = time.time() - ago
    # What is held ends at this moment, which is past.
    assert (await authenticator().verify(hs256(claims(exp=ended)))).expires_at == ended


@pytest.mark.gen_test
@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", " Bearer {} "])
async def test_the_scheme_may_be_spelt(spelling: str) -> None:
    assert await authenticator().caller(spelling.format(hs256(claims())))


@pytest.mark.gen_test
async def test_without_an_address_of_supabase_any_issuer_of_the_secret_serves() -> None:
    caller = await Authenticator(secret=SECRET, keys=None).verify(hs256(claims(iss="https://self.hosted")))
    assert caller.user_id == USER


@pytest.mark.gen_test
async def test_a_rotated_key_serves_from_its_first_token_on() -> None:
    supabase = Supabase(ec_jwk())
    door = authenticator(supabase)
    assert await door.verify(es256(claims()))
    supabase.body = document(ec_jwk(), ec_jwk("next", NEXT_EC_KEY))
    assert await door.verify(es256(claims(), "next", NEXT_EC_KEY))
    assert await door.verify(es256(claims()))


@pytest.mark.gen_test
async def test_cached_keys_serve_while_supabase_is_away() -> None:
    supabase = Supabase(ec_jwk())
    door = authenticator(supabase)
    assert await door.verify(es256(claims()))
    supabase.away, supabase.now = True, supabase.now + 3600
    assert await door.verify(es256(claims()))


# The wrong ones, by what the Authorization header says.

NOW = int(time.time())
HEADERS: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "only a space": " ",
    "only the scheme": "Bearer",
    "scheme and nothing": "Bearer ",
    "not Bearer": f"Basic {segment(b'user:password')}",
    "another scheme": f"Token {hs256(claims())}",
    "no scheme": hs256(claims()),
    "scheme glued on": f"Bearer{hs256(claims())}",
    "scheme with a colon": f"Bearer: {hs256(claims())}",
    "tab for a space": f"Bearer\t{hs256(claims())}",
    "two tokens": f"Bearer {hs256(claims())} {hs256(claims())}",
    "two headers joined": f"Bearer {hs256(claims())},Bearer {hs256(claims())}",
    "scheme twice": f"Bearer Bearer {hs256(claims())}",
    "quoted": f'Bearer "{hs256(claims())}"',
    "a line feed after": f"Bearer {hs256(claims())}\n",
    "garbage": "Bearer garbage",
    "dots": "Bearer ..",
    "a publishable key": "Bearer sb_publishable_abcdefghijklmnopqrstuv",
    "not ASCII": "Bearer é.é.é",
    "half a surrogate pair": "Bearer \ud83d.\ud83d.\ud83d",
    "over 16 KiB": f"Bearer {hs256(claims(x='x' * MAX_TOKEN_CHARACTERS))}",
    "a megabyte of dots": "Bearer " + "." * 2**20,
}

# The wrong ones, by what they claim; each is signed with the project's own secret.
CLAIMS: dict[str, object] = {
    "expired": claims(exp=NOW - 31),
    "expired long ago": claims(exp=0),
    "no exp": claims(exp=GONE),
    "exp null": claims(exp=None),
    "exp a string": claims(exp=str(NOW + 60)),
    "exp a boolean": claims(exp=True),
    "exp an array": claims(exp=[NOW + 60]),
    "exp NaN": claims(exp=float("nan")),
    "exp infinite": claims(exp=float("inf")),
    "exp 1e400": json.dumps(claims(exp=77777)).replace("77777", "1e400").encode(),
    "exp of 401 digits": claims(exp=10**400),
    "exp of 5000 digits": json.dumps(claims(exp=77777)).replace("77777", "7" * 5000).encode(),
    "exp past the year 9999": claims(exp=10**12),
    "exp negative": claims(exp=-1),
    "nbf ahead": claims(nbf=NOW + 3600),
    "nbf a string": claims(nbf=str(NOW)),
    "nbf null": claims(nbf=None),
    "issued in the future": claims(iat=NOW + 3600),
    "iat an object": claims(iat={}),
    "wrong audience": claims(aud="anon"),
    "audience in upper case": claims(aud="AUTHENTICATED"),
    "no audience": claims(aud=GONE),
    "audience null": claims(aud=None),
    "audience empty": claims(aud=[]),
    "audience contains the word": claims(aud="unauthenticated"),
    "audiences without ours": claims(aud=["anon", "other"]),
    "audience an object": claims(aud={"authenticated": True}),
    "audience holds a number": claims(aud=[7, "authenticated"]),
    "audience nested": claims(aud=[["authenticated"]]),
    "anon key": {"iss": "supabase", "ref": "ref", "role": "anon", "iat": NOW, "exp": NOW + 10**8},
    "service_role key": {"iss": "supabase", "ref": "ref", "role": "service_role", "iat": NOW, "exp": NOW + 10**8},
    "role anon": claims(role="anon"),
    "role service_role": claims(role="service_role"),
    "no role": claims(role=GONE),
    "role an array": claims(role=["authenticated"]),
    "no sub": claims(sub=GONE),
    "sub null": claims(sub=None),
    "sub empty": claims(sub=""),
    "sub no UUID": claims(sub="admin"),
    "sub a number": claims(sub=7),
    "sub a query": claims(sub={"$ne": None}),
    "sub with a line feed": claims(sub=USER + "\n"),
    "foreign issuer": claims(iss="https://evil.supabase.co/auth/v1"),
    "issuer with a slash more": claims(iss=ISSUER + "/"),
    "no issuer": claims(iss=GONE),
    "issuers in an array": claims(iss=[ISSUER]),
    "an array": [claims()],
    "a string": "claims",
    "null": None,
    "empty": {},
    "not JSON": b"claims",
    "not UTF-8": b"\xff\xfe",
    "nothing": b"",
    "deeply nested": NESTED,
}

# The wrong ones, by who signed them and how.
SIGNATURES = {
    "wrong key": hs256(claims(), b"another secret that is long enough"),
    "wrong ES256 key": es256(claims(), key=NEXT_EC_KEY),
    "unsigned": hs256(claims()).rpartition(".")[0] + ".",
    "no signature at all": hs256(claims()).rpartition(".")[0],
    "truncated": hs256(claims())[:-1],
    "one byte more": hs256(claims()) + "AA",
    "claims of another": ".".join([segment({"alg": "HS256"}), segment(claims()), hs256({}).split(".")[2]]),
    "alg none": f"{segment({'alg': 'none'})}.{segment(claims())}.",
    "alg None": f"{segment({'alg': 'None'})}.{segment(claims())}.",
    "alg none, signed": hs256(claims(), alg="none"),
    "alg null": hs256(claims(), alg=None),
    "alg a list": hs256(claims(), alg=["HS256"]),
    "alg in lower case": hs256(claims(), alg="hs256"),
    "HS384": jwt.encode(claims(), SECRET + SECRET, "HS384"),
    "PS256": jwt.encode(claims(), RSA_KEY, "PS256", headers={"kid": "rsa"}),
    "HS256 with the public key's PEM": hs256(claims(), PUBLIC_PEM, kid="ec"),
    "HS256 with the public key's JWK": hs256(claims(), json.dumps(ec_jwk()).encode(), kid="ec"),
    "HS256 with an empty key": hs256(claims(), b""),
    "ES256 header, HS256 signature": hs256(claims(), alg="ES256", kid="ec"),
    "RS256 with the ES256 key's id": rs256(claims(), "ec"),
    "ES256 with the RS256 key's id": es256(claims(), "rsa"),
    "unknown kid": es256(claims(), "unknown"),
    "kid a path": es256(claims(), "../../dev/null"),
    "kid a number": hs256(claims(), kid=7),
    "kid null": hs256(claims(), kid=None),
    "kid an object": hs256(claims(), kid={"ec": 1}),
    "a key of its own": es256(claims(), None, NEXT_EC_KEY, jwk=ec_jwk("ec", NEXT_EC_KEY), jku="https://evil.example"),
    "crit unknown": hs256(claims(), crit=["exp"]),
    "crit b64": hs256(claims(), crit=["b64"], b64=True),
    "crit empty": hs256(claims(), crit=[]),
    "payload detached": hs256(claims(), crit=["b64"], b64=False),
    "header no object": f"{segment(['HS256'])}.{segment(claims())}.AAAA",
    "header not UTF-8": ".".join([segment(b"\xff"), segment(claims()), "AAAA"]),
    "header deeply nested": f"{segment(NESTED)}.{segment(claims())}.AAAA",
    "encrypted": "e30.e30.e30.e30.e30",
    "ES256 from a foreign issuer": es256(claims(iss="https://evil.supabase.co/auth/v1")),
    "ES256 service role": es256(claims(role="service_role")),
    "ES256 expired": es256(claims(exp=NOW - 31)),
}  # fmt: skip


@pytest.mark.gen_test
@pytest.mark.parametrize("authorization", HEADERS.values(), ids=HEADERS.keys())
async def test_a_header_is_refused(authorization: str | None) -> None:
    assert await is_refused(authorization)


@pytest.mark.gen_test
@pytest.mark.parametrize("payload", CLAIMS.values(), ids=CLAIMS.keys())
async def test_a_genuine_signature_is_refused_when_it_claims(payload: object) -> None:
    assert await is_refused(f"Bearer {hs256(payload)}")


@pytest.mark.gen_test
@pytest.mark.parametrize("token", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_good_claims_are_refused_with_a_signature(token: str) -> None:
    assert await is_refused(f"Bearer {token}")


@pytest.mark.gen_test
async def test_hs256_is_refused_while_only_published_keys_are_configured() -> None:
    door = authenticator(secret=None)
    for token in (hs256(claims()), *(SIGNATURES[f"HS256 with the public key's {form}"] for form in ("PEM", "JWK"))):
        assert await is_refused(f"Bearer {token}", door)
    assert await door.verify(es256(claims()))


@pytest.mark.gen_test
@pytest.mark.parametrize("make", [es256, rs256])
async def test_published_keys_are_refused_while_only_a_secret_is_configured(make: Any) -> None:
    assert await is_refused(f"Bearer {make(claims())}", Authenticator(secret=SECRET, issuers=[ISSUER], keys=None))


@pytest.mark.gen_test
async def test_nobody_is_known_where_nothing_is_configured() -> None:
    door = Authenticator(secret=None, keys=None)
    for token in (hs256(claims()), es256(claims()), SIGNATURES["alg none"]):
        assert await is_refused(f"Bearer {token}", door)


@pytest.mark.gen_test
async def test_nobody_can_be_judged_while_supabase_is_away_and_no_key_was_ever_seen() -> None:
    supabase = Supabase(ec_jwk())
    supabase.away = True
    door = authenticator(supabase)
    for token in (es256(claims()), es256(claims(), key=NEXT_EC_KEY), rs256(claims())):
        with pytest.raises(KeysAwayError):
            await door.verify(token)
    with pytest.raises(KeysAwayError):
        await door.ready()
    assert await door.verify(hs256(claims())), "the secret needs no Supabase"
    supabase.away, supabase.now = False, supabase.now + 60
    await door.ready()
    assert await door.verify(es256(claims()))


STRANGERS = {
    "a foreign project": claims(iss="https://evil.supabase.co/auth/v1"),
    "no issuer": claims(iss=GONE),
    "expired": claims(exp=NOW - 31),
    "not yet begun": claims(nbf=NOW + 3600),
    "service role": claims(role="service_role"),
    "another audience": claims(aud="anon"),
    "nobody": claims(sub="admin"),
}


@pytest.mark.gen_test
@pytest.mark.parametrize("payload", STRANGERS.values(), ids=STRANGERS.keys())
async def test_what_cannot_be_ours_is_refused_without_asking_supabase(payload: dict[str, Any]) -> None:
    supabase = Supabase(ec_jwk())
    supabase.away = True
    door = authenticator(supabase)
    for number in range(20):
        assert await is_refused(f"Bearer {es256(payload, f'theirs-{number}', NEXT_EC_KEY)}", door)
    assert supabase.asked == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("garbage", ["", ".", "e30", "!!!", segment(b"\xff"), segment(NESTED), segment([])])
async def test_claims_that_cannot_be_read_ask_supabase_for_nothing(garbage: str) -> None:
    supabase = Supabase(ec_jwk())
    assert await is_refused(f"Bearer {segment({'alg': 'ES256'})}.{garbage}.AAAA", authenticator(supabase))
    assert supabase.asked == 0


# Whose tokens: the project's own name, and those that the operator adds.

CUSTOM = "https://auth.example.org/auth/v1"
BEHIND_A_GATEWAY = "http://127.0.0.1:54321/auth/v1"


@pytest.mark.gen_test
@pytest.mark.parametrize("make", [hs256, es256, rs256])
@pytest.mark.parametrize("issuers", [(CUSTOM, ISSUER), ("http://kong:8000/auth/v1", BEHIND_A_GATEWAY)])
async def test_each_of_several_issuers_is_accepted_and_no_other(make: Any, issuers: tuple[str, str]) -> None:
    door = Authenticator(secret=SECRET, issuers=issuers, keys=Supabase(ec_jwk(), rsa_jwk()).keys)
    for issuer in issuers:
        assert await door.verify(make(claims(iss=issuer)))
    for foreign in ("https://evil.supabase.co/auth/v1", issuers[0].upper(), f"{issuers[1]}/", "", GONE):
        assert await is_refused(f"Bearer {make(claims(iss=foreign))}", door)


@pytest.mark.gen_test
async def test_a_foreign_project_under_an_accepted_name_still_needs_our_keys() -> None:
    door = Authenticator(secret=None, issuers=[CUSTOM, ISSUER], keys=Supabase(ec_jwk()).keys)
    assert await is_refused(f"Bearer {es256(claims(), key=NEXT_EC_KEY)}", door)
    assert await is_refused(f"Bearer {es256(claims(iss=CUSTOM), 'theirs', NEXT_EC_KEY)}", door)


@pytest.mark.gen_test
async def test_with_the_secret_alone_an_issuer_counts_once_one_is_named() -> None:
    door = Authenticator(secret=SECRET, issuers=[CUSTOM], keys=None)
    assert await door.verify(hs256(claims(iss=CUSTOM)))
    assert await is_refused(f"Bearer {hs256(claims())}", door)


@pytest.mark.gen_test
@pytest.mark.parametrize("make", [hs256, es256])
async def test_anonymous_sign_ins_can_be_refused_and_are_told_why(make: Any) -> None:
    door = Authenticator(secret=SECRET, keys=Supabase(ec_jwk()).keys, anonymous=False)
    for person in (claims(), claims(is_anonymous=GONE)):
        assert await door.verify(make(person))
    anonymous: object
    for anonymous in (True, "true", 1, None, {}):
        with pytest.raises(UnauthorizedError, match="sign up"):
            await door.verify(make(claims(is_anonymous=anonymous)))


@pytest.mark.gen_test
async def test_a_symmetric_key_in_the_published_set_signs_nothing() -> None:
    oct_key = b"a symmetric key that got published"
    supabase = Supabase({"kty": "oct", "k": segment(oct_key), "kid": "oct", "alg": "HS256"})
    for secret in (None, SECRET):
        assert await is_refused(f"Bearer {hs256(claims(), oct_key, kid='oct')}", authenticator(supabase, secret))


@pytest.mark.gen_test
async def test_fifty_forged_ids_ask_supabase_five_times_at_most() -> None:
    supabase = Supabase(ec_jwk())
    door = authenticator(supabase)
    for number in range(50):
        assert await is_refused(f"Bearer {es256(claims(), f'forged-{number}')}", door)
    assert supabase.asked <= 5


@pytest.mark.gen_test
async def test_a_refusal_holds_nothing_of_the_token() -> None:
    token = hs256(claims(), b"another secret that is long enough")
    with pytest.raises(UnauthorizedError) as caught:
        await authenticator().verify(token)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_secret_too_short_for_hs256_stops_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes") as caught:
        Authenticator(secret=secret, keys=None)
    assert not secret or secret not in str(caught.value)


def refused_at_once(authorization: str) -> bool:
    return run(is_refused(authorization))


@given(st.text(st.characters()))
def test_arbitrary_text_is_refused_and_breaks_nothing(text: str) -> None:
    assert refused_at_once(text)
    assert refused_at_once(f"Bearer {text}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(["alg", "crit"]), JSON)
def test_arbitrary_headers_are_refused_and_break_nothing(name: str, value: object) -> None:
    assert refused_at_once(f"Bearer {hs256(claims(), SECRET.encode(), **{name: value})}")


@given(st.sampled_from(["aud", "role", "sub", "iss"]), JSON)
def test_arbitrary_claims_are_refused_and_break_nothing(name: str, value: object) -> None:
    assert refused_at_once(f"Bearer {hs256(claims(**{name: value}))}")


@given(st.sampled_from(["exp", "nbf", "iat"]), JSON.filter(lambda value: type(value) not in {int, float}))
def test_a_time_that_is_no_number_is_refused(name: str, value: object) -> None:
    assert refused_at_once(f"Bearer {hs256(claims(**{name: value}))}")


@given(st.lists(st.binary(), min_size=2, max_size=4))
def test_arbitrary_segments_are_refused_and_break_nothing(segments: list[bytes]) -> None:
    assert refused_at_once("Bearer " + ".".join(segment(part) for part in segments))
