"""Google's settings: our client, and the addresses that are asked."""

from pydantic_settings import SettingsConfigDict

from everreach.setting_types import Endpoint, Url
from providers.settings import OAuthSettings


class GoogleSettings(OAuthSettings):
    """The settings that begin with GOOGLE_."""

    model_config = SettingsConfigDict(env_prefix="GOOGLE_")

    authorize_url: Endpoint = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: Endpoint = "https://oauth2.googleapis.com/token"
    revoke_url: Endpoint = "https://oauth2.googleapis.com/revoke"
    userinfo_url: Endpoint = "https://www.googleapis.com/oauth2/v2/userinfo"
    people_url: Url = "https://people.googleapis.com"

    @property
    def revocation_url(self) -> str:
        """Where a grant is ended, https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke."""
        return self.revoke_url
