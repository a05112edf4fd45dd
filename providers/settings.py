"""What the settings of providers have in common. Each provider has a class of its own, with a prefix, in its folder.

Every setting has a default: a provider that nobody has set up stops no server.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from everreach.setting_problems import problems_of
from everreach.setting_types import Endpoint


class ProviderSettings(BaseSettings):
    """The settings of one provider, read as everreach/config.py reads the others. Frozen; its repr holds no secret."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def named(cls, field: str) -> str:
        """What a field is called in the environment."""
        return f"{cls.model_config['env_prefix']}{field}".upper()

    @classmethod
    def names(cls) -> list[str]:
        """What all of them are called there."""
        return [cls.named(field) for field in cls.model_fields]

    @classmethod
    def read(cls, overrides: Mapping[str, object]) -> tuple[Self, list[str]]:
        """Read the environment, and say what is wrong with it, a sentence each; what is wrong has its default then.

        `overrides` win over the environment, by the names there in small letters.
        """
        chosen: dict[str, Any] = {name: value for name, value in overrides.items() if name == "_env_file"}
        for field in cls.model_fields:
            if (name := cls.named(field).lower()) in overrides:
                chosen[field] = overrides[name]
        try:
            return cls(**chosen), []
        except ValidationError as error:
            sound = {str(wrong["loc"][0]): cls.model_fields[str(wrong["loc"][0])].default for wrong in error.errors()}
            return cls(**{**chosen, **sound}), problems_of(error, cls.named)


class OAuthSettings(ProviderSettings):
    """The settings of a provider with an OAuth flow: our client there, and the addresses of the flow."""

    client_id: str | None = None
    client_secret: SecretStr | None = None
    authorize_url: Endpoint
    token_url: Endpoint

    @property
    def revocation_url(self) -> str | None:
        """Where a grant is ended; None where the provider has no way to."""
        return None

    @property
    def configured(self) -> bool:
        """Whether the operator has set both the id and the secret."""
        return bool(self.client_id and self.client_secret)
