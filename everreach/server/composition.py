"""Everything a server has, made in order, each part given what it needs."""

import uuid
from collections.abc import Mapping

from everreach.config import Config
from everreach.engine.commands import Commands
from everreach.engine.importer import Importer
from everreach.engine.reconciliation import Reconciliation
from everreach.engine.runner import Runner
from everreach.errors import TransientError
from everreach.live.change_feed import ChangeFeed
from everreach.live.hub import Hub
from everreach.net.http import Http
from everreach.oauth.consent import Consents
from everreach.oauth.exchange import Exchange
from everreach.oauth.granted_source import granted_sources
from everreach.oauth.owned_tasks import OwnedTasks
from everreach.security.authenticator import Authenticator
from everreach.security.jwks import KeySet
from everreach.security.oauth_state import StateMaker
from everreach.security.vault import Vault
from everreach.uploads.files import Files
from everreach.uploads.source import FileSource
from handlers import ROUTES
from handlers.docs.document import describe
from handlers.live.connections import HeldConnections
from handlers.services import Services
from providers import connect as connect_providers
from providers.files import FILES
from providers.source import ContactSource
from storage.change_stream import JobChanges
from storage.contacts.store import ContactStore
from storage.files.uploads import UploadStore
from storage.jobs import JobStore
from storage.leases import LeaseStore
from storage.ledger import Ledger
from storage.mongo import Database, ping
from storage.pages import Pages
from storage.rate_limits import RateLimits


def compose(config: Config, database: Database, http: Http) -> Services:
    """Make everything a handler may call, in order."""
    vault, providers = Vault(config.encryption_keys()), connect_providers(config.providers, config.redirect_uri, http)
    flows = {name: one.flow for name, one in providers.items()}
    keep, announce = config.token_retention == "keep", bool(config.webhook_urls)
    jobs = JobStore(database, keep_tokens=keep, announce=announce)
    owner, seconds = uuid.uuid4().hex, config.everreach_lease_seconds
    leases = LeaseStore(database, owner, seconds, keep_tokens=keep, announce=announce)
    uploads = UploadStore(database)
    sources: dict[str, ContactSource] = {
        **granted_sources(providers, vault, leases),
        **dict.fromkeys((kind.name for kind in FILES), FileSource(uploads)),
    }
    runner = _runner(config, database, jobs, leases, sources)
    hub = Hub(jobs, ChangeFeed(JobChanges(database).follow))
    commands = Commands(jobs, runner, hub)
    states, tasks = StateMaker(config.encryption_keys()), OwnedTasks()
    return Services(
        config=config,
        authenticator=make_authenticator(config, http),
        limits=RateLimits(database),
        jobs=jobs,
        pages=Pages(database),
        flows=flows,
        vault=vault,
        states=states,
        consents=Consents(
            jobs=jobs,
            flows=flows,
            vault=vault,
            states=states,
            exchange=Exchange(jobs, vault, tasks, commands.go),
            tasks=tasks,
            ttl_seconds=config.oauth_state_ttl_seconds,
        ),
        tasks=tasks,
        runner=runner,
        commands=commands,
        hub=hub,
        followers=HeldConnections(),
        ping=lambda: ping(database),
        uploads=uploads,
        files=Files(uploads, jobs),
        describe=lambda: describe(ROUTES, config.next_public_base_url or "/"),
    )


def _runner(
    config: Config, database: Database, jobs: JobStore, leases: LeaseStore, sources: Mapping[str, ContactSource]
) -> Runner:
    ledger = Ledger(database)
    contacts = ContactStore(database, ledger)
    reconciliation = Reconciliation(jobs, contacts, ledger)
    importer = Importer(
        leases=leases,
        writer=contacts,
        ledger=ledger,
        sources=sources,
        reconciliation=reconciliation,
        max_contacts=config.everreach_max_contacts,
    )
    limit, seconds = config.everreach_max_imports, config.everreach_lease_seconds
    return Runner(jobs, leases, importer, reconciliation, limit=limit, lease_seconds=seconds)


def make_authenticator(config: Config, http: Http) -> Authenticator:
    """Who may call: HS256 by the secret, ES256 and RS256 by the keys that Supabase publishes."""
    secret = config.supabase_jwt_secret.get_secret_value() if config.supabase_jwt_secret else None

    async def fetch() -> bytes:
        reply = await http.get(f"{config.supabase_auth_url}/.well-known/jwks.json")
        if reply.status != 200:
            raise TransientError
        return reply.body

    return Authenticator(
        secret=secret,
        issuers=config.token_issuers,
        keys=KeySet(fetch) if config.supabase_url else None,
        anonymous=config.supabase_allow_anonymous,
    )
