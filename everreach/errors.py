"""Every error of EverReach Import, drawn as a tree.

    EverReachError
    ├── SettingsError                 the environment cannot be used; lists every problem
    ├── DatabaseError                 the database cannot be used as it is; says how to mend it
    │   └── DatabaseAwayError         it does not answer; it may be back in a moment
    ├── LeaseLostError                another worker, or the person, has taken the job away
    ├── VaultError                    a sealed value does not open here: moved, tampered with, or its key is gone
    ├── ApiError                      a client gets exactly this: status, title, message
    │   ├── BadRequestError           400
    │   │   ├── InvalidProviderError  400
    │   │   └── NotConfiguredError    400, with the page where the provider is set up
    │   ├── UnauthorizedError         401
    │   ├── ForbiddenError            403
    │   ├── JobNotFoundError          404
    │   ├── ConflictError             409
    │   │   └── FileGoneError         409, the uploaded file is no longer kept
    │   ├── PayloadTooLargeError      413
    │   ├── UnsupportedFileError      415
    │   ├── UpgradeRequiredError      426
    │   ├── TooManyRequestsError      429, with the seconds to wait
    │   └── UnavailableError          503, with the seconds to wait
    │       ├── KeysAwayError         503, no key of Supabase's could be had yet
    │       └── PrefetchError         503, to a browser whose person has not asked for anything
    ├── CallbackError                 an OAuth callback that cannot go on; its code goes to the app
    └── ProviderError                 a provider did not give what was asked; ends the job unless caught
        ├── TransientError            worth another try: network, 5xx, a reply that makes no sense
        │   ├── PrivateAddressError   the name leads into a network that is not the public one
        │   └── UnrenderedError       5xx: the provider cannot answer this; it may answer to a smaller question
        │       └── OversizeError     the answer is larger than any that we read
        ├── ThrottledError            wait, then go on
        ├── TokenRejectedError        401: refresh once, then go on
        ├── ReconnectError            the grant is dead; only the person can mend it
        └── BrokenListingError        the listing cannot be followed to its end; a retry begins it again
            └── ListingExpiredError   the page address is no longer known; list again from the start

The docstring of a class is the message a person reads, unless the raiser has a better one.
"""

from collections.abc import Iterable
from inspect import getdoc
from typing import ClassVar, Self


class EverReachError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or getdoc(type(self)))

    @property
    def message(self) -> str:
        """One sentence a person can act on; never holds a secret or a provider's own words."""
        return str(self.args[0])


class SettingsError(EverReachError):
    """The settings cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The settings cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


class DatabaseError(EverReachError):
    """The database cannot be used as it is."""


class DatabaseAwayError(DatabaseError):
    """The database does not answer at the moment."""


class LeaseLostError(EverReachError):
    """This worker no longer holds the job."""


class VaultError(EverReachError):
    """A stored secret does not open here: it was moved or tampered with, or its key is gone."""


class ApiError(EverReachError):
    """The server could not answer this request. Please try again."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers have to say of it."""
        return {}

    @property
    def details(self) -> dict[str, str]:
        """What the body holds beside error and message."""
        return {}

    @classmethod
    def example(cls) -> Self:
        """One as a client may see it, for the API's description."""
        return cls()


class BadRequestError(ApiError):
    """The request is malformed."""

    status = 400
    title = "Bad Request"


class InvalidProviderError(BadRequestError):
    """There is no such provider."""

    title = "Invalid Provider"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"Provider must be {' or '.join(names)}.")

    @classmethod
    def example(cls) -> Self:
        """The message names those that there are."""
        return cls(["google", "microsoft"])


class NotConfiguredError(BadRequestError):
    """This provider is not configured."""

    title = "Configuration Required"

    def __init__(self, message: str, setup_url: str) -> None:
        super().__init__(message)
        self._setup_url = setup_url

    @property
    def details(self) -> dict[str, str]:
        """The page where the provider is set up."""
        return {"setup_url": self._setup_url}

    @classmethod
    def example(cls) -> Self:
        """What is missing stands in the message."""
        message = "Google OAuth not configured. Please set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET."
        return cls(message, "https://console.cloud.google.com/")


class UnauthorizedError(ApiError):
    """Please sign in: a valid bearer token is required."""

    status = 401
    title = "Unauthorized"

    @property
    def headers(self) -> dict[str, str]:
        """The scheme that would be accepted, https://www.rfc-editor.org/rfc/rfc6750#section-3."""
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    """This page may not follow an import."""

    status = 403
    title = "Forbidden"


class JobNotFoundError(ApiError):
    """Import job not found or access denied"""

    status = 404
    title = "Not Found"


class ConflictError(ApiError):
    """The import job has already ended."""

    status = 409
    title = "Conflict"


class FileGoneError(ConflictError):
    """The file is no longer kept. Please upload it again."""


class PayloadTooLargeError(ApiError):
    """The request body is too large."""

    status = 413
    title = "Payload Too Large"


class UnsupportedFileError(ApiError):
    """The file is neither CSV nor vCard."""

    status = 415
    title = "Unsupported Media Type"


class UpgradeRequiredError(ApiError):
    """This address is for websockets, version 13, only."""

    status = 426
    title = "Upgrade Required"

    @property
    def headers(self) -> dict[str, str]:
        """What has to be spoken, https://www.rfc-editor.org/rfc/rfc9110#section-15.5.22."""
        return {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}


class TooManyRequestsError(ApiError):
    """Too many requests. Please wait before trying again."""

    status = 429
    title = "Too Many Requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests. Please try again in {retry_after} seconds.")
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Seconds until the next try may succeed."""
        return {"Retry-After": str(self.retry_after)}

    @classmethod
    def example(cls) -> Self:
        """A quarter of a minute to wait."""
        return cls(15)


class UnavailableError(ApiError):
    """The service cannot reach its database at the moment. Please try again shortly."""

    status = 503
    title = "Service Unavailable"

    @property
    def headers(self) -> dict[str, str]:
        """Seconds after which another try is worth it: as long as an election of a primary takes."""
        return {"Retry-After": "5"}


class KeysAwayError(UnavailableError):
    """Nobody can be recognised at the moment, because Supabase does not answer. Please try again shortly."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Seconds until Supabase is asked again."""
        return {"Retry-After": str(self.retry_after)}

    @classmethod
    def example(cls) -> Self:
        """A moment to wait."""
        return cls(5)


class PrefetchError(UnavailableError):
    """This address does something when it is asked, and is not to be asked beforehand."""

    @property
    def headers(self) -> dict[str, str]:
        """The person's own request is another one, and may come at any moment."""
        return {"Retry-After": "1"}


class CallbackError(EverReachError):
    """The callback cannot be honoured."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code


class ProviderError(EverReachError):
    """The provider refused to list the contacts."""

    oauth_error: str | None = None
    """The token endpoint's own word for it, where that is a known one, https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""


class TransientError(ProviderError):
    """The provider could not be reached or answered with an error several times in a row. Please try again later."""


class PrivateAddressError(TransientError):
    """The address is not one on the public internet."""


class UnrenderedError(TransientError):
    """The provider answered with errors of its own, for smaller pages too. Please try again later."""


class OversizeError(UnrenderedError):
    """The provider sent an answer that is too large to be read."""


class ThrottledError(ProviderError):
    """The provider asked us to slow down for too long. Please try again later."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
        """Seconds the provider asked for, None where it did not say."""


class TokenRejectedError(ProviderError):
    """The provider no longer accepts our access. Please reconnect your account."""


class ReconnectError(ProviderError):
    """Access to the account has expired or was revoked. Please reconnect your account."""


class BrokenListingError(ProviderError):
    """The provider's listing could not be followed and was stopped."""


class ListingExpiredError(BrokenListingError):
    """The provider's listing expired several times before it could be read to its end. Please try again later."""
