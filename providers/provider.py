"""What a provider is made of: the source of its contacts, and the flow by which a person gives access to them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from everreach.net.http import Http
from providers.api_source import ApiSource
from providers.calls import Calls
from providers.oauth import OAuthFlow
from providers.settings import OAuthSettings, ProviderSettings

S = TypeVar("S", bound=OAuthSettings)


class Connected(NamedTuple):
    """A provider with its settings, ready to be asked."""

    title: str
    source: ApiSource
    flow: OAuthFlow


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider's word in the registry. `name` stands in paths, jobs and metrics; a person reads the `title`.

    One that is no more than this has no OAuth flow: an import of it begins elsewhere than at a consent page, and its
    source is made where the server is composed.
    """

    name: str
    title: str
    settings: type[ProviderSettings] | None = None


@dataclass(frozen=True, kw_only=True)
class OAuthProvider(Provider, Generic[S]):
    """A provider whose contacts its API lists as soon as a person has given consent at its own page."""

    settings: type[S]
    flow: type[OAuthFlow]
    source: Callable[[Calls, S], ApiSource]

    def connect(self, settings: S, redirect_uri: str, http: Http) -> Connected:
        """Make its source and its flow, which share one way to the provider."""
        calls = Calls(self.name, self.title, http)
        return Connected(self.title, self.source(calls, settings), self.flow(calls, settings, redirect_uri))
