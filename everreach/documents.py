"""What clients see of a job. The fields' constraints and examples are what the API's description says of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from msgspec import Meta, Struct, json

from everreach.job import Job, Status

Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"}, examples=["4048e7a4-ec72-4371-a308-78fb4293aca4"])]
ProviderName = Annotated[str, Meta(description="The provider, as in the path of `start`.", examples=["google"])]
Shown = Annotated[Status, Meta(examples=["processing"])]
Percent = Annotated[float, Meta(ge=0, le=100, examples=[50.0])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2025-11-02T16:00:00Z"])]
_ACCOUNT: Final = "ada@gmail.example"


def _count(example: int, description: str | None = None) -> Meta:
    return Meta(ge=0, examples=[example], description=description)


def whole_seconds(moment: datetime) -> datetime:
    """The moment in UTC without fractions of a second: as JSON it is ISO 8601 with a Z."""
    return moment.astimezone(UTC).replace(microsecond=0)


class _OfJob(Struct, kw_only=True, frozen=True, gc=False):
    @classmethod
    def of(cls, job: Job) -> Self:
        """What the job has under the same names, times in whole seconds."""
        values: dict[str, Any] = {name: getattr(job, name) for name in cls.__struct_fields__}
        return cls(
            **{name: whole_seconds(value) if isinstance(value, datetime) else value for name, value in values.items()}
        )


class StatusDocument(_OfJob, kw_only=True, frozen=True, gc=False):
    """A job as its owner sees it. `processed_contacts` is always the sum of imported, skipped and failed ones."""

    id: Id
    provider: ProviderName
    kind: Annotated[str, Meta(description="What the job does.", examples=["import"])]
    status: Shown
    total_contacts: Annotated[int, _count(500, "The provider's estimate while the import runs.")]
    processed_contacts: Annotated[int, _count(250)]
    imported_contacts: Annotated[int, _count(200)]
    skipped_contacts: Annotated[int, _count(30, "Duplicates, and contacts without an e-mail address.")]
    failed_contacts: Annotated[int, _count(20, "Contacts that could not be read or stored.")]
    updated_contacts: Annotated[int, _count(0, "Those of the imported ones that the person had before.")]
    deleted_contacts: Annotated[int, _count(0, "Those of the imported ones that are gone now.")]
    progress_percent: Percent
    provider_account_name: Annotated[str | None, Meta(description="Whose address book it is.", examples=[_ACCOUNT])]
    started_at: Moment | None
    completed_at: Annotated[Moment | None, Meta(description="The end of any kind.", examples=[None])]
    error_message: Annotated[str | None, Meta(description="Why it failed, for the person to read.", examples=[None])]
    notice: Annotated[
        str | None,
        Meta(
            description="What the person should know of a job that completed all the same.",
            examples=["Google announced 267 contacts and listed 177."],
        ),
    ]
    undo: Annotated[None, Meta(description="What was taken back of it; nothing so far.", examples=[None])]
    version: Annotated[int, Meta(ge=1, description="Grows with every change of the job.", examples=[7])]


class JobSummary(_OfJob, kw_only=True, frozen=True, gc=False):
    """A job's line in the list."""

    id: Id
    provider: ProviderName
    status: Shown
    total_contacts: Annotated[int, _count(500)]
    imported_contacts: Annotated[int, _count(200)]
    skipped_contacts: Annotated[int, _count(30)]
    failed_contacts: Annotated[int, _count(20)]
    provider_account_name: Annotated[str | None, Meta(examples=[_ACCOUNT])]
    progress_percent: Percent
    error_message: Annotated[str | None, Meta(examples=[None])]
    created_at: Moment
    started_at: Moment | None
    completed_at: Annotated[Moment | None, Meta(examples=[None])]
    updated_at: Moment


class View(Struct, frozen=True, gc=False):
    """A job as its owner sees it, encoded once for all who ask."""

    user_id: str
    version: int
    status: Status
    body: bytes
    """The status document as JSON."""
    settling: bool = False
    """Whether the end has come and its counters may not be the last: a worker has yet to let go of the job."""

    @property
    def ended(self) -> bool:
        """Whether no other state follows by itself."""
        return self.status.ended

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of the job as it is."""
        return cls(job.user_id, job.version, job.status, json.encode(StatusDocument.of(job)), job.settling)
