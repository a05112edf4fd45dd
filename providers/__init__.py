"""The outside world: every provider behind one interface."""

from typing import Final

from everreach.config import Config
from everreach.net.http import Http
from everreach.observability.metrics import bind_providers
from providers.base import Provider
from providers.google.source import Google
from providers.microsoft.source import Microsoft

REGISTRY: Final = (Google, Microsoft)
"""A new provider is a file beside these and a word here."""

FILE_KINDS: Final = ("csv", "vcard")
"""What a file may be: the provider of its job."""

bind_providers([*(kind.name for kind in REGISTRY), *FILE_KINDS])


def connect(config: Config, http: Http) -> dict[str, Provider]:
    """Every provider by its name, configured or not."""
    return {kind.name: kind(config, http) for kind in REGISTRY}
