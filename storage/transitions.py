"""The words in which the arrows of a job are written: server time, literals, and the version that grows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec
from pymongo import ReturnDocument

from everreach.jobs.job import COUNTERS, RUNNING, Job, Kind, Lease
from everreach.observability.metrics import of_provider
from storage.mongo import Collection, Document

NOW = "$$NOW"
"""The database's clock. Leases and deadlines never look at a client's."""

NEVER = "$$REMOVE"
"""As `not_before`: the engine need not look at this job again by itself."""

RETRY_WINDOW_SECONDS = 86400
"""How long a failed job keeps its tokens so that it can be retried without a new consent."""

KNOWN_KINDS: Document = {"kind": {"$in": [*sorted(Kind), None]}}
"""What this version knows how to do: while a newer one is rolled out, its new kinds are left to its own nodes."""

DUE: Document = {"$expr": {"$lte": ["$not_before", NOW]}}
RUNNING_FILTER: Document = {"status": {"$in": sorted(RUNNING)}}
_AS_IT_STANDS = {
    name: f"${name}"
    for name in (
        "status",
        "version",
        *COUNTERS,
        "notice",
        "error_message",
        "completed_at",
    )
}
_SECRETS: Final = ("access_token", "refresh_token", "pkce_verifier", "state_hash")
DUE_FIELDS: Final = dict.fromkeys(_SECRETS, 0)
"""The projection of a job for whoever looks for work. The cursor is there, to see whether it can be read."""

SHOWN: Final = {**DUE_FIELDS, "cursor": 0, "reading": 0}
"""The projection for whoever only looks: no secrets, and nothing that may be long."""

UNSHOWN: Final = [f"fullDocument.{name}" for name in SHOWN]
"""The fields that this leaves out, as a change stream has them."""

NO_TOKENS: Document = {"access_token": None, "refresh_token": None, "token_expires_at": None, "pkce_verifier": None}


AT_BIRTH: Document = {
    "kind": Kind.IMPORT,
    "version": 1,
    **NO_TOKENS,
    **dict.fromkeys(
        ("provider_account_id", "provider_account_name", "error_message", "completed_at", "throttled_since")
    ),
    **dict.fromkeys(COUNTERS, 0),
    **{"page": 0, "cursor": {}, "half_written": False},
    **{"fence": 0, "lease_owner": None, "begun": 0, "takeovers": 0},
}
"""What every job begins with."""


def after(seconds: float) -> Document:
    """The database's time in so many seconds."""
    return {"$add": [NOW, round(seconds * 1000)]}


def change(values: Mapping[str, Any] | None = None, /, **expressions: Any) -> list[Document]:
    """A pipeline that sets `values` as they are and `expressions` as computed, and makes the change visible."""
    visible = {"version": {"$add": ["$version", 1]}, "updated_at": NOW}
    return quietly(values, **visible, **expressions)


def quietly(values: Mapping[str, Any] | None = None, /, **expressions: Any) -> list[Document]:
    """The same for what no client sees, such as a lease: nobody who follows the job is woken."""
    # A provider's text may begin with a dollar sign; without $literal the database would take it for a field path.
    literals = {name: {"$literal": value} for name, value in (values or {}).items()}
    return [{"$set": {**literals, **expressions}}]


def ending(**expressions: Any) -> Document:
    """The expressions of every end: no lease, nothing half written, and the moment."""
    left = {"lease_owner": None, "begun": 0, "half_written": False}
    return {"completed_at": NOW, "not_before": NEVER, **left, **expressions}


def held(lease: Lease) -> Document:
    """The filter that only the present holder of the lease matches."""
    job = lease.job
    return {
        "_id": job.id,
        "user_id": job.user_id,
        "lease_owner": lease.owner,
        "fence": lease.fence,
        **RUNNING_FILTER,
    }


def telling(announce: bool) -> Callable[..., list[Document]]:
    """What makes of a pipeline that ends a job one that leaves word of it for the webhooks, where there are any."""
    return _announced if announce else _untold


def _announced(pipeline: list[Document], when: Document | bool = True) -> list[Document]:
    """Leave word where the job as it was before matches `when`.

    The job keeps how it stood at its end until deliveries are made of that: a retry must not make the end unsaid.
    """
    (stage,) = pipeline
    # Whatever a hand made of it, the job must be able to end.
    known = {"$cond": [{"$isArray": "$unannounced"}, "$unannounced", []]}
    ends = {"$cond": ["$telling", {"$concatArrays": [known, [_AS_IT_STANDS]]}, "$unannounced"]}
    due = {"$cond": ["$telling", NOW, "$announce_at"]}
    return [
        {"$set": {**stage["$set"], "telling": when}},
        {"$set": {"unannounced": ends, "announce_at": due}},
        {"$unset": "telling"},
    ]


def _untold(pipeline: list[Document], _: Document | bool = True) -> list[Document]:
    return pipeline


async def bear(jobs: Collection, job_id: str, user_id: str, values: Document, seconds: float) -> None:
    """Make a job with these values, which has to be looked at in so many seconds.

    One that is there already is not begun anew: the id is refused instead.
    """
    moments = dict.fromkeys(("created_at", "started_at", "updated_at"), NOW)
    await jobs.update_one(
        {"_id": job_id, "user_id": user_id, "version": {"$exists": False}},
        quietly({**AT_BIRTH, **values}, **moments, not_before=after(seconds)),
        upsert=True,
    )


async def apply(jobs: Collection, query: Document, pipeline: list[Document]) -> Job | None:
    """Take the arrow: the job as it is afterwards, or None where no job stands where the arrow begins."""
    found = jobs.find_one_and_update(query, pipeline, return_document=ReturnDocument.AFTER)
    document = await cast("Awaitable[Document | None]", found)
    return as_job(document) if document else None


async def end(jobs: Collection, query: Document, pipeline: list[Document]) -> Job | None:
    """Take an arrow to an end, and count the job that came to it."""
    job = await apply(jobs, query, pipeline)
    if job:
        of_provider(job.provider).ended(job)
    return job


def as_job(document: Document) -> Job:
    """The job that a stored document describes; fields this version does not know are left aside."""
    return msgspec.convert(document, Job)


def if_readable(document: Document) -> Job | None:
    """The same for whoever looks at many: one that another version wrote must not keep the others from being seen."""
    try:
        return as_job(document)
    except msgspec.ValidationError:
        return None
