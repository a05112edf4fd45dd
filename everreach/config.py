"""The settings: read once from the environment and a `.env` file, every problem reported together.

Names are those of docs/settings.md; an empty value counts as absent.
"""

import base64
import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from limits import RateLimitItem
from limits import parse as parse_rate
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from everreach.errors import SettingsError
from everreach.jobs.options import Duplicates, Options, WithoutEmail
from everreach.net.origins import serialized
from everreach.net.plain_http import is_open
from everreach.setting_problems import problems_of
from everreach.setting_types import (
    Duration,
    EncryptionKeys,
    Issuers,
    JwtSecret,
    MongoUri,
    Origins,
    Rate,
    Region,
    Url,
    WebhookSecrets,
    WebhookUrls,
    parse_duration,
)
from providers import REGISTRY
from providers.settings import OAuthSettings, ProviderSettings

_DEFAULT_DATA_DIR = Path("~/.local/share/everreach")
_SHOWN_TO_BROWSERS: Final = ("_AUTHORIZE_URL", "_BASE_URL", "_FRONTEND_URL")
"""How addresses end that only browsers ask. Keys, secrets and tokens travel to or from the others."""


class Config(BaseSettings):
    """Everything an operator can set. Frozen; secrets never appear in its repr."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    port: int = Field(8080, ge=0, le=65535)
    host: str = "0.0.0.0"  # noqa: S104 - a container has to listen on every interface.
    mongodb_uri: MongoUri | None = None
    everreach_data_dir: Path = Field(_DEFAULT_DATA_DIR, validate_default=True)

    providers: Annotated[Mapping[str, ProviderSettings], NoDecode]
    """Each provider's own settings, by its name."""
    next_public_base_url: Url | None = Field(None, validate_default=True)
    next_public_frontend_url: Origins = ()

    supabase_jwt_secret: JwtSecret | None = None
    supabase_url: Url | None = Field(None, validate_default=True)
    supabase_jwt_issuers: Issuers = ()
    supabase_allow_anonymous: bool = True
    token_encryption_keys: EncryptionKeys = Field(repr=False)
    oauth_state_ttl_seconds: int = Field(600, ge=10, le=86400)
    token_retention: Literal["delete", "keep"] = "delete"
    ledger_retention: Duration = "90d"

    rate_limit_start: Rate = "5/hour"
    rate_limit_status: Rate = "60/minute"
    rate_limit_jobs: Rate = "600/minute"
    rate_limit_uploads: Rate = "10/hour"
    import_without_email: WithoutEmail = WithoutEmail.SKIP
    import_duplicates: Duplicates = Duplicates.SKIP
    import_region: Region | None = None
    everreach_max_upload: int = Field(100 * 1024 * 1024, ge=1, le=2**40)
    everreach_max_contacts: int = Field(1_000_000, ge=1, le=100_000_000)
    everreach_max_imports: int = Field(16, ge=1, le=1000)
    everreach_lease_seconds: float = Field(8, ge=1, le=60)
    everreach_shutdown_seconds: float = Field(5, ge=0, le=600)
    everreach_log_format: Literal["text", "json"] = "text"
    everreach_log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel_exporter_otlp_endpoint: Url | None = None
    everreach_console: bool = False

    webhook_urls: WebhookUrls = ()
    webhook_secrets: WebhookSecrets = Field((), validate_default=True)

    @field_validator("everreach_data_dir")
    @classmethod
    def _expand(cls, value: Path, info: ValidationInfo) -> Path:
        if info.data.get("mongodb_uri"):
            # Nobody needs the folder, and who runs in a container may have no home.
            return value
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("this user has no home; set MONGODB_URI to a MongoDB replica set") from None

    @field_validator("next_public_base_url")
    @classmethod
    def _base_url_for_providers(cls, value: str | None, info: ValidationInfo) -> str | None:
        providers = info.data["providers"].values()
        if value is None and any(isinstance(one, OAuthSettings) and one.client_id for one in providers):
            raise ValueError("set our public address: the providers send people back to it")
        return value

    @field_validator("supabase_url")
    @classmethod
    def _some_way_to_know_callers(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("supabase_jwt_secret", ...) is None:
            raise ValueError("set this or SUPABASE_JWT_SECRET: without one nobody can sign in")
        return value

    @field_validator("webhook_secrets")
    @classmethod
    def _webhooks_are_signed(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if info.data.get("webhook_urls") and not value:
            raise ValueError("set this beside WEBHOOK_URLS; make one with: echo whsec_$(openssl rand -base64 32)")
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment; `overrides` win over it. Raises SettingsError with every problem and its fix."""
        read = {one.name: one.settings.read(overrides) for one in REGISTRY if one.settings}
        problems = [problem for _, wrong in read.values() for problem in wrong]
        try:
            providers = {name: settings for name, (settings, _) in read.items()}
            config = cls(**{**overrides, "providers": providers})  # type: ignore[arg-type]
        except ValidationError as error:
            problems += problems_of(error, str.upper)
        if problems:
            raise SettingsError(problems)
        return config

    @classmethod
    def names(cls) -> list[str]:
        """What every setting is called in the environment, those of the providers included."""
        own = [name.upper() for name in cls.model_fields if name != "providers"]
        return own + [name for one in REGISTRY if one.settings for name in one.settings.names()]

    def redirect_uri(self, provider: str) -> str:
        """Where a provider sends people back; the same text must be registered there."""
        return f"{self.next_public_base_url or ''}/api/v1/contacts/import/{provider}/callback"

    def frontend_of(self, origin: str | None) -> str | None:
        """The web app of ours that this `Origin` names, as browsers write it; None where it names none."""
        asking = serialized(origin or "")
        return asking if asking in self.next_public_frontend_url else None

    def is_ours(self, origin: str) -> bool:
        """Whether this `Origin` names one of our web apps, or our own public address."""
        ours = {*self.next_public_frontend_url, serialized(self.next_public_base_url or "")} - {None}
        return serialized(origin) in ours

    @property
    def supabase_auth_url(self) -> str:
        """Where the project's keys are, and what a project is called in its tokens as a rule."""
        return f"{self.supabase_url}/auth/v1"

    @property
    def token_issuers(self) -> tuple[str, ...]:
        """Who may have issued a token; empty where nobody is asked for."""
        return (*([self.supabase_auth_url] if self.supabase_url else []), *self.supabase_jwt_issuers)

    @property
    def warnings(self) -> list[str]:
        """What can be used and should not be, a sentence each."""
        values = {name.upper(): value for name, value in self if name != "providers"}
        for settings in self.providers.values():
            values |= {settings.named(field): value for field, value in settings}
        asked = [name for name in values if name.endswith("_URL") and not name.endswith(_SHOWN_TO_BROWSERS)]
        opened = [name for name in asked if is_open(str(values[name] or ""))]
        return [f"{name} is plain http: whoever is on the way reads and changes all." for name in opened]

    def encryption_keys(self) -> list[bytes]:
        """The AES-256 keys, 32 bytes each; the first seals, all open."""
        return [base64.b64decode(key.get_secret_value()) for key in self.token_encryption_keys]

    @property
    def log_level(self) -> int:
        """From which gravity on our own lines are logged, as the logging module counts it."""
        return logging.getLevelNamesMapping()[self.everreach_log_level.upper()]

    @cached_property
    def raw_data_kept(self) -> timedelta | None:
        """How long what a provider sent of a contact that was left out is kept; None where it has no end."""
        return parse_duration(self.ledger_retention)

    @cached_property
    def start_rate(self) -> RateLimitItem:
        """How often one person may start an import."""
        return parse_rate(self.rate_limit_start)

    @cached_property
    def status_rate(self) -> RateLimitItem:
        """How often one person may ask for a job's status."""
        return parse_rate(self.rate_limit_status)

    @cached_property
    def jobs_rate(self) -> RateLimitItem:
        """How often one person may list jobs and contacts, cancel and retry, all together."""
        return parse_rate(self.rate_limit_jobs)

    @cached_property
    def uploads_rate(self) -> RateLimitItem:
        """How often one person may send a file."""
        return parse_rate(self.rate_limit_uploads)

    @cached_property
    def import_options(self) -> Options:
        """How an import is made, unless its start says otherwise."""
        return Options(
            without_email=self.import_without_email, duplicates=self.import_duplicates, home=self.import_region
        )
