"""Microsoft's settings: our client, and the addresses that are asked."""

from pydantic_settings import SettingsConfigDict

from everreach.setting_types import Endpoint, Url
from providers.settings import OAuthSettings


class MicrosoftSettings(OAuthSettings):
    """The settings that begin with MICROSOFT_."""

    model_config = SettingsConfigDict(env_prefix="MICROSOFT_")

    authorize_url: Endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    token_url: Endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    graph_url: Url = "https://graph.microsoft.com"
