"""How a person gives access at Google, https://developers.google.com/identity/protocols/oauth2/web-server."""

from typing import Final

from providers.oauth import Grant, OAuthFlow

_CONTACTS: Final = "https://www.googleapis.com/auth/contacts"


class GoogleFlow(OAuthFlow):
    """Google's consent, with offline access so that a long import outlives its first access token."""

    setup_url = "https://console.cloud.google.com/"
    scopes = (f"{_CONTACTS}.readonly", "https://www.googleapis.com/auth/userinfo.email")
    # Without prompt=consent a returning person's grant comes without a refresh token.
    authorize_extras = {"access_type": "offline", "prompt": "consent"}

    def allows_contacts(self, grant: Grant) -> bool:
        """Whether the contacts are among the scopes, whose list is reordered and may hold more than was asked for."""
        return grant.scopes is None or bool(grant.scopes & {_CONTACTS, f"{_CONTACTS}.readonly"})
