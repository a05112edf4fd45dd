"""Which permissions a person gave, spelled as each provider spells them.

https://developers.google.com/identity/protocols/oauth2/scopes
https://learn.microsoft.com/entra/identity-platform/scopes-oidc
"""

from collections.abc import Iterable

GOOGLE = "https://www.googleapis.com/auth/"
GRAPH = "https://graph.microsoft.com/"
DEFAULT = {
    "google": (f"{GOOGLE}contacts.readonly", f"{GOOGLE}userinfo.email"),
    "microsoft": (f"{GRAPH}Contacts.Read", f"{GRAPH}User.Read", "offline_access"),
}
"""What an importer of contacts asks for."""

_LONG = {"email": f"{GOOGLE}userinfo.email", "profile": f"{GOOGLE}userinfo.profile"}
_CONTACTS = {f"{GOOGLE}contacts", f"{GOOGLE}contacts.readonly", "contacts.read", "contacts.readwrite"}


def short(scope: str) -> str:
    """`https://graph.microsoft.com/Contacts.Read` and `Contacts.Read` are one scope; Google's are kept as they are."""
    return scope if scope.startswith(GOOGLE) else scope.removeprefix(GRAPH).lower()


def covers_contacts(scopes: Iterable[str]) -> bool:
    """Whether these scopes let a program read the contacts."""
    return any(short(scope) in _CONTACTS for scope in scopes)


def without_contacts(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes that stay when the person unticks the contacts."""
    return tuple(scope for scope in scopes if short(scope) not in _CONTACTS)


def granted(provider: str, asked: Iterable[str]) -> tuple[str, ...]:
    """The scopes as the provider's token answer lists them.

    Google spells them out, adds `openid` to any sign-in scope and keeps no order. Microsoft repeats what was asked, but
    for `offline_access`.
    """
    if provider == "microsoft":
        return tuple(scope for scope in asked if scope != "offline_access")
    scopes = {_LONG.get(scope, scope) for scope in asked}
    if scopes & set(_LONG.values()):
        scopes.add("openid")
    return tuple(sorted(scopes, reverse=True))
