"""What answers say: encoded from these structs, and described by them. Each field's example makes up the whole's."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from everreach.errors import ApiError
from everreach.jobs.job import Status
from everreach.jobs.outcome import Action, SkipReason
from everreach.jobs.status_document import Id, JobSummary, Moment, ProviderName

_TITLE = Meta(description="A short title.", examples=["Not Found"])
_SENTENCE = Meta(description="One sentence that a person can act on.", examples=["There is nothing at this address."])
_CONSENT_PAGE = Meta(
    description="The provider's consent page. Serves once, for ten minutes.",
    examples=["https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state=eyJqb2JfaWQiOiI0MDQ4"],
)
_SETUP_PAGE = Meta(
    description="Where an operator sets the provider up.", examples=["https://console.cloud.google.com/"]
)
_CALLBACK = Meta(
    description="What has to be registered at the provider.",
    examples=["https://api.example.com/api/v1/contacts/import/google/callback"],
)
_STATUS_AS_TEXT = Meta(
    description="The status document as JSON.",
    extra_json_schema={
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": "#/components/schemas/StatusDocument"},
    },
)
_Total = Annotated[int, Meta(ge=0, description="How many there are on all pages.", examples=[1])]
_Limit = Annotated[int, Meta(ge=1, le=100, description="The most on this page.", examples=[20])]
_Offset = Annotated[int, Meta(ge=0, description="How many come before this page.", examples=[0])]


class ErrorBody(Struct, frozen=True):
    """What every error says."""

    error: Annotated[str, _TITLE]
    message: Annotated[str, _SENTENCE]
    setup_url: Annotated[str, _SETUP_PAGE] | UnsetType = UNSET


def error_body(error: ApiError) -> ErrorBody:
    """What a client is told of an error."""
    return ErrorBody(error.title, error.message, **error.details)


class Started(Struct, kw_only=True, frozen=True):
    """A job that waits for consent."""

    job_id: Id
    authorization_url: Annotated[str, _CONSENT_PAGE]
    provider: ProviderName


class SeenColumn(Struct, frozen=True):
    """A column of a CSV, and what it seems to hold."""

    index: Annotated[int, Meta(ge=0, description="Its place, from 0: its name in `mapping`.", examples=[0])]
    header: Annotated[str, Meta(description="What stands above it, if anything does.", examples=["E-mail 1 - Value"])]
    samples: Annotated[list[str], Meta(description="The first values that are not blank.", examples=[["a@b.example"]])]
    field: Annotated[str, Meta(description="What it is taken for.", examples=["email"])]
    confidence: Annotated[float, Meta(ge=0, le=1, description="How certain that is.", examples=[1.0])]
    reason: Annotated[str, Meta(description="Why, for the person to read.", examples=["Google's own header."])]


class Uploaded(Struct, kw_only=True, frozen=True):
    """A file that has come, and what was understood of it. A vCard has no columns."""

    job_id: Id
    provider: Annotated[Literal["csv", "vcard"], Meta(examples=["csv"])]
    status: Annotated[Status, Meta(description="`pending` until it is begun.", examples=["pending"])]
    encoding: Annotated[str, Meta(description="By its name at IANA.", examples=["UTF-8"])]
    delimiter: Annotated[str | None, Meta(description="The character between two cells.", examples=[","])]
    header_row: Annotated[int | None, Meta(description="From 1; null where there is none.", examples=[1])]
    columns: list[SeenColumn]
    records: Annotated[int, Meta(ge=0, description="How many rows or cards there seem to be.", examples=[2000])]
    warnings: Annotated[list[str], Meta(description="What was strange, a sentence each.", examples=[[]])]


class Retried(Struct, kw_only=True, frozen=True):
    """A job that goes on, or waits for a new consent where it has an `authorization_url`."""

    job_id: Id
    provider: ProviderName
    authorization_url: Annotated[str, _CONSENT_PAGE] | UnsetType = UNSET


class JobPage(Struct, kw_only=True, frozen=True):
    """A page of jobs, the newest first."""

    jobs: list[JobSummary]
    total: _Total
    limit: _Limit
    offset: _Offset


class ContactOutcome(Struct, kw_only=True, frozen=True):
    """What became of one contact that the provider sent."""

    provider_contact_id: Annotated[str, Meta(description="Its id at the provider.", examples=["people/c4521"])]
    action: Annotated[Action, Meta(examples=["skipped"])]
    skip_reason: Annotated[
        SkipReason | None,
        Meta(
            description="Why it was skipped: you have one with its key, it has no e-mail, none is an address, or it"
            " says nothing but notes, labels or dates.",
            examples=["duplicate"],
        ),
    ]
    error_message: Annotated[str | None, Meta(description="Why it failed.", examples=[None])]
    contact_id: Annotated[str | None, Meta(description="The contact that it became.", examples=[None])]
    display_name: Annotated[str | None, Meta(examples=["Ada Lovelace"])]
    created_at: Moment


class ContactPage(Struct, kw_only=True, frozen=True):
    """A page of outcomes, grouped by action and in order of arrival."""

    contacts: list[ContactOutcome]
    total: _Total
    limit: _Limit
    offset: _Offset


class ProviderReport(Struct, kw_only=True, frozen=True):
    """What is set of one provider."""

    configured: Annotated[bool, Meta(description="Whether people can import from it.", examples=[True])]
    client_id_set: Annotated[bool, Meta(examples=[True])]
    client_secret_set: Annotated[bool, Meta(examples=[True])]
    redirect_uri: Annotated[str, _CALLBACK]
    setup_url: Annotated[str, _SETUP_PAGE]


class HealthReport(Struct, kw_only=True, frozen=True):
    """`healthy` where all providers are configured, `partial` where some are, `unhealthy` where none is."""

    status: Annotated[Literal["healthy", "partial", "unhealthy"], Meta(examples=["healthy"])]
    providers: Annotated[dict[ProviderName, ProviderReport], Meta(description="By the provider's name.")]
    message: Annotated[str, Meta(examples=["All providers are configured."])]


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


class Ready(Struct, frozen=True):
    """The process takes work."""

    status: Literal["ready"]


class StatusEvent(Struct, kw_only=True, frozen=True):
    """One event: the status document of one version."""

    id: Annotated[str, Meta(description="The version.", examples=["7"])]
    data: Annotated[str, _STATUS_AS_TEXT]


class OpenApi(Struct, kw_only=True, frozen=True):
    """The beginning of an OpenAPI document, https://spec.openapis.org/oas/v3.1.1.html."""

    openapi: Annotated[str, Meta(examples=["3.1.1"])]
    info: Annotated[dict[str, str], Meta(examples=[{"title": "EverReach Import", "version": "1.0.0"}])]
    paths: Annotated[dict[str, Any], Meta(examples=[{}])]
