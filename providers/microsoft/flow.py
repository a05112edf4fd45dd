"""How a person gives access at Microsoft, https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow."""

import re
from typing import Final

from everreach.net.origins import serialized
from providers.oauth import Grant, OAuthFlow

_GRAPH: Final = "https://graph.microsoft.com"
_TENANT: Final = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")


class MicrosoftFlow(OAuthFlow):
    """Microsoft's consent, for work, school and personal accounts alike."""

    setup_url = "https://portal.azure.com/"
    scopes = (f"{_GRAPH}/Contacts.Read", f"{_GRAPH}/User.Read", "offline_access")
    authorize_extras = {"response_mode": "query"}

    def is_issuer(self, text: str) -> bool:
        """Whether it is a tenant's: each has an issuer of its own, https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer."""
        own = serialized(self.settings.authorize_url) or ""
        return text.startswith(own) and _TENANT.fullmatch(text.removeprefix(own)) is not None

    def allows_contacts(self, grant: Grant) -> bool:
        """Whether the contacts are among the scopes, with or without their resource, and in any case."""
        names = {scope.rsplit("/", 1)[-1].lower() for scope in grant.scopes or ()}
        return grant.scopes is None or bool(names & {"contacts.read", "contacts.readwrite"})
