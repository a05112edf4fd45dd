"""Fills in what the person's contacts lack, one page at a time, and overwrites nothing that anybody wrote meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import UpdateOne

from everreach.contacts.merge import filled
from everreach.jobs.job import Job, Lease
from everreach.jobs.outcome import SkipReason
from storage.contacts.prepared import Prepared
from storage.mongo import Collection, Document

TRIES: Final = 5
"""So often is a contact tried that somebody else keeps changing."""

_BEING_EDITED: Final = "The contact is being edited. Please try again later."

Pair = tuple[Prepared, Document]
"""A contact that came, and the person's own with the same key as it was read."""


class Filling:
    """Compares and sets: a contact is changed only where it is as it was read.

    The contact keeps which contacts of which job last filled it, and what its fields were before (`filled`), so that a
    page that is written again tells what it did the first time.
    """

    def __init__(self, contacts: Collection) -> None:
        self._contacts = contacts

    async def fill(self, lease: Lease, pairs: Sequence[Pair]) -> None:
        """Fill in what is missing; each row says what became of its contact."""
        for _ in range(TRIES):
            pairs = await self._once(lease, pairs)
            if not pairs:
                return
        for one, _ in pairs:
            one.row.fail(_BEING_EDITED, one.raw)

    async def _once(self, lease: Lease, pairs: Sequence[Pair]) -> list[Pair]:
        """Fill each contact once; those that have to be tried again, as they are now."""
        firsts, later = _apart([pair for pair in pairs if not _told(lease.job, *pair)])
        planned = [(one, there, plan) for one, there in firsts if (plan := _plan(one, there))]
        for one, there in firsts:
            if not _plan(one, there):
                _skip(one, there)
        if planned:
            lease.check()
            await self._contacts.bulk_write([_update(lease.job, *each) for each in planned], ordered=False)
        again = [*((one, there) for one, there, _ in planned), *later]
        return await self._present(lease.job, again)

    async def _present(self, job: Job, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs that are not done, with the person's contacts as they are now."""
        if not pairs:
            return []
        ids = list({there["_id"] for _, there in pairs})
        query = {"user_id": job.user_id, "_id": {"$in": ids}}
        present = {there["_id"]: there async for there in self._contacts.find(query)}
        left = []
        for one, there in pairs:
            now = present.get(there["_id"])
            if now is None:
                # Its person deleted it, and does not want it back.
                _skip(one, there)
            elif not _told(job, one, now):
                left.append((one, now))
        return left


def filled_by(job: Job, there: Mapping[str, Any]) -> list[Document]:
    """The marks that contacts of the job left when they filled this one."""
    mark = there.get("filled")
    return list(mark["contacts"]) if isinstance(mark, dict) and mark.get("job_id") == job.id else []


def changes(there: Mapping[str, Any], mark: Document) -> tuple[Document, Document]:
    """The fields that were filled, before and after."""
    return mark["before"], {field: there.get(field) for field in mark["fields"]}


def _told(job: Job, one: Prepared, there: Document) -> bool:
    """Whether this contact has filled that one already, and its row says so now."""
    for mark in filled_by(job, there):
        if mark["id"] == one.row.provider_contact_id:
            one.row.update(there["_id"], *changes(there, mark))
            return True
    return False


def _skip(one: Prepared, there: Document) -> None:
    one.row.contact_id = there["_id"]
    one.row.skip(SkipReason.DUPLICATE, one.raw)


def _plan(one: Prepared, there: Document) -> Document:
    return filled(there, one.document or {})


def _apart(pairs: Iterable[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The first for each of the person's contacts, and those that have to wait for it."""
    firsts: dict[Any, Pair] = {}
    later = [pair for pair in pairs if firsts.setdefault(pair[1]["_id"], pair) is not pair]
    return list(firsts.values()), later


def _update(job: Job, one: Prepared, there: Document, plan: Document) -> UpdateOne:
    before = {field: there[field] for field in plan if field in there}
    mark = {"id": one.row.provider_contact_id, "before": before, "fields": sorted(plan)}
    by = {"job_id": job.id, "contacts": [*filled_by(job, there), mark]}
    as_read = {field: there.get(field, {"$exists": False}) for field in (*plan, "filled")}
    return UpdateOne(
        {"_id": there["_id"], "user_id": job.user_id, **as_read},
        [{"$set": {field: {"$literal": value} for field, value in {**plan, "filled": by}.items()}}],
    )
