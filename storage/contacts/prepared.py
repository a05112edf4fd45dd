"""An entry on its way into the database: its ledger row, its key and its document, encoded ahead."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec
from bson.raw_bson import RawBSONDocument

from everreach.contacts.identity import key_without_email
from everreach.contacts.page import Entry
from everreach.jobs.job import Job
from everreach.jobs.options import WithoutEmail
from everreach.jobs.outcome import SkipReason
from storage.bulk import UNENCODABLE, ObjectIds, Template
from storage.ledger import Row, RowTemplate, row_template

UNSTORABLE: Final = "The contact could not be stored."
DIGEST_BYTES: Final = 12


class Key(NamedTuple):
    """What a unique index knows a contact by: `email` or `key`, and its value."""

    field: str
    value: str


class Prepared(msgspec.Struct, gc=False):
    """An entry on its way, as received: its ledger row, and where it is to be stored, its key and its document."""

    raw: object
    row: Row
    key: Key | None = None
    document: RawBSONDocument | None = None
    refused: bool = False
    """Whether a unique index refused the document."""


def preparing(job: Job, page: int, ids: ObjectIds) -> Callable[[Entry], Prepared]:
    """What prepares the entries of a page. `page` is the number of the job's pages before it."""
    shared = {
        "user_id": job.user_id,
        "source": f"{job.provider}_import",
        "imported_at": datetime.now(UTC),
        "import_job_id": job.id,
        "import_page": page,
    }
    keeping = job.options.without_email is WithoutEmail.IMPORT
    region = (job.options.region or job.region or None) if keeping else None
    return partial(_prepared, _Page(Template(shared), row_template(job, page), ids, keeping, region))


def once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each id once: a listing that shifts while it is read may send one contact twice."""
    seen: set[str] = set()
    for entry in entries:
        if entry.id not in seen:
            seen.add(entry.id)
            yield entry


class _Page(NamedTuple):
    """What the contacts of a page share; whether those without an e-mail are kept, and where their numbers are from."""

    contacts: Template
    rows: RowTemplate
    ids: ObjectIds
    keeping: bool
    region: str | None


def _prepared(page: _Page, entry: Entry) -> Prepared:
    contact = entry.contact
    row = Row(entry.id, entry.etag, contact["display_name"] if contact else None)
    made = Prepared(entry.raw, row)
    if contact is None:
        row.fail(entry.error or UNSTORABLE, entry.raw)
    elif contact["email"] is not None:
        _encode(made, page, entry, Key("email", contact["email"]), contact)
    elif not page.keeping:
        row.skip(SkipReason(entry.unaddressed), entry.raw)
    elif key := key_without_email(contact, page.region):
        others = {name: value for name, value in contact.items() if name != "email"}
        _encode(made, page, entry, Key("key", key), {"key": key, **others})
    else:
        row.skip(SkipReason.EMPTY, entry.raw)
    row.encode(page.rows)
    return made


def _encode(made: Prepared, page: _Page, entry: Entry, key: Key, fields: Mapping[str, object]) -> None:
    contact_id = next(page.ids)
    try:
        document = page.contacts.encode({"_id": contact_id, **fields, "provider_contact_id": entry.id})
    except UNENCODABLE:
        made.row.fail(UNSTORABLE, entry.raw)
        return
    made.row.contact_id, made.key, made.document = contact_id, key, document
    made.row.digest = blake2b(document.raw, digest_size=DIGEST_BYTES).digest()
