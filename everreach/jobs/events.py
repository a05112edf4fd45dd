"""What a webhook tells: that an import has ended. Its form is that of https://www.standardwebhooks.com."""

import hashlib
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from everreach.jobs.job import Job, Status
from everreach.jobs.status_document import StatusDocument

EVENTS: Final = {
    Status.COMPLETED: "import.completed",
    Status.FAILED: "import.failed",
    Status.CANCELLED: "import.cancelled",
}
"""The type of the event, by the status in which a job ends."""


class Event(msgspec.Struct, frozen=True):
    """One end of one job. A job that fails, is retried and fails again has two, with different ids."""

    id: str
    type: str
    job_id: str
    user_id: str
    version: int
    payload: str
    """The body of the request, letter for letter, because it is what is signed."""

    def __repr__(self) -> str:
        return f"Event({self.id}, {self.type})"

    @classmethod
    def of(cls, job: Job) -> Self:
        """The event of a job as it was at its end. The same end gives the same event, whoever looks at it."""
        # A version of a job has one status, so that the type need not be in the id. A full stop must not be.
        identity = f"msg_{job.id.replace('-', '')}_{job.version}"
        name = EVENTS[job.status]
        data = _data(job)
        payload = {"type": name, "timestamp": data["completed_at"], "data": data}
        return cls(identity, name, job.id, job.user_id, job.version, msgspec.json.encode(payload).decode())


def _data(job: Job) -> dict[str, Any]:
    """The status document for a backend: with the person, and without the e-mail address of the account."""
    shown = msgspec.to_builtins(StatusDocument.of(job))
    del shown["provider_account_name"]
    return {"id": shown.pop("id"), "user_id": job.user_id, **shown}


class Endpoint(msgspec.Struct, frozen=True):
    """Somebody who is told. The URL may hold a secret, so the database and the log know only the name."""

    name: str
    url: SecretStr

    @classmethod
    def at(cls, url: SecretStr) -> Self:
        """The endpoint of this URL; the same URL has the same name on every node."""
        text = url.get_secret_value()
        return cls(f"{urlsplit(text).hostname}-{hashlib.sha256(text.encode()).hexdigest()[:12]}", url)
