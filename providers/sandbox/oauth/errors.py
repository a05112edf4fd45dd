"""The words of the two token endpoints when they refuse.

https://developers.google.com/identity/protocols/oauth2/web-server
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from providers.sandbox.endpoint import Refusal, Refuse, retry_after
from providers.sandbox.faults import Fault

_GOOGLE = {
    "unknown_client": (401, "invalid_client", "The OAuth client was not found."),
    "wrong_secret": (401, "invalid_client", "The provided client secret is invalid."),
    "unknown_code": (400, "invalid_grant", "Malformed auth code."),
    "spent_code": (400, "invalid_grant", "Bad Request"),
    "expired_code": (400, "invalid_grant", "Bad Request"),
    "wrong_redirect": (400, "redirect_uri_mismatch", "Bad Request"),
    "missing_verifier": (400, "invalid_grant", "Missing code verifier."),
    "wrong_verifier": (400, "invalid_grant", "Invalid code verifier."),
    "dead_refresh": (400, "invalid_grant", "Token has been expired or revoked."),
    "grant_type": (400, "unsupported_grant_type", "Invalid grant_type"),
    "not_form": (400, "invalid_request", "The request must be a form."),
}
_MICROSOFT = {
    "unknown_client": (400, "unauthorized_client", 700016, "No application with this identifier is in the directory."),
    "wrong_secret": (401, "invalid_client", 7000215, "The client secret is not the right one."),
    "unknown_code": (400, "invalid_grant", 70000, "The authorization code is malformed or not ours."),
    "spent_code": (400, "invalid_grant", 54005, "The authorization code has been redeemed before."),
    "expired_code": (400, "invalid_grant", 70008, "The authorization code has expired."),
    "wrong_redirect": (400, "invalid_grant", 500112, "The reply address is not that of the authorization request."),
    "missing_verifier": (400, "invalid_grant", 501481, "The code_verifier does not match the code_challenge."),
    "wrong_verifier": (400, "invalid_grant", 501481, "The code_verifier does not match the code_challenge."),
    "dead_refresh": (400, "invalid_grant", 50173, "The grant was revoked; a new sign-in is needed."),
    "grant_type": (400, "unsupported_grant_type", 70003, "The grant_type is not supported."),
    "not_form": (400, "invalid_request", 900144, "The request body must contain the parameter: 'grant_type'."),
}


def google(word: str) -> Refusal:
    """Google's refusal for one of the words above; any other word is a parameter that is missing."""
    missing = (400, "invalid_request", f"Missing required parameter: {word}")
    status, error, description = _GOOGLE.get(word, missing)
    return Refusal(status, {"error": error, "error_description": description})


def microsoft(word: str) -> Refusal:
    """Microsoft's refusal for one of the words above; any other word is a parameter that is missing."""
    missing = (400, "invalid_request", 900144, f"The request body must contain the parameter: '{word}'.")
    return _entra(*_MICROSOFT.get(word, missing))


def aadsts(number: int, text: str) -> str:
    """A description as Microsoft writes it: several lines with trace ids, never fit to be shown on."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"AADSTS{number}: {text}\r\nTrace ID: {uuid4()}\r\nCorrelation ID: {uuid4()}\r\nTimestamp: {now}"


def _entra(status: int, error: str, number: int, text: str, headers: Mapping[str, str] | None = None) -> Refusal:
    description = aadsts(number, text)
    _, trace, correlation, stamp = (line.partition(": ")[2] for line in description.split("\r\n"))
    body = {
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return Refusal(status, body, headers)


def _google_fault(status: int, error: str) -> Refuse:
    return lambda fault: Refusal(status, {"error": error}, retry_after(fault))


def _microsoft_fault(status: int, number: int) -> Refuse:
    def refuse(fault: Fault) -> Refusal:
        return _entra(status, "temporarily_unavailable", number, "The service is busy.", retry_after(fault))

    return refuse


GOOGLE_FAULTS: Mapping[str, Refuse] = {
    "http_500": _google_fault(500, "internal_failure"),
    "http_503": _google_fault(503, "backend_error"),
    "status_429": _google_fault(429, "rate_limit_exceeded"),
    "invalid_grant": lambda _fault: google("dead_refresh"),
}
MICROSOFT_FAULTS: Mapping[str, Refuse] = {
    "http_500": _microsoft_fault(500, 90033),
    "http_503": _microsoft_fault(503, 90033),
    "status_429": _microsoft_fault(429, 90024),
    "invalid_grant": lambda _fault: microsoft("dead_refresh"),
}
