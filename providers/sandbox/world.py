"""The whole state of a sandbox: its programs, its people's grants, its faults and its counters."""

import time
from collections.abc import Callable, Iterable, Mapping
from secrets import token_bytes

from providers.sandbox.book import Book, Shares
from providers.sandbox.faults import Faults
from providers.sandbox.oauth.grants import Client, Grant, Grants, Tokens
from providers.sandbox.oauth.scopes import DEFAULT, granted
from providers.sandbox.pages import PageCache
from providers.sandbox.stats import Stats

CLIENTS = {
    "google": Client("sandbox.apps.googleusercontent.example", "sandbox-google-secret"),
    "microsoft": Client("5a4db0c5-0000-4000-8000-000000000001", "sandbox~microsoft+secret"),
}


class Sandbox:
    """A Google and a Microsoft of one's own.

    `size` is how many contacts an account has that nobody gave a size; `expires_in` the life of access tokens in
    seconds; `clock` gives the time in seconds; `latency` delays every page by seconds; `list_every` makes each n-th
    slot of Outlook's default folder a distribution list (0: none), and `empty_folders` more folders hold nothing;
    `cached_pages` bounds the memory for encoded pages.
    """

    def __init__(
        self,
        *,
        size: int = 500,
        shares: Shares | None = None,
        clients: Mapping[str, Client] = CLIENTS,
        expires_in: int = 3599,
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        list_every: int = 60,
        cached_pages: int = 256,
        empty_folders: int = 1,
    ) -> None:
        self.size = size
        self.shares = shares or Shares()
        self.clients = dict(clients)
        self.latency = latency
        self.list_every = list_every
        self.empty_folders = empty_folders
        self.grants = Grants(clock, expires_in)
        self.faults = Faults()
        self.stats = Stats()
        self.pages = PageCache(cached_pages)
        self.secret = token_bytes(16)
        """Signs page tokens, so that a restart makes the old ones worthless."""

    def urls(self, base: str) -> dict[str, str]:
        """The settings that point an importer at this sandbox, served at `base` such as `http://127.0.0.1:9400`."""
        google, microsoft = f"{base.rstrip('/')}/google", f"{base.rstrip('/')}/microsoft"
        return {
            "GOOGLE_AUTHORIZE_URL": f"{google}/o/oauth2/v2/auth",
            "GOOGLE_TOKEN_URL": f"{google}/token",
            "GOOGLE_REVOKE_URL": f"{google}/revoke",
            "GOOGLE_USERINFO_URL": f"{google}/oauth2/v2/userinfo",
            "GOOGLE_PEOPLE_URL": google,
            "MICROSOFT_AUTHORIZE_URL": f"{microsoft}/common/oauth2/v2.0/authorize",
            "MICROSOFT_TOKEN_URL": f"{microsoft}/common/oauth2/v2.0/token",
            "MICROSOFT_GRAPH_URL": microsoft,
        }

    def credentials(self) -> dict[str, str]:
        """The settings that name this sandbox's registered programs."""
        return {
            f"{provider.upper()}_{name.upper()}": getattr(client, name)
            for provider, client in self.clients.items()
            for name in ("client_id", "client_secret")
        }

    def book(self, account: str, size: int | None = None) -> Book:
        """The address book of an account; give it to `people.expected` to know what an import must count."""
        return Book(account.strip().lower(), self.size if size is None else size, self.shares)

    def consent(self, provider: str, account: str, size: int | None, scopes: Iterable[str], *, offline: bool) -> Grant:
        """A person's yes, as the consent page or a test gives it."""
        book = self.book(account, size)
        client_id = self.clients[provider].client_id
        return Grant(provider, client_id, book.account, book.size, granted(provider, scopes), offline)

    def grant(
        self, provider: str, account: str, size: int | None = None, scopes: Iterable[str] | None = None
    ) -> Tokens:
        """Tokens without a browser. Without `scopes` for all that an importer of contacts needs."""
        asked = DEFAULT[provider] if scopes is None else tuple(scopes)
        offline = provider == "google" or "offline_access" in asked
        return self.grants.issue_tokens(self.consent(provider, account, size, asked, offline=offline), refresh=True)

    def revoke(self, account: str) -> int:
        """The person throws every program out on the provider's own page; how many living grants died."""
        dead = self.grants.revoke_account(account.strip().lower())
        self.stats.revoked += dead
        return dead
