"""What the OAuth state and PKCE promise."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.errors import CallbackError
from everreach.security.oauth_state import State, StateMaker, challenge, new_verifier, parse_state

JOB, USER = "5d7b2f6e-9f0a-4c58-8a55-0d1f2a3b4c5d", "3f1d3a4e-0c1c-1c5a-9a39-0d3f3f3f3f3f"
RANDOM = "abcdefghijklmnopqrstuv"
OTHER_JOB, OTHER_USER = JOB.replace("5d", "5e"), USER.replace("3f", "4f")
KEY, NEW_KEY = secrets.token_bytes(32), secrets.token_bytes(32)
MAKER = StateMaker([KEY])
GOOD = {"job_id": JOB, "user_id": USER, "random": RANDOM}


def encoded(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refused(text: str) -> bool:
    with pytest.raises(CallbackError) as caught:
        parse_state(text)
    return caught.value.code == "invalid_state"


def forged(state: State) -> bool:
    with pytest.raises(CallbackError) as caught:
        MAKER.check(state)
    return caught.value.code == "invalid_state"


def test_a_new_state_comes_back_as_it_went() -> None:
    text, state = MAKER.make(JOB, USER)
    assert parse_state(text) == state == State(JOB, USER, state.random)
    MAKER.check(parse_state(text))


def test_a_state_is_base64url_of_the_three_members_of_the_contract() -> None:
    text, state = MAKER.make(JOB, USER)
    assert re.fullmatch(r"[\w-]+", text, re.ASCII)
    content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert (content["job_id"], content["user_id"], len(content["random"])) == (JOB, USER, 48)
    assert state.nonce_hash == hashlib.sha256(content["random"].encode()).hexdigest()
    assert set(content) == {"job_id", "user_id", "random"}


def test_no_two_states_or_verifiers_are_alike() -> None:
    states = [MAKER.make(JOB, USER)[1] for _ in range(100)]
    assert len({state.nonce_hash for state in states}) == 100
    # 128 bits of it, at the beginning, are nothing but random.
    assert len({state.random[:21] for state in states}) == 100
    assert len({new_verifier() for _ in range(100)}) == 100


def test_what_another_has_made_is_refused_without_asking_anybody() -> None:
    _, state = MAKER.make(JOB, USER)
    flipped = ["B" if letter == "A" else "A" for letter in state.random]
    for place, letter in enumerate(flipped):
        assert forged(replace(state, random=state.random[:place] + letter + state.random[place + 1 :])), place
    assert forged(replace(state, job_id=OTHER_JOB))
    assert forged(replace(state, user_id=OTHER_USER))
    for random in (RANDOM, state.random[:-1], state.random + "A", "A" * 48, "_" * 86):
        assert forged(replace(state, random=random)), random
    assert forged(StateMaker([bytes(32)]).make(JOB, USER)[1])
    # The key itself is not the one that the MAC is made with.
    mac = hmac.digest(KEY, f"{JOB}{USER}".encode() + bytes(20), "sha256")[:16]
    assert forged(replace(state, random=base64.urlsafe_b64encode(bytes(20) + mac).decode()))


def test_a_state_of_any_key_is_known_so_that_keys_can_be_changed() -> None:
    old, new = MAKER, StateMaker([NEW_KEY, KEY])
    new.check(old.make(JOB, USER)[1])
    # Every server knows the new key before any makes states with it, as for what is sealed.
    StateMaker([KEY, NEW_KEY]).check(new.make(JOB, USER)[1])
    assert forged(new.make(JOB, USER)[1])


def test_a_state_knows_the_web_app_that_it_is_to_lead_back_to() -> None:
    ours = ("https://app.example.com", "https://beta.example.com")
    for origin in (None, *ours):
        assert MAKER.web_app(MAKER.make(JOB, USER, origin)[1], ours) == origin
    # One that is ours no more gets nobody.
    assert MAKER.web_app(MAKER.make(JOB, USER, "https://old.example.com")[1], ours) is None
    assert MAKER.web_app(MAKER.make(JOB, USER)[1], ()) is None


def test_a_state_shows_nothing_of_itself() -> None:
    _, state = MAKER.make(JOB, USER)
    assert state.random not in repr(state)


def test_the_job_keeps_nothing_that_the_state_could_be_made_from() -> None:
    text, state = MAKER.make(JOB, USER)
    assert state.nonce_hash not in text
    assert len(state.nonce_hash) == 64


@pytest.mark.parametrize("spaces", range(4))
def test_padding_may_be_there_or_not(spaces: int) -> None:
    raw = json.dumps(GOOD).encode() + b" " * spaces
    padded = base64.urlsafe_b64encode(raw).decode()
    assert parse_state(padded) == parse_state(padded.rstrip("="))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"x":' + b"[" * 700, id="deeply nested"),
        pytest.param(json.dumps(GOOD).encode() + b" " * 1000, id="too long"),
        pytest.param([GOOD], id="an array"),
        pytest.param("text", id="a string"),
        pytest.param(None, id="null"),
        pytest.param({**GOOD, "job_id": None}, id="job null"),
        pytest.param({**GOOD, "job_id": 7}, id="job a number"),
        pytest.param({**GOOD, "job_id": JOB.upper()}, id="job in upper case"),
        pytest.param({**GOOD, "job_id": JOB.replace("-", "")}, id="job without hyphens"),
        pytest.param({**GOOD, "job_id": JOB.replace("-4c58", "-1c58")}, id="job a UUIDv1"),
        pytest.param({**GOOD, "job_id": JOB + "\n"}, id="job with a line feed"),
        pytest.param({**GOOD, "job_id": {"$ne": ""}}, id="job a query"),
        pytest.param({**GOOD, "user_id": USER.upper()}, id="user in upper case"),
        pytest.param({**GOOD, "user_id": "me"}, id="user no UUID"),
        pytest.param({**GOOD, "user_id": USER + "\n"}, id="user with a line feed"),
        pytest.param({**GOOD, "random": RANDOM[:-1]}, id="random too short"),
        pytest.param({**GOOD, "random": "a" * 87}, id="random too long"),
        pytest.param({**GOOD, "random": RANDOM + "\n"}, id="random with a line feed"),
        pytest.param({**GOOD, "random": "é" * 22}, id="random not ASCII"),
        pytest.param({**GOOD, "random": 12345678901234567890123}, id="random a number"),
        *[pytest.param({k: v for k, v in GOOD.items() if k != name}, id=f"no {name}") for name in GOOD],
    ],
)
def test_a_state_that_is_not_ours_is_refused(content: object) -> None:
    assert refused(encoded(content))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text + "A" * 100_000, id="huge"),
        pytest.param(lambda text: text[:40], id="truncated"),
        pytest.param(lambda text: text + "é", id="not ASCII"),
        pytest.param(lambda text: text[:9] + "=" + text[9:], id="padding in the middle"),
        pytest.param(lambda text: text[:8] + "!!!!" + text[8:], id="foreign characters"),
        pytest.param(lambda text: " " + text, id="a space before"),
        pytest.param(lambda text: text + "\n", id="a line feed after"),
        pytest.param(lambda text: text[:4] + "+/" + text[6:], id="the other base64"),
        pytest.param(lambda text: text + "\ud83d", id="half a surrogate pair"),
    ],
)
def test_a_spoilt_state_is_refused(spoil: Callable[[str], str]) -> None:
    assert refused(spoil(encoded(GOOD)))


@given(st.text(st.characters()) | st.binary().map(encoded))
def test_arbitrary_text_is_refused_and_breaks_nothing(text: str) -> None:
    assert refused(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.dictionaries(st.text(), s)))
def test_arbitrary_members_are_refused_and_break_nothing(value: object) -> None:
    assert all(refused(encoded({**GOOD, name: value})) for name in GOOD)


def test_the_challenge_is_that_of_the_rfc() -> None:
    # The example of https://www.rfc-editor.org/rfc/rfc7636#appendix-B.
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_as_long_as_the_rfc_recommends() -> None:
    assert re.fullmatch(r"[\w-]{43}", new_verifier(), re.ASCII)
