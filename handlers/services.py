"""What the handlers are given: the whole inside of the server, made once in everreach/app.py."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from everreach.config import Config
from everreach.consent import Consents
from everreach.oauth_state import StateMaker
from everreach.owned import OwnedTasks
from everreach.runner import Runner
from everreach.tokens import Authenticator
from everreach.vault import Vault
from everreach.watch import Watch
from handlers.followers import Followers
from handlers.lanes import Lanes
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
    watch: Watch
    followers: Followers
    ping: Callable[[], Awaitable[None]]
    describe: Callable[[], dict[str, Any]]
    """Makes the API's description."""
    lanes: Lanes = field(default_factory=Lanes)
