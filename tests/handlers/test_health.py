"""Health, livez, readyz: nobody needs a token for these, and health needs no database either."""

import asyncio

import pytest

from everreach.security.authenticator import issue
from everreach.server.app import Node
from handlers import BASE
from handlers import health as health_module
from providers import WITH_FLOW
from tests.documented import check_documented
from tests.handlers.edge import PRIMARY_GOES, check_error, check_headers, database_failing
from tests.project import Project
from tests.world import SECRET, Answer, World, new_user

NONE = {f"{kind.name}_client_{part}": None for kind in WITH_FLOW for part in ("id", "secret")}
HALF = {**NONE, "google_client_id": "id", "microsoft_client_secret": "word"}
EMPTY = dict.fromkeys(NONE, "")


async def health(world: World) -> Answer:
    answer = await world.api("GET", "/health")
    assert answer.status == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "Server" not in answer.headers
    assert set(answer.json) == {"status", "providers", "message"}
    assert answer.json["message"].strip()
    return answer


def provider(world: World, name: str, *, id_set: bool = True, secret_set: bool = True) -> dict[str, object]:
    """What health has to say of a provider."""
    pages = {kind.name: kind.flow.setup_url for kind in WITH_FLOW}
    return {
        "configured": id_set and secret_set,
        "client_id_set": id_set,
        "client_secret_set": secret_set,
        "redirect_uri": f"{world.config.next_public_base_url}/api/v1/contacts/import/{name}/callback",
        "setup_url": pages[name],
    }


@pytest.mark.gen_test
async def test_with_every_provider_it_is_healthy(world: World) -> None:
    body = (await health(world)).json
    assert body["status"] == "healthy"
    assert body["providers"] == {kind.name: provider(world, kind.name) for kind in WITH_FLOW}


@pytest.mark.settings(microsoft_client_id=None, microsoft_client_secret=None)
@pytest.mark.gen_test
async def test_without_one_provider_it_is_partial(world: World) -> None:
    body = (await health(world)).json
    assert body["status"] == "partial"
    assert body["providers"]["google"] == provider(world, "google")
    assert body["providers"]["microsoft"] == provider(world, "microsoft", id_set=False, secret_set=False)


@pytest.mark.settings(google_client_secret=None)
@pytest.mark.gen_test
async def test_half_a_provider_is_none(world: World) -> None:
    body = (await health(world)).json
    assert body["status"] == "partial"
    assert body["providers"]["google"] == provider(world, "google", secret_set=False)
    assert body["providers"]["microsoft"] == provider(world, "microsoft")


@pytest.mark.settings(**HALF)
@pytest.mark.gen_test
async def test_with_two_halves_it_is_unhealthy(world: World) -> None:
    body = (await health(world)).json
    assert body["status"] == "unhealthy"
    assert body["providers"]["google"] == provider(world, "google", secret_set=False)
    assert body["providers"]["microsoft"] == provider(world, "microsoft", id_set=False)


@pytest.mark.settings(**EMPTY)
@pytest.mark.gen_test
async def test_without_any_provider_it_is_unhealthy(world: World) -> None:
    body = (await health(world)).json
    assert body["status"] == "unhealthy"
    for name, report in body["providers"].items():
        assert report == provider(world, name, id_set=False, secret_set=False)


@pytest.mark.gen_test
async def test_it_says_nothing_secret(world: World) -> None:
    body = (await health(world)).body.decode()
    for client in world.sandbox.clients.values():
        assert client.client_secret not in body
        assert client.client_id not in body


@pytest.mark.gen_test
async def test_health_and_livez_answer_while_the_database_fails(world: World) -> None:
    async with database_failing(world, PRIMARY_GOES), asyncio.timeout(3):
        assert (await health(world)).json["status"] == "healthy"
        alive = await world.fetch(f"{world.origin}/livez")
    assert (alive.status, alive.json) == (200, {"status": "alive"})
    check_headers(alive)


@pytest.mark.gen_test
async def test_ready_until_the_database_fails_and_again_afterwards(world: World) -> None:
    ready = await world.fetch(f"{world.origin}/readyz")
    assert (ready.status, ready.json) == (200, {"status": "ready"})
    check_headers(ready)
    async with database_failing(world), asyncio.timeout(3):
        away = await world.fetch(f"{world.origin}/readyz")
    check_error(away, 503, "Service Unavailable")
    assert int(away.headers["Retry-After"]) > 0
    assert (await world.fetch(f"{world.origin}/readyz")).status == 200


@pytest.mark.gen_test
async def test_not_ready_and_nobody_is_sent_to_sign_in_while_no_key_could_be_had(
    world: World, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everreach.security.jwks.RETRY_SECONDS", 0.0)
    user, project.away = new_user(), True
    async with Node(world.config.model_copy(update={"port": 0, "supabase_url": project.url})) as node:
        ready, mine = f"http://127.0.0.1:{node.port}/readyz", f"http://127.0.0.1:{node.port}{BASE}/list"
        for answer in (await world.fetch(ready), await world.fetch(mine, **project.token(user))):
            check_error(answer, 503, "Service Unavailable")
            check_documented("GET", mine, *answer)
            assert 1 <= int(answer.headers["Retry-After"]) <= 15
            assert "Supabase" in answer.json["message"]
        foreign = project.token(user, iss="https://foreign.example/auth/v1")
        check_error(await world.fetch(mine, **foreign), 401, "Unauthorized")
        assert (await world.fetch(f"http://127.0.0.1:{node.port}/livez")).status == 200
    project.away = False
    async with Node(world.config.model_copy(update={"port": 0, "supabase_url": project.url})) as node:
        ready, mine = f"http://127.0.0.1:{node.port}/readyz", f"http://127.0.0.1:{node.port}{BASE}/list"
        assert (await world.fetch(ready)).status == 200
        project.away = True
        assert (await world.fetch(ready)).status == 200, "the keys that were had go on serving"
        assert (await world.fetch(mine, **project.token(user))).status == 200


@pytest.mark.settings(supabase_allow_anonymous=False)
@pytest.mark.gen_test
async def test_who_has_not_signed_up_is_told_so(world: World) -> None:
    token = issue(SECRET, new_user(), 60, is_anonymous=True)
    answer = await world.fetch(f"{world.origin}/api/v1/contacts/import/list", Authorization=f"Bearer {token}")
    check_error(answer, 401, "Unauthorized")
    assert "sign up" in answer.json["message"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.gen_test
async def test_not_ready_while_the_process_stops(world: World) -> None:
    world.node.services.runner.stopping = True
    check_error(await world.fetch(f"{world.origin}/readyz"), 503, "Service Unavailable")
    assert (await world.fetch(f"{world.origin}/livez")).status == 200


@pytest.mark.gen_test
async def test_not_ready_before_the_start_is_complete(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.node.services.runner._scan, "_scanning", None)
    check_error(await world.fetch(f"{world.origin}/readyz"), 503, "Service Unavailable")


@pytest.mark.gen_test
async def test_not_alive_once_nobody_looks_for_jobs_unless_it_is_to_stop(world: World) -> None:
    runner = world.node.services.runner
    await runner._scan.stop()
    check_error(await world.fetch(f"{world.origin}/livez"), 503, "Service Unavailable")
    runner.stopping = True
    assert (await world.fetch(f"{world.origin}/livez")).status == 200


@pytest.mark.gen_test
async def test_not_alive_once_an_event_loop_of_ours_is_stuck(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "STUCK_SECONDS", -1.0)
    check_error(await world.fetch(f"{world.origin}/livez"), 503, "Service Unavailable")


@pytest.mark.gen_test
async def test_a_bad_token_does_not_matter_here(world: World) -> None:
    headers = {"Authorization": "Bearer noise"}
    for path in ("/api/v1/contacts/import/health", "/livez", "/readyz"):
        assert (await world.fetch(f"{world.origin}{path}", **headers)).status == 200
        refused = await world.fetch(f"{world.origin}{path}", "POST")
        assert (refused.status, refused.json["error"]) == (405, "Method Not Allowed")
