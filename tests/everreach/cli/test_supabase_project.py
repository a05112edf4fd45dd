"""What `everreach check` tells of a Supabase project: whose tokens are taken, and whether the project's own are."""

import socket
import time
from typing import Any

import pytest

from everreach.cli.supabase_project import project_lines
from everreach.config import Config
from tests.everreach.test_config import KEY, SECRET
from tests.project import Project

HOSTED = "https://abcdefghijklmnopqrst.supabase.co/auth/v1"


async def told(**settings: Any) -> str:
    given = {"_env_file": None, "token_encryption_keys": KEY, "supabase_jwt_secret": None, "supabase_url": None}
    return "\n".join(await project_lines(Config.load(**{**given, **settings})))


@pytest.mark.gen_test
async def test_with_the_secret_alone_it_tells_whose_tokens_are_accepted() -> None:
    assert "issued by whoever has the secret" in await told(supabase_jwt_secret=SECRET)
    assert f"issued by {HOSTED} or b." in await told(supabase_jwt_secret=SECRET, supabase_jwt_issuers=f"{HOSTED},b")


@pytest.mark.gen_test
async def test_a_project_that_calls_itself_what_is_accepted_is_fine(project: Project) -> None:
    text = await told(supabase_url=project.url)
    assert "publishes 1 key(s)" in text
    assert f"✓[/] The project issues tokens as {project.url}/auth/v1." in text
    assert "yellow" not in text


@pytest.mark.parametrize("project", [HOSTED], indirect=True)
@pytest.mark.gen_test
async def test_behind_a_custom_hostname_it_tells_what_to_add(project: Project) -> None:
    assert f"issues tokens as {HOSTED}: add that to SUPABASE_JWT_ISSUERS" in await told(supabase_url=project.url)
    text = await told(supabase_url=project.url, supabase_jwt_issuers=HOSTED)
    assert f"issued by {project.url}/auth/v1 or {HOSTED}." in text
    assert f"✓[/] The project issues tokens as {HOSTED}." in text
    assert "yellow" not in text


@pytest.mark.parametrize("said", [None, {}, {"issuer": 7}, [], "issuer"])
@pytest.mark.gen_test
async def test_a_project_that_does_not_say_what_it_is_called_is_not_compared(project: Project, said: Any) -> None:
    project.told["openid-configuration"] = said
    text = await told(supabase_url=project.url)
    assert "publishes 1 key(s)" in text
    assert "issues tokens as" not in text


@pytest.mark.gen_test
async def test_a_project_without_keys_needs_the_secret(project: Project) -> None:
    project.told["jwks.json"] = {"keys": []}
    assert "so set SUPABASE_JWT_SECRET" in await told(supabase_url=project.url)
    assert "yellow" not in await told(supabase_url=project.url, supabase_jwt_secret=SECRET)
    project.told.clear()
    assert "publishes no set of keys" in await told(supabase_url=project.url)


@pytest.mark.gen_test
async def test_a_project_that_is_away_or_hangs_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not answer" in await told(supabase_url="http://127.0.0.1:1")
    monkeypatch.setattr("everreach.cli.supabase_project.PATIENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert "does not answer" in await told(supabase_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 8
