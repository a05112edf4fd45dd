"""What Google answers to who lists contacts, and what its refusals mean.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from typing import Final

import msgspec

from everreach.errors import ListingExpiredError, ProviderError, ThrottledError
from everreach.net.http import Reply
from providers.lenient_json import Answer, detail
from providers.paging import Total

_QUOTA_REASONS: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})


class Connections(Answer, rename="camel"):
    """A page of connections."""

    vital = frozenset({"connections", "next_page_token"})

    connections: list[msgspec.Raw] | None = None
    next_page_token: str | None = None
    total_items: Total | None = None


class UserInfo(Answer):
    """Whose account it is."""

    id: str | None = None
    email: str | None = None


class _Reason(msgspec.Struct):
    reason: str | None = None


class _Error(msgspec.Struct):
    status: str | None = None
    errors: list[_Reason | None] | None = None
    details: list[_Reason | None] | None = None

    def reasons(self) -> set[str | None]:
        return {item.reason for item in [*(self.errors or ()), *(self.details or ())] if item}


class _ErrorBody(msgspec.Struct):
    error: _Error | None = None


def refusal(reply: Reply) -> ProviderError | None:
    """The meaning of a refusal in Google's words; None where its status says all."""
    if reply.status == 400:
        # The lifetime of a page token is undocumented; a dead one is a 400 like any malformed request.
        return ListingExpiredError()
    if reply.status == 403:
        return _forbidden(detail(reply.body, _ErrorBody).error or _Error(), reply)
    return None


def _forbidden(error: _Error, reply: Reply) -> ProviderError:
    reasons = error.reasons()
    # Older gateways say 403 where a newer one says 429.
    if reasons & _QUOTA_REASONS or error.status == "RESOURCE_EXHAUSTED":
        return ThrottledError(reply.retry_after)
    if "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in reasons:
        return ProviderError("Google was not allowed to share the contacts. Please import again and tick contacts.")
    if "SERVICE_DISABLED" in reasons:
        return ProviderError("The People API is not enabled for this application. Please tell its operator.")
    return ProviderError("Google refused to share the contacts of this account.")
