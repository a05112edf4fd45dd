"""Start: a job that waits for consent, and the consent page's address."""

import asyncio
import hashlib
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest

from everreach.security.authenticator import issue
from everreach.security.oauth_state import challenge
from providers import WITH_FLOW
from tests.handlers.edge import PROVIDERS, SEALED, all_jobs, check_error, check_headers, decoded, query_of
from tests.world import SECRET, World, bearer, new_user

BOTH = pytest.mark.parametrize("provider", PROVIDERS)
OWN_PAGES = {f"{kind.name}_authorize_url": kind.settings.model_fields["authorize_url"].default for kind in WITH_FLOW}
ON_OWN_PAGES: pytest.MarkDecorator = pytest.mark.settings(**OWN_PAGES)


@BOTH
@pytest.mark.gen_test
async def test_the_answer_has_the_job_the_address_and_the_provider(world: World, provider: str) -> None:
    answer = await world.api("POST", f"/{provider}/start", new_user())
    assert answer.status == 200
    assert set(answer.json) == {"job_id", "authorization_url", "provider"}
    assert answer.json["provider"] == provider
    assert str(uuid.UUID(answer.json["job_id"], version=4)) == answer.json["job_id"]
    check_headers(answer)


@BOTH
@pytest.mark.gen_test
async def test_the_job_is_stored_waiting_for_consent(world: World, provider: str) -> None:
    user = new_user()
    job_id, url = await world.start(provider, user)
    job = await world.stored(job_id)
    assert (job["user_id"], job["provider"], job["status"], job["version"]) == (user, provider, "authenticating", 1)
    nothing = ("access_token", "refresh_token", "token_expires_at", "completed_at", "error_message")
    assert [job[name] for name in (*nothing, "provider_account_id", "provider_account_name")] == [None] * 7
    counters = ("total_contacts", "processed_contacts", "imported_contacts", "skipped_contacts", "failed_contacts")
    assert [job[name] for name in counters] == [0] * 5
    assert job["created_at"] == job["updated_at"] == job["started_at"]
    assert (job["not_before"] - job["created_at"]).total_seconds() == 600
    assert [stored["_id"] for stored in await all_jobs(world)] == [job_id]
    assert query_of(url)["state"] not in repr(job)


@BOTH
@pytest.mark.gen_test
async def test_the_job_keeps_only_a_hash_of_the_random_and_a_sealed_verifier(world: World, provider: str) -> None:
    user = new_user()
    job_id, url = await world.start(provider, user)
    job, random = await world.stored(job_id), decoded(query_of(url)["state"])["random"]
    assert job["state_hash"] == hashlib.sha256(random.encode()).hexdigest()
    assert random not in repr(job)
    assert SEALED.fullmatch(job["pkce_verifier"])
    place = {"job_id": job_id, "user_id": user, "field": "pkce_verifier"}
    verifier = world.node.services.vault.open(job["pkce_verifier"], **place)
    assert verifier not in repr(job)
    assert re.fullmatch(r"[\w.~-]{43,128}", verifier, re.ASCII)
    assert challenge(verifier) == query_of(url)["code_challenge"]


@BOTH
@pytest.mark.gen_test
async def test_the_state_says_whose_job_it_is_and_holds_128_bits(world: World, provider: str) -> None:
    user = new_user()
    job_id, url = await world.start(provider, user)
    state = decoded(query_of(url)["state"])
    assert set(state) == {"job_id", "user_id", "random"}
    assert (state["job_id"], state["user_id"]) == (job_id, user)
    assert re.fullmatch(r"[\w-]{22,}", state["random"], re.ASCII)


@pytest.mark.gen_test
async def test_nothing_of_one_start_is_used_for_another(world: World) -> None:
    user = new_user()
    queries = [query_of((await world.start("google", user))[1]) for _ in range(5)]
    assert len({query["state"] for query in queries}) == len({query["code_challenge"] for query in queries}) == 5
    assert len({decoded(query["state"])["random"] for query in queries}) == 5


@ON_OWN_PAGES
@pytest.mark.gen_test
async def test_the_address_is_googles_own_consent_page(world: World) -> None:
    job_id, url = await world.start("google", new_user())
    page, query = urlsplit(url), query_of(url)
    assert (page.scheme, page.netloc, page.path) == ("https", "accounts.google.com", "/o/oauth2/v2/auth")
    assert re.fullmatch(r"[\w-]{43}", query.pop("code_challenge"), re.ASCII)
    assert decoded(query.pop("state"))["job_id"] == job_id
    scopes = "https://www.googleapis.com/auth/contacts.readonly https://www.googleapis.com/auth/userinfo.email"
    assert query == {
        "client_id": world.node.services.flows["google"].client.client_id,
        "redirect_uri": f"{world.config.next_public_base_url}/api/v1/contacts/import/google/callback",
        "response_type": "code",
        "scope": scopes,
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge_method": "S256",
    }


@ON_OWN_PAGES
@pytest.mark.gen_test
async def test_the_address_is_microsofts_own_consent_page(world: World) -> None:
    job_id, url = await world.start("microsoft", new_user())
    page, query = urlsplit(url), query_of(url)
    assert (page.scheme, page.netloc) == ("https", "login.microsoftonline.com")
    assert page.path == "/common/oauth2/v2.0/authorize"
    assert re.fullmatch(r"[\w-]{43}", query.pop("code_challenge"), re.ASCII)
    assert decoded(query.pop("state"))["job_id"] == job_id
    assert query == {
        "client_id": world.node.services.flows["microsoft"].client.client_id,
        "redirect_uri": f"{world.config.next_public_base_url}/api/v1/contacts/import/microsoft/callback",
        "response_type": "code",
        "scope": "https://graph.microsoft.com/Contacts.Read https://graph.microsoft.com/User.Read offline_access",
        "response_mode": "query",
        "code_challenge_method": "S256",
    }


@pytest.mark.gen_test
async def test_any_other_provider_is_400(world: World) -> None:
    user = new_user()
    for name in ("icloud", "csv", "Google", "GOOGLE", "google%20", "unknown", "..", "%00", "x" * 2000, "google%2Fx"):
        check_error(await world.api("POST", f"/{name}/start", user), 400, "Invalid Provider")
    answer = await world.api("POST", "/icloud/start", user)
    assert answer.json["message"] == f"Provider must be {' or '.join(kind.name for kind in WITH_FLOW)}."
    assert await all_jobs(world) == []


MISSING: dict[str, dict[str, Any]] = {
    "id": {"google_client_id": None, "microsoft_client_id": None},
    "secret": {"google_client_secret": None, "microsoft_client_secret": None},
    "empty": {"google_client_id": "", "microsoft_client_secret": ""},
}


@pytest.mark.parametrize(
    "world",
    [pytest.param(None, id=name, marks=pytest.mark.settings(**gone)) for name, gone in MISSING.items()],
    indirect=True,
)
@pytest.mark.gen_test
async def test_a_provider_without_both_its_id_and_its_secret_says_what_to_set(world: World) -> None:
    user = new_user()
    google, microsoft = [await world.api("POST", f"/{provider}/start", user) for provider in PROVIDERS]
    assert (google.status, microsoft.status) == (400, 400)
    assert google.json == {
        "error": "Configuration Required",
        "message": "Google OAuth not configured. Please set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.",
        "setup_url": "https://console.cloud.google.com/",
    }
    assert microsoft.json == {
        "error": "Configuration Required",
        "message": "Microsoft OAuth not configured. Please set MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET.",
        "setup_url": "https://portal.azure.com/",
    }
    assert await all_jobs(world) == []


@pytest.mark.gen_test
async def test_without_a_good_token_nobody_starts_anything(world: World) -> None:
    user = new_user()
    tokens = {
        "none": {},
        "empty": {"Authorization": ""},
        "basic": {"Authorization": "Basic dXNlcjpwYXNz"},
        "noise": {"Authorization": "Bearer noise"},
        "wrong key": {"Authorization": f"Bearer {issue('w' * 40, user, 3600)}"},
        "expired": {"Authorization": f"Bearer {issue(SECRET, user, -60)}"},
        "anon key": {"Authorization": f"Bearer {issue(SECRET, user, 3600, role='anon')}"},
        "no bearer": {"Authorization": bearer(user)["Authorization"].removeprefix("Bearer ")},
    }
    for provider in ("google", "icloud"):
        for headers in tokens.values():
            answer = await world.api("POST", f"/{provider}/start", **headers)
            check_error(answer, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert await all_jobs(world) == []


@pytest.mark.settings(rate_limit_start="5/hour")
@pytest.mark.gen_test
async def test_five_starts_an_hour_then_429_for_this_person_only(world: World) -> None:
    user, other = new_user(), new_user()
    # Refused for another reason, these do not count.
    assert {(await world.api("POST", "/icloud/start", user)).status for _ in range(6)} == {400}
    for number in range(5):
        await world.start(PROVIDERS[number % 2], user)
    refused = await world.api("POST", "/google/start", user)
    check_error(refused, 429, "Too Many Requests")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert len(await all_jobs(world)) == 5
    await world.start("google", other)


@pytest.mark.settings(rate_limit_start="5/hour")
@pytest.mark.gen_test
async def test_of_twelve_starts_at_once_five_get_through(world: World) -> None:
    user = new_user()
    answers = await asyncio.gather(*(world.api("POST", "/google/start", user) for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 7
    assert len(await all_jobs(world)) == 5


@pytest.mark.gen_test
async def test_starting_by_get_is_405_in_json(world: World) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        check_error(await world.api(method, "/google/start", new_user()), 405)
    assert await all_jobs(world) == []
