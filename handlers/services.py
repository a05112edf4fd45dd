"""What the handlers are given: the whole inside of the server, made once in everreach/server/app.py."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from everreach.config import Config
from everreach.engine.commands import Commands
from everreach.engine.runner import Runner
from everreach.live.hub import Hub
from everreach.oauth.consent import Consents
from everreach.oauth.owned_tasks import OwnedTasks
from everreach.security.authenticator import Authenticator
from everreach.security.oauth_state import StateMaker
from everreach.security.vault import Vault
from handlers.lanes import Lanes
from handlers.live.connections import HeldConnections
from providers.base import Provider
from storage.jobs import JobStore
from storage.pages import Pages
from storage.rate_limits import RateLimits


@dataclass(frozen=True)
class Services:
    """Everything a handler may call."""

    config: Config
    authenticator: Authenticator
    limits: RateLimits
    jobs: JobStore
    pages: Pages
    providers: Mapping[str, Provider]
    vault: Vault
    states: StateMaker
    consents: Consents
    tasks: OwnedTasks
    runner: Runner
    commands: Commands
    hub: Hub
    followers: HeldConnections
    ping: Callable[[], Awaitable[None]]
    describe: Callable[[], dict[str, Any]]
    """Makes the API's description."""
    lanes: Lanes = field(default_factory=Lanes)
