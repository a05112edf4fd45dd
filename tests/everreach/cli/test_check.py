"""`everreach check`: says what is there and what is missing, tells no secret, and its exit code can be trusted."""

import io
import socket
import time
from pathlib import Path

import pytest
from rich.console import Console

from everreach.cli.check import check, check_live
from everreach.errors import EverReachError
from tests.everreach.test_config import KEY, SECRET, WEBHOOK_SECRET
from tests.everreach.test_config import bare as bare  # noqa: PLC0414 - the same empty environment, as a fixture here.
from tests.world import World


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(screen: io.StringIO) -> Console:
    return Console(file=screen, highlight=False, soft_wrap=True)


@pytest.mark.gen_test
async def test_a_live_database_is_0(
    monkeypatch: pytest.MonkeyPatch, mongod_uri: str, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("MONGODB_URI", mongod_uri)
    assert await check(console) == 0
    assert "The database answers" in screen.getvalue()


@pytest.mark.gen_test
async def test_webhooks_are_named_by_their_hosts_only(
    monkeypatch: pytest.MonkeyPatch, mongod_uri: str, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("MONGODB_URI", mongod_uri)
    monkeypatch.setenv("WEBHOOK_URLS", "https://hooks.example.com/planted")
    monkeypatch.setenv("WEBHOOK_SECRETS", WEBHOOK_SECRET)
    assert await check(console) == 0
    assert "Webhooks go to hooks.example.com, signed by 1 secret(s)." in screen.getvalue()
    assert "planted" not in screen.getvalue()
    assert WEBHOOK_SECRET not in screen.getvalue()


@pytest.mark.gen_test
async def test_web_apps_are_named_as_their_browsers_do(
    monkeypatch: pytest.MonkeyPatch, mongod_uri: str, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("MONGODB_URI", mongod_uri)
    assert await check(console) == 0
    assert "No web app may call; set NEXT_PUBLIC_FRONTEND_URL" in screen.getvalue()
    monkeypatch.setenv("NEXT_PUBLIC_FRONTEND_URL", "https://App.example.com/settings, http://localhost:3000/")
    assert await check(console) == 0
    assert "Web apps may call from https://app.example.com and http://localhost:3000, and" in screen.getvalue()
    monkeypatch.setenv("NEXT_PUBLIC_FRONTEND_URL", "https://*.example.com")
    assert await check(console) == 1
    assert "NEXT_PUBLIC_FRONTEND_URL: each is an origin such as" in screen.getvalue()


@pytest.mark.gen_test
async def test_a_database_that_is_away_is_1_within_seconds(
    monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:planted@127.0.0.1:1/everreach")
    started = time.monotonic()
    assert await check(console) == 1
    assert time.monotonic() - started < 8
    assert "The database does not answer" in screen.getvalue()
    assert "planted" not in screen.getvalue()


@pytest.mark.gen_test
async def test_unusable_settings_are_1_and_every_problem_is_told(
    monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("PORT", "none")
    monkeypatch.delenv("TOKEN_ENCRYPTION_KEYS")
    monkeypatch.setenv("MONGODB_URI", "planted")
    assert await check(console) == 1
    assert all(name in screen.getvalue() for name in ("PORT", "TOKEN_ENCRYPTION_KEYS", "MONGODB_URI"))
    assert "planted" not in screen.getvalue()


@pytest.mark.gen_test
async def test_it_tells_what_is_configured_and_what_is_missing_but_no_secret(
    monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEXT_PUBLIC_BASE_URL", "https://api.example.com")
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "google-id")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "planted")
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("EVERREACH_DATA_DIR", str(tmp_path / "files"))
    assert await check(console) == 0
    text = screen.getvalue()
    assert "google: configured" in text
    assert "https://api.example.com/api/v1/contacts/import/google/callback" in text
    assert "set MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET" in text
    assert "HS256 by SUPABASE_JWT_SECRET and ES256 and RS256 by the keys of http://127.0.0.1:1" in text
    assert "MONGODB_URI is absent" in text
    assert str(tmp_path / "files") in text
    assert not [secret for secret in ("planted", KEY, SECRET) if secret in text]


@pytest.mark.gen_test
async def test_what_is_sent_in_the_open_is_told(
    monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO
) -> None:
    monkeypatch.setenv("GOOGLE_TOKEN_URL", "http://oauth2.example.com/token")
    assert await check(console) == 0
    assert "! GOOGLE_TOKEN_URL is plain http" in screen.getvalue()


@pytest.mark.gen_test
async def test_it_starts_nothing_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVERREACH_DATA_DIR", str(tmp_path / "files"))
    await check(console)
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize("folder", ["[red]", "[/oops]"])
@pytest.mark.gen_test
async def test_brackets_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO, tmp_path: Path, folder: str
) -> None:
    monkeypatch.setenv("EVERREACH_DATA_DIR", str(tmp_path / folder))
    assert await check(console) == 0
    assert folder in screen.getvalue()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.gen_test
async def test_a_server_that_answers_is_live(monkeypatch: pytest.MonkeyPatch, world: World, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", str(world.config.port))
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/nobody-asks-it")
    assert await check_live() == 0


@pytest.mark.settings(host="::1")
@pytest.mark.parametrize("host", ["::1", "::"])
@pytest.mark.gen_test
async def test_a_server_is_found_at_its_own_address(monkeypatch: pytest.MonkeyPatch, world: World, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", str(world.config.port))
    assert await check_live() == 0


@pytest.mark.gen_test
async def test_where_nobody_listens_nobody_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    with pytest.raises(EverReachError) as caught:
        await check_live()
    assert caught.value.message == "No server answers at http://127.0.0.1:1/livez."


@pytest.mark.gen_test
async def test_a_server_that_hangs_is_not_live_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everreach.cli.check._PATIENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PORT", str(silent.getsockname()[1]))
        started = time.monotonic()
        with pytest.raises(EverReachError):
            await check_live()
        assert time.monotonic() - started < 8
