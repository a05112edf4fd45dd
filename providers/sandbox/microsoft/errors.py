"""How Microsoft Graph refuses.

https://learn.microsoft.com/graph/errors
https://learn.microsoft.com/graph/throttling
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from providers.sandbox.endpoint import Refusal, Refuse, retry_after
from providers.sandbox.faults import Fault

_CHALLENGE = {
    "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
    ' client_id="00000003-0000-0000-c000-000000000000"'
}


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """Graph's envelope."""
    request = str(uuid4())
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    inner = {"date": now, "request-id": request, "client-request-id": request}
    return Refusal(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


def unauthenticated(*, sent: bool = True) -> Refusal:
    """401; `sent` is whether there was a token at all."""
    message = "Access token has expired or is not yet valid." if sent else "Access token is empty."
    return error(401, "InvalidAuthenticationToken", message, _CHALLENGE)


def scope_missing() -> Refusal:
    """403: the person did not give this permission."""
    return error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def invalid(message: str) -> Refusal:
    """400 for a query option."""
    return error(400, "ErrorInvalidUrlQuery", message)


def unknown_property(name: str) -> Refusal:
    """400 for a `$select` of what a contact does not have."""
    return error(400, "RequestBroker--ParseUri", f"Could not find a property named '{name}'.")


def unknown_folder() -> Refusal:
    """404."""
    return error(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def _expired_link(fault: Fault) -> Refusal:
    if fault.status == 410:
        return error(410, "SyncStateNotFound", "The sync state generation is not found.")
    return error(fault.status, "ErrorInvalidUrlQuery", "The paging link is no longer valid.")


def _throttled(fault: Fault) -> Refusal:
    text = "Application is over its MailboxConcurrency limit."
    return error(429, "ApplicationThrottled", text, retry_after(fault))


def _late(_fault: Fault) -> Refusal:
    # A server that says 200 first and fails while it writes.
    return Refusal(
        200, {"error": {"code": "UnknownError", "message": "", "innerError": {"date": "2026-03-01T10:00:00"}}}
    )


FAULTS: Mapping[str, Refuse] = {
    "http_500": lambda _fault: error(500, "InternalServerError", "Something went wrong inside."),
    "http_503": lambda fault: error(503, "serviceNotAvailable", "The service is away.", retry_after(fault)),
    "status_429": _throttled,
    "token_401": lambda _fault: unauthenticated(),
    "page_token_400": _expired_link,
    "missing_scope": lambda _fault: scope_missing(),
    "not_found": lambda _fault: unknown_folder(),
    "error_200": _late,
}
