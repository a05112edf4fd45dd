"""The outside world: where contacts come from, each kind of place behind the same seams."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from everreach.net.http import Http
from everreach.observability.metrics import bind_providers
from providers.files import FILES
from providers.google import GOOGLE
from providers.microsoft import MICROSOFT
from providers.provider import Connected, OAuthProvider, Provider
from providers.settings import ProviderSettings

REGISTRY: Final[tuple[Provider, ...]] = (GOOGLE, MICROSOFT, *FILES)
"""A new provider is a folder beside these and a word here."""

WITH_FLOW: Final[tuple[OAuthProvider[Any], ...]] = tuple(one for one in REGISTRY if isinstance(one, OAuthProvider))
"""Those at whose consent page an import begins: `start` offers them, `/health` and `everreach check` report them."""

bind_providers(one.name for one in REGISTRY)


def connect(
    settings: Mapping[str, ProviderSettings], redirect_uri: Callable[[str], str], http: Http
) -> dict[str, Connected]:
    """Every provider with a flow by its name, set up or not. `redirect_uri` says where each sends people back."""
    return {one.name: one.connect(settings[one.name], redirect_uri(one.name), http) for one in WITH_FLOW}
