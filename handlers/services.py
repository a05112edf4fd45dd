"""What the handlers are given: the whole inside of the server, made once in everreach/server/app.py."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from everreach.config import Config
from everreach.engine.commands import Commands
from everreach.engine.runner import Runner
from everreach.live.hub import Hub
from everreach.oauth.consent import Consents
from everreach.oauth.owned_tasks import OwnedTasks
from everreach.security.authenticator import Authenticator
from everreach.security.oauth_state import StateMaker
from everreach.security.vault import Vault
from everreach.uploads.files import Files
from handlers.lanes import Lanes
from handlers.live.connections import HeldConnections
from providers.oauth import OAuthFlow
from storage.files.uploads import UploadStore
from storage.jobs import JobStore
from storage.pages import Pages
from storage.rate_limits import RateLimits

UPLOADS_AT_ONCE: Final = 2
"""So many files of one person's come in at the same moment, of each process."""

UPLOADS_OF_ALL: Final = 50
"""So many of everybody's: each takes four mebibytes of memory at the most."""


@dataclass(frozen=True)
class Services:
    """Everything a handler may call."""

    config: Config
    authenticator: Authenticator
    limits: RateLimits
    jobs: JobStore
    pages: Pages
    flows: Mapping[str, OAuthFlow]
    """How people give access, by the provider's name."""
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
    uploads: UploadStore
    files: Files
    lanes: Lanes = field(default_factory=Lanes)
    upload_lanes: Lanes = field(default_factory=lambda: Lanes(UPLOADS_AT_ONCE, UPLOADS_AT_ONCE, UPLOADS_OF_ALL))
