"""How Google's APIs refuse.

https://cloud.google.com/apis/design/errors
https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from collections.abc import Mapping

from providers.sandbox.endpoint import Refusal, Refuse, retry_after
from providers.sandbox.faults import Fault

_TYPE = "type.googleapis.com/google.rpc."
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}


def _error(
    code: int, status: str, message: str, details: list[object] | None = None, headers: Mapping[str, str] | None = None
) -> Refusal:
    error: dict[str, object] = {"code": code, "message": message, "status": status}
    return Refusal(code, {"error": error | ({"details": details} if details else {})}, headers)


def _info(reason: str, domain: str, metadata: Mapping[str, str]) -> list[object]:
    return [{"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}]


def unauthenticated(*, sent: bool = True) -> Refusal:
    """401; `sent` is whether there was a token at all."""
    text = (
        "Request had invalid authentication credentials."
        if sent
        else "Request is missing required authentication credential."
    )
    return _error(401, "UNAUTHENTICATED", f"{text} Expected OAuth 2 access token.", None, _CHALLENGE)


def scope_missing() -> Refusal:
    """403: the person did not give this permission."""
    metadata = {"service": "people.googleapis.com", "method": "google.people.v1.PeopleService.ListConnections"}
    details = _info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", metadata)
    return _error(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", details)


def invalid(message: str) -> Refusal:
    """400."""
    return _error(400, "INVALID_ARGUMENT", message)


def _throttled(fault: Fault) -> Refusal:
    if fault.shape == "exhausted":
        violation = {"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}
        details: list[object] = [{"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}]
        text = "Resource has been exhausted (e.g. check quota)."
        return _error(429, "RESOURCE_EXHAUSTED", text, details, retry_after(fault))
    metadata = {
        "service": "people.googleapis.com",
        "quota_metric": "people.googleapis.com/critical_read_requests",
        "quota_limit": "CriticalReadsPerMinutePerProjectPerUser",
        "consumer": "projects/42",
    }
    details = _info("RATE_LIMIT_EXCEEDED", "googleapis.com", metadata)
    text = "Quota exceeded for quota metric 'Critical read requests (Contact and Profile Reads)'."
    return _error(429, "RESOURCE_EXHAUSTED", text, details, retry_after(fault))


def _legacy_quota(_fault: Fault) -> Refusal:
    item = {"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Rate Limit Exceeded"}
    return Refusal(403, {"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [item]}})


def _late(_fault: Fault) -> Refusal:
    # A server that says 200 first and fails while it writes.
    inner = {"code": 503, "message": "The service is currently unavailable.", "status": "UNAVAILABLE"}
    return Refusal(200, {"error": inner})


FAULTS: Mapping[str, Refuse] = {
    "http_500": lambda _fault: _error(500, "INTERNAL", "Internal error encountered."),
    "http_503": lambda fault: _error(503, "UNAVAILABLE", "The service is away.", None, retry_after(fault)),
    "status_429": _throttled,
    "quota_403": _legacy_quota,
    "token_401": lambda _fault: unauthenticated(),
    "page_token_400": lambda _fault: invalid("Request contains an invalid argument."),
    "missing_scope": lambda _fault: scope_missing(),
    "not_found": lambda _fault: _error(404, "NOT_FOUND", "Requested entity was not found."),
    "error_200": _late,
}
