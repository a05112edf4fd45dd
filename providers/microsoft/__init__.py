"""Microsoft: contacts and their folders by Graph."""

from typing import Final

from providers.microsoft.flow import MicrosoftFlow
from providers.microsoft.settings import MicrosoftSettings
from providers.microsoft.source import MicrosoftSource
from providers.provider import OAuthProvider

MICROSOFT: Final = OAuthProvider(
    name="microsoft", title="Microsoft", settings=MicrosoftSettings, flow=MicrosoftFlow, source=MicrosoftSource
)
