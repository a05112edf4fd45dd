"""What the settings promise: read once, refused all together, and never a secret in what they print."""

import base64
import logging
import random
import re
import secrets
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from limits import parse

from everreach.config import Config
from everreach.errors import SettingsError
from everreach.security.authenticator import issue
from everreach.security.key_strength import EXAMPLE_KEY, WELL_KNOWN_SECRETS, is_pattern, looks_random, new_key
from providers import WITH_FLOW
from providers.google.settings import GoogleSettings
from providers.microsoft.settings import MicrosoftSettings

ROOT = Path(__file__).parents[2]
KEY = new_key()
OLD_KEY = base64.b64encode(bytes(32)).decode()
WEBHOOK_SECRET = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
OLD_WEBHOOK_SECRET = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
SECRET = "a-supabase-secret-of-more-than-32-characters"

DEFAULTS = {
    "port": 8080,
    "host": "0.0.0.0",
    "mongodb_uri": None,
    "next_public_base_url": None,
    "next_public_frontend_url": (),
    "google_client_id": None,
    "google_client_secret": None,
    "microsoft_client_id": None,
    "microsoft_client_secret": None,
    "supabase_url": None,
    "supabase_jwt_issuers": (),
    "supabase_allow_anonymous": True,
    "ledger_retention": "90d",
    "oauth_state_ttl_seconds": 600,
    "rate_limit_start": "5/hour",
    "rate_limit_status": "60/minute",
    "everreach_max_contacts": 1_000_000,
    "everreach_log_format": "text",
    "log_level": logging.INFO,
    "otel_exporter_otlp_endpoint": None,
    "token_retention": "delete",
    "everreach_console": False,
    "google_authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
    "google_token_url": "https://oauth2.googleapis.com/token",
    "google_revoke_url": "https://oauth2.googleapis.com/revoke",
    "google_userinfo_url": "https://www.googleapis.com/oauth2/v2/userinfo",
    "google_people_url": "https://people.googleapis.com",
    "microsoft_authorize_url": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    "microsoft_token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    "microsoft_graph_url": "https://graph.microsoft.com",
}

OF_PROVIDERS = [name for kind in WITH_FLOW for name in kind.settings.names()]

CHOSEN = {
    "PORT": "9000",
    "HOST": "127.0.0.1",
    "MONGODB_URI": "mongodb://db:27017/other?replicaSet=rs1",
    "EVERREACH_DATA_DIR": "/srv/everreach",
    "NEXT_PUBLIC_BASE_URL": "https://api.example.com",
    "NEXT_PUBLIC_FRONTEND_URL": "https://app.example.com,http://localhost:3000",
    "SUPABASE_JWT_SECRET": SECRET,
    "SUPABASE_URL": "https://ref.supabase.co",
    "SUPABASE_JWT_ISSUERS": "https://ref.supabase.co/auth/v1,http://127.0.0.1:54321/auth/v1",
    "SUPABASE_ALLOW_ANONYMOUS": "False",
    "LEDGER_RETENTION": "30d",
    "TOKEN_ENCRYPTION_KEYS": KEY,
    "OAUTH_STATE_TTL_SECONDS": "120",
    "RATE_LIMIT_START": "7/hour",
    "WEBHOOK_URLS": "https://a.example/hook,https://b.example:8443/",
    "WEBHOOK_SECRETS": f"{WEBHOOK_SECRET},{OLD_WEBHOOK_SECRET}",
    "RATE_LIMIT_STATUS": "90/minute",
    "RATE_LIMIT_JOBS": "30/minute",
    "RATE_LIMIT_UPLOADS": "20/hour",
    "IMPORT_WITHOUT_EMAIL": "skip",
    "IMPORT_DUPLICATES": "skip",
    "IMPORT_REGION": "GB",
    "EVERREACH_MAX_UPLOAD": "1048576",
    "EVERREACH_MAX_CONTACTS": "5000",
    "EVERREACH_MAX_IMPORTS": "3",
    "EVERREACH_LEASE_SECONDS": "5.5",
    "EVERREACH_SHUTDOWN_SECONDS": "4.5",
    "EVERREACH_CONSOLE": "True",
    "EVERREACH_LOG_FORMAT": "json",
    "EVERREACH_LOG_LEVEL": "warning",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
    "TOKEN_RETENTION": "keep",
    **{name: f"https://chosen.example/{name}" for name in OF_PROVIDERS},
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without a `.env`, and an environment that sets nothing of ours but what every server needs."""
    for name in Config.names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", KEY)
    monkeypatch.setenv("SUPABASE_JWT_SECRET", SECRET)


def value_of(config: Config, name: str) -> object:
    """The value of a setting, by its name in small letters."""
    provider, _, field = name.partition("_")
    return getattr(config.providers[provider], field) if provider in config.providers else getattr(config, name)


def shown(config: Config, name: str) -> object:
    value = value_of(config, name)
    parts = value if isinstance(value, tuple) else (value,)
    return ",".join(str(part.get_secret_value() if hasattr(part, "get_secret_value") else part) for part in parts)


def test_every_setting_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(CHOSEN) == set(Config.names())
    for name, value in CHOSEN.items():
        monkeypatch.setenv(name, value)
    config = Config.load()
    assert {name: shown(config, name.lower()) for name in CHOSEN} == CHOSEN


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_the_defaults_are_the_contract_s(name: str, value: object) -> None:
    assert value_of(Config.load(), name) == value


def test_the_data_folder_is_a_whole_path_of_the_user_s() -> None:
    assert Config.load().everreach_data_dir == Path.home() / ".local/share/everreach"


def homeless(path: Path) -> Path:
    """What pathlib does where neither HOME nor the list of users tells a home."""
    if str(path).startswith("~"):
        raise RuntimeError("Could not determine home directory.")
    return path


def test_who_has_no_home_and_a_database_needs_no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setenv("MONGODB_URI", CHOSEN["MONGODB_URI"])
    Config.load()


def test_who_has_neither_home_nor_database_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(SettingsError) as caught:
        Config.load()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["EVERREACH_DATA_DIR"]
    assert "set MONGODB_URI to a MongoDB replica set" in caught.value.message


def test_a_dotenv_file_is_read_and_the_environment_wins_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9001\nHOST=10.0.0.1\n", "utf-8")
    monkeypatch.setenv("PORT", "9002")
    config = Config.load()
    assert (config.port, config.host) == (9002, "10.0.0.1")


def test_an_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "MONGODB_URI", "GOOGLE_CLIENT_ID", "SUPABASE_URL", "RATE_LIMIT_START"):
        monkeypatch.setenv(name, "")
    config = Config.load()
    assert (config.port, config.mongodb_uri, value_of(config, "google_client_id")) == (8080, None, None)
    assert (config.supabase_url, config.rate_limit_start) == (None, "5/hour")


def test_all_problems_are_reported_in_one_go_with_their_fixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPABASE_JWT_SECRET")
    wrong = {
        "PORT": "70000",
        "MONGODB_URI": "postgres://db/x",
        "NEXT_PUBLIC_FRONTEND_URL": "app.example.com",
        "GOOGLE_CLIENT_ID": "google-id",
        "TOKEN_ENCRYPTION_KEYS": "c2hvcnQ=",
        "RATE_LIMIT_START": "often",
        "OAUTH_STATE_TTL_SECONDS": "soon",
        "TOKEN_RETENTION": "forever",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    fixes: dict[str, str] = {}
    for name, _, fix in (problem.partition(": ") for problem in refused.value.problems):
        fixes[name] = fixes.get(name, "") + fix
    assert fixes.keys() == wrong.keys() - {"GOOGLE_CLIENT_ID"} | {"NEXT_PUBLIC_BASE_URL", "SUPABASE_URL"}
    assert "everreach keys new" in fixes["TOKEN_ENCRYPTION_KEYS"]
    assert "5/hour" in fixes["RATE_LIMIT_START"]
    assert "https://" in fixes["NEXT_PUBLIC_FRONTEND_URL"]
    assert "mongodb://" in fixes["MONGODB_URI"]
    assert "SUPABASE_JWT_SECRET" in fixes["SUPABASE_URL"]
    assert all(problem in refused.value.message for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("https://app.example.com/", ["https://app.example.com"]),
        ("HTTPS://App.Example.Com:443/settings", ["https://app.example.com"]),
        ("http://localhost:80 , http://localhost:3000,", ["http://localhost", "http://localhost:3000"]),
        ("https://a.example,https://A.example/", ["https://a.example"]),
        ("http://[0:0:0:0:0:0:0:1]:3000", ["http://[::1]:3000"]),
        ("https://xn--bcher-kva.example", ["https://xn--bcher-kva.example"]),
    ],
)
def test_web_apps_are_kept_as_browsers_write_their_origins(
    monkeypatch: pytest.MonkeyPatch, given: str, origins: list[str]
) -> None:
    monkeypatch.setenv("NEXT_PUBLIC_FRONTEND_URL", given)
    assert list(Config.load().next_public_frontend_url) == origins


@pytest.mark.parametrize(
    "given",
    [
        "app.example.com", "*", "https://*.example.com", "https://bücher.example", "capacitor://localhost", "null",
        "https://user@app.example.com", "https://app.example.com?x=1", "https://app.example.com,nonsense",
        "https://app.example.com;https://b.example", "https://app example.com",
    ],
)  # fmt: skip
def test_a_web_app_that_no_origin_could_match_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("NEXT_PUBLIC_FRONTEND_URL", given)
    with pytest.raises(SettingsError, match="NEXT_PUBLIC_FRONTEND_URL: "):
        Config.load()


def test_missing_keys_are_reported_with_the_command_that_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_ENCRYPTION_KEYS")
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEYS: is missing; make one with: everreach keys new"):
        Config.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_ENCRYPTION_KEYS", "  ,"),
        # A key differs from run to run, which no name of a test may.
        pytest.param("TOKEN_ENCRYPTION_KEYS", f"{KEY},not base64!", id="one key of two"),
        ("SUPABASE_JWT_SECRET", "x" * 31),
        ("SUPABASE_URL", "https://user:word@ref.supabase.co"),
        ("SUPABASE_URL", "https://ref.supabase.co?x=1"),
        ("SUPABASE_URL", "https://[::1"),
        ("GOOGLE_PEOPLE_URL", "https://"),
        ("SUPABASE_JWT_ISSUERS", "https://a.example/auth/v1 https://b.example/auth/v1"),
        ("SUPABASE_ALLOW_ANONYMOUS", "perhaps"),
        *(("LEDGER_RETENTION", text) for text in ("90", "0d", "-1d", "d", "1.5d", "90 d", "never", "9999999d")),
        ("RATE_LIMIT_STATUS", "60 per fortnight"),
        ("EVERREACH_MAX_CONTACTS", "0"),
        ("PORT", "-1"),
        ("WEBHOOK_SECRETS", "whsec_"),
        ("WEBHOOK_SECRETS", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"),
        ("WEBHOOK_SECRETS", "whsec_not base64!"),
        ("WEBHOOK_SECRETS", "whsec_c2hvcnQ="),
        ("WEBHOOK_SECRETS", f"whsec_{'QUJD' * 22}"),
        ("WEBHOOK_SECRETS", f"{WEBHOOK_SECRET},{WEBHOOK_SECRET}"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    assert {problem.partition(":")[0] for problem in refused.value.problems} == {name}


@pytest.mark.parametrize("keys", ["c2hvcnQ=", ","])
def test_bad_keys_are_one_problem_with_one_fix(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", keys)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    assert len(refused.value.problems) == 1
    assert "everreach keys new" in refused.value.message


@pytest.mark.parametrize("url", ["https://:word@api.example.com", "https://api.example.com:port"])
def test_a_url_with_a_password_or_a_broken_port_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("NEXT_PUBLIC_BASE_URL", url)
    with pytest.raises(SettingsError):
        Config.load()


def test_no_secret_is_ever_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {
        "GOOGLE_CLIENT_SECRET": "planted-google",
        "MICROSOFT_CLIENT_SECRET": "planted-microsoft",
        "SUPABASE_JWT_SECRET": "planted-supabase-secret-of-32-characters",
        "MONGODB_URI": "mongodb://user:planted-word@db/everreach",
        "WEBHOOK_URLS": "https://hooks.example.com/planted",
        "WEBHOOK_SECRETS": WEBHOOK_SECRET,
    }
    for name, value in {**planted, "GOOGLE_CLIENT_ID": "id", "NEXT_PUBLIC_BASE_URL": "https://a.example"}.items():
        monkeypatch.setenv(name, value)
    config = Config.load()
    printed = f"{config!r} {config} {config.model_dump()} {config.providers!r}"
    assert "planted" not in printed
    assert WEBHOOK_SECRET not in printed
    assert KEY not in printed


def test_no_secret_is_ever_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGODB_URI", "SUPABASE_JWT_SECRET", "TOKEN_ENCRYPTION_KEYS", "SUPABASE_URL", "RATE_LIMIT_START"):
        monkeypatch.setenv(name, "planted")
    for name in ("WEBHOOK_URLS", "WEBHOOK_SECRETS"):
        monkeypatch.setenv(name, "planted")
    with pytest.raises(SettingsError) as refused:
        Config.load()
    printed = "".join(traceback.format_exception(refused.value)) + repr(refused.value) + repr(refused.value.__context__)
    assert len(refused.value.problems) >= 7
    assert "planted" not in printed


def test_the_first_key_seals_and_all_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", f" {KEY} , {OLD_KEY},")
    assert Config.load().encryption_keys() == [base64.b64decode(KEY), bytes(32)]


def text_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


MADE_UP = {
    "all bytes the same": text_of(b"k" * 32),
    "zeros": text_of(bytes(32)),
    "counted up": text_of(bytes(range(200, 232))),
    "counted down": text_of(bytes(range(231, 199, -1))),
    "counted past the end": text_of(bytes(number % 256 for number in range(240, 272))),
    "counted in sevens": text_of(bytes(number * 7 % 256 for number in range(32))),
    "a phrase": text_of(b"The 5 quick brown foxes jumped!?"),
    "a phrase in Greek": text_of("σωστό άλογο μπα!".encode().ljust(32, b".")[:32]),
    "a digest as text": text_of(b"9f86d081884c7d659a2feaa0c55ad015"),
    "half of it twice": text_of(bytes.fromhex("8fd3019a66e2b7c45d10f83eab97c26d") * 2),
    "typed in base64 itself": "our+own+secret+key+that+nobody+can+guess+42=",
    "the example of our own documentation": EXAMPLE_KEY,
}


@pytest.mark.parametrize("key", MADE_UP.values(), ids=MADE_UP)
def test_a_key_that_somebody_made_up_seals_nothing(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", f"{key},{KEY}")
    with pytest.raises(SettingsError) as refused:
        Config.load()
    [problem] = refused.value.problems
    assert problem.startswith("TOKEN_ENCRYPTION_KEYS: the first key is an example, a phrase or a pattern")
    assert problem.endswith("everreach keys new")
    assert key not in problem


@pytest.mark.parametrize("key", MADE_UP.values(), ids=MADE_UP)
def test_it_may_still_open_what_it_sealed_once(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", f"{KEY},{key}")
    assert len(Config.load().encryption_keys()) == 2


def test_fresh_keys_are_never_refused() -> None:
    keys = {new_key() for _ in range(5000)}
    assert len(keys) == 5000
    assert all(looks_random(key) for key in keys)


def test_every_key_that_the_documentation_shows_is_refused() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {key for page in pages for key in re.findall(r"[A-Za-z0-9+/]{43}=", page.read_text("utf-8"))}
    assert EXAMPLE_KEY in shown
    assert [key for key in shown if looks_random(key)] == []


PUBLIC = "stands in public examples"
KNOWN_SECRETS = {
    **dict.fromkeys(WELL_KNOWN_SECRETS, PUBLIC),
    "Your-Super-Secret-JWT-Token-With-At-Least-32-Characters-Long": PUBLIC,
    "x" * 40: "a pattern",
    "0123456789" * 4: "a pattern",
    "changeme" * 4: "a pattern",
    "secret-" * 5 + "1": "a pattern",
    "abcdefghijklmnopqrstuvwxyz012345": "a pattern",
    "00112233445566778899aabbccddeeff": "a pattern",
    "sb_secret_" + secrets.token_hex(16): "an API key",
    "sb_publishable_" + secrets.token_hex(16): "an API key",
    issue(SECRET, "nobody", 60): "an API key",
}


@pytest.mark.parametrize("secret", KNOWN_SECRETS, ids=range(len(KNOWN_SECRETS)))
def test_a_secret_that_others_know_or_can_guess_signs_nobody_in(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("SUPABASE_JWT_SECRET", secret)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    [problem] = refused.value.problems
    assert problem.startswith("SUPABASE_JWT_SECRET: this")
    assert KNOWN_SECRETS[secret] in problem
    assert problem.endswith("openssl rand -base64 48")
    assert secret not in problem


@pytest.mark.parametrize("size", [32, 40, 64, 128])
def test_a_random_secret_is_never_taken_for_a_pattern(size: int) -> None:
    draw = random.Random(size)
    for letters in ("0123456789", "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/="):
        assert not [text for _ in range(2000) if is_pattern(text := "".join(draw.choices(letters, k=size)))]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("90d", timedelta(days=90)), ("24h", timedelta(days=1)), ("30m", timedelta(minutes=30)), ("off", None)],
)
def test_a_time_is_written_with_its_unit(text: str, kept: timedelta | None) -> None:
    assert Config.load(ledger_retention=text).raw_data_kept == kept


@pytest.mark.parametrize(
    ("settings", "issuers"),
    [
        ({}, ()),
        ({"supabase_url": "https://ref.supabase.co/"}, ("https://ref.supabase.co/auth/v1",)),
        ({"supabase_jwt_issuers": " a , b,"}, ("a", "b")),
        ({"supabase_url": "http://kong:8000", "supabase_jwt_issuers": "x"}, ("http://kong:8000/auth/v1", "x")),
    ],
)
def test_accepted_issuers_are_the_project_and_those_that_are_named(
    settings: dict[str, str], issuers: tuple[str, ...]
) -> None:
    assert Config.load(**settings).token_issuers == issuers


CONFIDENTIAL = [name.lower() for name in OF_PROVIDERS if name.endswith("_URL")]


@pytest.mark.parametrize("name", ["supabase_url", *(name for name in CONFIDENTIAL if "authorize" not in name)])
@pytest.mark.parametrize("host", ["ref.supabase.co", "8.8.8.8", "[2606:4700::1111]:80", "proxy.example.com:8080"])
def test_plain_http_across_the_internet_is_warned_of(name: str, host: str) -> None:
    [warning] = Config.load(**{name: f"http://{host}"}).warnings
    assert warning.startswith(f"{name.upper()} is plain http")
    assert Config.load(**{name: f"https://{host}"}).warnings == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "[::1]:9", "localhost", "kong:8000", "10.1.2.3", "192.168.0.7", "auth.svc.cluster.local"]
)
def test_plain_http_at_home_is_nobody_s_business(host: str) -> None:
    assert Config.load(supabase_url=f"http://{host}", google_token_url=f"http://{host}/token").warnings == []


@pytest.mark.parametrize(
    ("settings", "configured"),
    [
        ({}, False),
        ({"google_client_id": "id"}, False),
        ({"google_client_secret": "word"}, False),
        ({"google_client_id": "id", "google_client_secret": "word"}, True),
    ],
)
def test_a_provider_is_configured_only_with_both_its_id_and_its_secret(
    settings: dict[str, str], configured: bool
) -> None:
    providers = Config.load(next_public_base_url="https://api.example.com/", **settings).providers
    google, microsoft = providers["google"], providers["microsoft"]
    assert isinstance(google, GoogleSettings)
    assert isinstance(microsoft, MicrosoftSettings)
    assert (google.configured, microsoft.configured) == (configured, False)


def test_people_come_back_to_a_provider_s_own_callback() -> None:
    config = Config.load(next_public_base_url="https://api.example.com/")
    assert config.redirect_uri("google") == "https://api.example.com/api/v1/contacts/import/google/callback"


def test_a_provider_with_a_bad_setting_is_asked_for_the_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GOOGLE_CLIENT_ID": "id", "GOOGLE_TOKEN_URL": "planted", "MICROSOFT_GRAPH_URL": "x"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    problems = [problem.partition(":")[0] for problem in refused.value.problems]
    assert sorted(problems) == ["GOOGLE_TOKEN_URL", "MICROSOFT_GRAPH_URL", "NEXT_PUBLIC_BASE_URL"]
    assert "planted" not in repr(refused.value)


def test_what_is_no_setting_of_ours_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROVIDERS", "GOOGLE", "GOOGLE_APPLICATION_CREDENTIALS", "CLIENT_ID", "TOKEN_URL"):
        monkeypatch.setenv(name, "anything")
    assert value_of(Config.load(), "google_client_id") is None


@pytest.mark.parametrize("provider", [kind.name for kind in WITH_FLOW])
def test_our_public_address_is_required_once_a_provider_is_set(provider: str) -> None:
    with pytest.raises(SettingsError, match="NEXT_PUBLIC_BASE_URL: set our public address"):
        Config.load(**{f"{provider}_client_id": "id"})


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://",
        "hooks.example.com",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:port/",
        "https://[::1",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/ä",
        "https://hooks.example.com/\r\nX: 1",
        "https://a.example/,https://a.example/",
    ],
)
def test_a_webhook_goes_to_a_whole_https_url_that_is_named_once(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WEBHOOK_SECRETS", WEBHOOK_SECRET)
    monkeypatch.setenv("WEBHOOK_URLS", url)
    with pytest.raises(SettingsError) as refused:
        Config.load()
    assert {problem.partition(":")[0] for problem in refused.value.problems} == {"WEBHOOK_URLS"}


def test_webhooks_have_several_urls_and_secrets_and_the_order_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Config.load().webhook_urls, Config.load().webhook_secrets) == ((), ())
    monkeypatch.setenv("WEBHOOK_URLS", "https://a.example/x?y=%2F, https://b.example:8443,")
    monkeypatch.setenv("WEBHOOK_SECRETS", f" {WEBHOOK_SECRET} , {OLD_WEBHOOK_SECRET}")
    config = Config.load()
    urls = [url.get_secret_value() for url in config.webhook_urls]
    assert urls == ["https://a.example/x?y=%2F", "https://b.example:8443"]
    assert [secret.get_secret_value() for secret in config.webhook_secrets] == [WEBHOOK_SECRET, OLD_WEBHOOK_SECRET]


def test_webhooks_without_a_secret_are_refused_with_the_command_that_makes_one() -> None:
    with pytest.raises(SettingsError, match=r"WEBHOOK_SECRETS: .*echo whsec_\$\(openssl rand -base64 32\)"):
        Config.load(webhook_urls="https://hooks.example.com")


def test_a_trailing_slash_is_trimmed() -> None:
    config = Config.load(google_people_url="https://people.example/base/", supabase_url="https://ref.supabase.co/")
    assert (value_of(config, "google_people_url"), config.supabase_url) == (
        "https://people.example/base",
        "https://ref.supabase.co",
    )


def test_an_endpoint_keeps_its_last_slash() -> None:
    config = Config.load(google_token_url="https://token.example/oauth2/")
    assert str(value_of(config, "google_token_url")).endswith("/oauth2/")


def test_rates_are_read_as_rates() -> None:
    config = Config.load(rate_limit_start="3/hour", rate_limit_status="10 per 30 second")
    assert (config.start_rate, config.status_rate) == (parse("3/hour"), parse("10 per 30 second"))


def test_settings_cannot_be_changed_afterwards() -> None:
    config = Config.load()
    with pytest.raises(ValueError, match="frozen"):
        config.port = 1
