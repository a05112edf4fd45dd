"""The sandbox as a Tornado application: `make_app(Sandbox())`."""

from tornado.web import Application, RequestHandler

from providers.sandbox.control import FaultControl, GrantControl, RevokeControl, StatsControl
from providers.sandbox.google.service import Connections, Groups, Userinfo
from providers.sandbox.microsoft.service import Contacts, Folders, Me
from providers.sandbox.oauth.consent import GoogleAuthorize, MicrosoftAuthorize
from providers.sandbox.oauth.service import GoogleRevoke, GoogleToken, MicrosoftToken
from providers.sandbox.world import CLIENTS, Sandbox

__all__ = ["CLIENTS", "Sandbox", "make_app"]

_FOLDER = r"/microsoft/v1\.0/me/contactFolders/(?P<folder>[^/]+)"
_ROUTES: list[tuple[str, type[RequestHandler]]] = [
    (r"/google/o/oauth2/v2/auth", GoogleAuthorize),
    (r"/google/token", GoogleToken),
    (r"/google/revoke", GoogleRevoke),
    (r"/google/oauth2/v2/userinfo", Userinfo),
    (r"/google/v1/people/me/connections", Connections),
    (r"/google/v1/contactGroups", Groups),
    (r"/microsoft/common/oauth2/v2\.0/authorize", MicrosoftAuthorize),
    (r"/microsoft/common/oauth2/v2\.0/token", MicrosoftToken),
    (r"/microsoft/v1\.0/me", Me),
    (r"/microsoft/v1\.0/me/contacts", Contacts),
    (r"/microsoft/v1\.0/me/contactFolders", Folders),
    (rf"{_FOLDER}/childFolders", Folders),
    (rf"{_FOLDER}/contacts", Contacts),
    (r"/_sandbox/faults", FaultControl),
    (r"/_sandbox/stats", StatsControl),
    (r"/_sandbox/grants", GrantControl),
    (r"/_sandbox/revoke", RevokeControl),
]


def make_app(sandbox: Sandbox) -> Application:
    """Serves one sandbox. Nothing is logged: query strings and bodies here hold codes and tokens."""
    routes = [(path, handler, {"sandbox": sandbox}) for path, handler in _ROUTES]
    return Application(routes, log_function=lambda _handler: None)
