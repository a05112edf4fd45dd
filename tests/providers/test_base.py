"""The code flow is the same for every provider: what is sent, what comes back, and what each refusal means."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from everreach.config import Config
from everreach.errors import ProviderError, ReconnectError, ThrottledError, TokenRejectedError, TransientError
from everreach.setting_types import new_key
from providers import REGISTRY, connect
from providers.base import Grant, Provider
from providers.google import Google
from providers.http import RETRIES, Http, Reply
from providers.microsoft import Microsoft

REPLIES = Path(__file__).parent / "replies"
CALLBACK = "https://api.example.com/api/v1/contacts/import"
BOTH = pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.name)


class Sent(NamedTuple):
    """A request that would have left the process."""

    method: str
    url: str
    headers: Mapping[str, str]
    fields: dict[str, str]


class Wire(Http):
    """The door out with the network taken away: it remembers what was sent, and `answer` says what comes back."""

    def __init__(self, answer: Callable[[Sent], Reply]) -> None:
        self._backoff = 0
        self._answer = answer
        self.sent: list[Sent] = []

    async def _request(self, method: str, url: str, **options: Any) -> Reply:
        self.sent.append(Sent(method, url, options.get("headers") or {}, options.get("data") or {}))
        return self._answer(self.sent[-1])


def reply(body: object = b"", status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def playing(*replies: Reply) -> Wire:
    """A wire that plays these replies in turn, and the last one for ever."""
    waiting = list(replies)
    return Wire(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])


def recorded(name: str) -> Any:
    """A reply in the provider's own shape."""
    return json.loads((REPLIES / f"{name}.json").read_text("utf-8"))


def config() -> Config:
    return Config.load(
        _env_file=None,
        token_encryption_keys=new_key(),
        supabase_url="https://ref.supabase.co",
        next_public_base_url="https://api.example.com",
        google_client_id="google-id",
        google_client_secret="google-word",
        microsoft_client_id="microsoft-id",
        microsoft_client_secret="microsoft-word",
    )


@BOTH
def test_a_provider_cannot_bend_the_flow(kind: type[Provider]) -> None:
    for name in ("authorization_url", "exchange", "refresh", "revoke", "_read"):
        assert getattr(Provider, name).__final__
        assert name not in vars(kind)
    assert "_token" not in vars(kind)
    assert "_token_refusal" not in vars(kind)


def test_every_provider_is_there_by_its_name() -> None:
    providers = connect(config(), playing(reply()))
    assert list(providers) == ["google", "microsoft"]
    assert all(provider.configured for provider in providers.values())
    assert providers["google"].setup_url == "https://console.cloud.google.com/"
    assert providers["microsoft"].setup_url == "https://portal.azure.com/"


@BOTH
@pytest.mark.gen_test
async def test_a_provider_that_was_taken_out_says_so(kind: Any) -> None:
    wire = playing(reply())
    provider = kind(config().model_copy(update={f"{kind.name}_client_secret": None}), wire)
    assert not provider.configured
    with pytest.raises(ProviderError, match=f"{kind.title} is not configured any more"):
        provider.authorization_url("state", "challenge")
    with pytest.raises(ProviderError, match="not configured"):
        await provider.refresh("old")
    assert wire.sent == []


def query_of(url: str) -> dict[str, str]:
    assert "+" not in urlsplit(url).path
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def test_google_s_consent_page_is_asked_as_the_contract_says() -> None:
    url = Google(config(), playing(reply())).authorization_url("the-state", "the-challenge")
    assert url.partition("?")[0] == "https://accounts.google.com/o/oauth2/v2/auth"
    assert query_of(url) == {
        "client_id": "google-id",
        "redirect_uri": f"{CALLBACK}/google/callback",
        "response_type": "code",
        "scope": "https://www.googleapis.com/auth/contacts.readonly https://www.googleapis.com/auth/userinfo.email",
        "access_type": "offline",
        "prompt": "consent",
        "state": "the-state",
        "code_challenge": "the-challenge",
        "code_challenge_method": "S256",
    }


def test_microsoft_s_consent_page_is_asked_as_the_contract_says() -> None:
    url = Microsoft(config(), playing(reply())).authorization_url("the-state", "the-challenge")
    assert url.partition("?")[0] == "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    assert query_of(url) == {
        "client_id": "microsoft-id",
        "redirect_uri": f"{CALLBACK}/microsoft/callback",
        "response_type": "code",
        "scope": "https://graph.microsoft.com/Contacts.Read https://graph.microsoft.com/User.Read offline_access",
        "response_mode": "query",
        "state": "the-state",
        "code_challenge": "the-challenge",
        "code_challenge_method": "S256",
    }


@BOTH
@pytest.mark.gen_test
async def test_a_code_is_exchanged_with_its_verifier(kind: Any) -> None:
    wire = playing(reply(recorded("tokens")[kind.name]))
    grant = await kind(config(), wire).exchange("4/0Ab~+c", "the-verifier")
    url = {"google": "https://oauth2.googleapis.com/token"}.get(
        kind.name, "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    )
    fields = {
        "grant_type": "authorization_code",
        "code": "4/0Ab~+c",
        "code_verifier": "the-verifier",
        "redirect_uri": f"{CALLBACK}/{kind.name}/callback",
        "client_id": f"{kind.name}-id",
        "client_secret": f"{kind.name}-word",
    }
    assert wire.sent == [Sent("POST", url, {}, fields)]
    assert grant.access_token.startswith(("ya29.", "EwB4"))
    assert grant.refresh_token
    assert kind(config(), wire).allows_contacts(grant)
    assert timedelta(seconds=3590) < grant.expires_at - datetime.now(UTC) <= timedelta(seconds=3599)


@BOTH
@pytest.mark.gen_test
async def test_a_refresh_keeps_what_the_provider_leaves_out(kind: Any) -> None:
    wire = playing(reply({"access_token": "new", "expires_in": 3599, "token_type": "Bearer"}))
    grant = await kind(config(), wire).refresh("old")
    assert wire.sent[0].fields == {
        "grant_type": "refresh_token",
        "refresh_token": "old",
        "client_id": f"{kind.name}-id",
        "client_secret": f"{kind.name}-word",
    }
    assert (grant.access_token, grant.refresh_token, grant.scopes) == ("new", None, None)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({"expires_in": "3599"}, 3599), ({"expires_in": 60.5}, 60.5), ({}, 3600), ({"expires_in": -5}, 0)],
)
@pytest.mark.gen_test
async def test_a_lifetime_is_read_however_it_is_written(said: dict[str, Any], seconds: float) -> None:
    before = datetime.now(UTC)
    grant = await Google(config(), playing(reply({"access_token": "a", **said}))).exchange("c", "v")
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
        await Google(config(), wire).exchange("c", "v")
    assert len(wire.sent) == 1


@BOTH
@pytest.mark.parametrize(
    ("name", "kind_of_error"),
    [
        ("revoked", ReconnectError),
        ("consent_required", ReconnectError),
        ("wrong_secret", ProviderError),
        ("malformed", ProviderError),
        ("html", ProviderError),
        ("later", TransientError),
        ("unavailable", TransientError),
        ("bad_gateway", TransientError),
        ("unavailable_for_a_while", ThrottledError),
        ("too_many", ThrottledError),
    ],
)
@pytest.mark.gen_test
async def test_each_refusal_of_a_token_has_its_meaning(
    kind: Any, name: str, kind_of_error: type[ProviderError]
) -> None:
    case = recorded("token_errors")[name]
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    provider = kind(config(), playing(reply(body, case["status"], **case.get("headers", {}))))
    for call in (provider.exchange("c", "v"), provider.refresh("r")):
        with pytest.raises(ProviderError) as refused:
            await call
        assert type(refused.value) is kind_of_error
        assert "AADSTS" not in refused.value.message
        assert "invalid" not in refused.value.message


@BOTH
@pytest.mark.gen_test
async def test_an_exchange_is_never_repeated_and_a_refresh_is(kind: Any) -> None:
    wire = playing(reply(b"oops", 500))
    with pytest.raises(TransientError):
        await kind(config(), wire).exchange("c", "v")
    assert len(wire.sent) == 1
    with pytest.raises(TransientError):
        await kind(config(), wire).refresh("r")
    assert len(wire.sent) == 1 + 1 + RETRIES


@BOTH
@pytest.mark.parametrize(
    ("status", "headers", "kind_of_error", "tries"),
    [
        (401, {}, TokenRejectedError, 1),
        (429, {"retry_after": "2.5"}, ThrottledError, 1),
        (429, {}, ThrottledError, 1),
        (503, {"retry_after": "120"}, ThrottledError, 1),
        (503, {}, TransientError, 1 + RETRIES),
        (500, {}, TransientError, 1 + RETRIES),
        (502, {}, TransientError, 1 + RETRIES),
        (408, {}, TransientError, 1 + RETRIES),
        (418, {}, ProviderError, 1),
        (302, {"location": "https://evil.example/"}, ProviderError, 1),
    ],
)
@pytest.mark.gen_test
async def test_each_status_of_a_page_has_its_meaning(
    kind: Any, status: int, headers: dict[str, str], kind_of_error: type[ProviderError], tries: int
) -> None:
    wire = playing(reply(b"<html>no</html>", status, **headers))
    with pytest.raises(ProviderError) as refused:
        await kind(config(), wire).page("token", None)
    assert type(refused.value) is kind_of_error
    assert len(wire.sent) == tries
    if isinstance(refused.value, ThrottledError):
        assert refused.value.retry_after == (float(headers["retry_after"]) if headers else None)


def test_a_grant_is_printed_without_its_tokens() -> None:
    grant = Grant("planted-access", "planted-refresh", datetime.now(UTC), frozenset({"planted"}))
    assert "planted" not in f"{grant!r} {grant} {[grant]}"


@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead already"])
@pytest.mark.gen_test
async def test_a_grant_is_revoked_at_google_with_the_token_alone(dead: bool) -> None:
    wire = playing(reply({"error": "invalid_token"}, 400) if dead else reply({}))
    assert await Google(config(), wire).revoke("the-token") is True
    [sent] = wire.sent
    assert (sent.method, sent.url) == ("POST", "https://oauth2.googleapis.com/revoke")
    assert sent.fields == {"token": "the-token"}
    assert sent.headers == {}


@pytest.mark.gen_test
async def test_a_revocation_that_fails_for_a_moment_is_tried_again() -> None:
    wire = playing(reply({}, 503), reply(b"<html>", 502), reply({}))
    assert await Google(config(), wire).revoke("the-token") is True
    assert len(wire.sent) == 3


@pytest.mark.parametrize(("status", "times"), [(500, RETRIES + 1), (400, 1), (403, 1)])
@pytest.mark.gen_test
async def test_a_revocation_that_the_provider_refuses_is_told(status: int, times: int) -> None:
    wire = playing(reply({"error": "something_else"}, status))
    with pytest.raises(ProviderError):
        await Google(config(), wire).revoke("the-token")
    assert len(wire.sent) == times


@pytest.mark.gen_test
async def test_microsoft_has_no_way_to_revoke_and_is_not_asked() -> None:
    wire = playing(reply({}))
    assert await Microsoft(config(), wire).revoke("the-token") is False
    assert wire.sent == []
