"""Google: contacts by the People API."""

from typing import Final

from providers.google.flow import GoogleFlow
from providers.google.settings import GoogleSettings
from providers.google.source import GoogleSource
from providers.provider import OAuthProvider

GOOGLE: Final = OAuthProvider(
    name="google", title="Google", settings=GoogleSettings, flow=GoogleFlow, source=GoogleSource
)
