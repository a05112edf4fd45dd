"""The indexes, made at start; making them again changes nothing. Each unique one begins with the shard key."""

import asyncio
from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure

from everreach.errors import DatabaseError
from storage.mongo import Collection, Database, translated

JOBS = "contact_import_jobs"
LEDGER = "imported_contacts"
CONTACTS = "contacts"
RATE_LIMITS = "rate_limits"
DELIVERIES = "webhook_deliveries"
UPLOADS = "uploads"
UPLOAD_CHUNKS = "upload_chunks"

PERSON_BOUND = (CONTACTS, LEDGER, DELIVERIES, UPLOAD_CHUNKS, UPLOADS, JOBS)
"""Every collection whose documents carry the `user_id` of the person that they are of. A new one belongs in here."""

CONTACT_KEY = "user_id_email"
CONTACT_OTHER_KEY = "contact_key"
HAS_EMAIL = {"email": {"$gt": ""}}  # Only text that is not empty: contacts without an e-mail are free of the key.
HAS_KEY = {"key": {"$gt": ""}}  # Only those contacts without an e-mail that were imported have one, and pay for it.
NO_EMAIL = {"email": {"$in": [None, ""]}}  # Most of the others.
# And the rest, also the app's own: every type of BSON but text and null, https://bsonspec.org/spec.html.
ODD_EMAIL = {"email": {"$type": [1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, -1, 127]}}
THE_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
KEEPS_RAW_DATA = {"raw_forgotten": None, "completed_at": {"$gt": THE_BEGINNING}}
"""Jobs that have ended, and whose rows may still hold what was sent."""
_DUPLICATES_SHOWN = 5
_NO_SUCH_INDEX = {2, 291}  # For a hint that names none, and for one that cannot be followed.
_TRIES, _TRY_SECONDS = 100, 0.1


@translated
async def ensure_indexes(database: Database) -> None:
    """Make what is missing. Raises DatabaseError naming the duplicates that stand in the way of the contacts' key."""
    jobs, ledger, contacts = database[JOBS], database[LEDGER], database[CONTACTS]
    await jobs.create_index([("user_id", ASCENDING), ("created_at", DESCENDING), ("_id", ASCENDING)], name="history")
    # Whatever the engine has to look at carries `not_before`; what has ended for good does not, and costs nothing here.
    await jobs.create_index("not_before", name="due", partialFilterExpression={"not_before": {"$exists": True}})
    # The same for an end that nobody was told of yet; without webhooks there is none.
    await jobs.create_index("announce_at", name="announce", partialFilterExpression={"announce_at": {"$exists": True}})
    # For the operator's statistics; the moment never changes, so that only the making of a job pays for it.
    await jobs.create_index("created_at", name="created")
    # For the raw data of their rows; an index of the rows would make each contact that is left out dearer.
    await jobs.create_index("completed_at", name="raw_data", partialFilterExpression=KEEPS_RAW_DATA)
    await ledger.create_index(
        [("user_id", ASCENDING), ("import_job_id", ASCENDING), ("provider_contact_id", ASCENDING)],
        name="once",
        unique=True,
    )
    await ledger.create_index(
        [(name, ASCENDING) for name in ("user_id", "import_job_id", "action", "page", "_id")], name="outcome"
    )
    other_key = [("user_id", ASCENDING), ("key", ASCENDING)]
    await contacts.create_index(other_key, name=CONTACT_OTHER_KEY, unique=True, partialFilterExpression=HAS_KEY)
    # With the key they find all contacts of a person. One over all of them would cost each import a tenth of its speed.
    await contacts.create_index("user_id", name="no_email", partialFilterExpression=NO_EMAIL)
    await contacts.create_index("user_id", name="odd_email", partialFilterExpression=ODD_EMAIL)
    # A window that nobody asks about any more removes itself.
    await database[RATE_LIMITS].create_index("expireAt", expireAfterSeconds=0)
    await _ensure_deliveries(database[DELIVERIES])
    await _ensure_uploads(database[UPLOADS], database[UPLOAD_CHUNKS])
    await _ensure_contact_key(contacts)


async def _ensure_deliveries(deliveries: Collection) -> None:
    await deliveries.create_index([("user_id", ASCENDING), ("job_id", ASCENDING)], name="owner")
    await deliveries.create_index(
        [("endpoint", ASCENDING), ("not_before", ASCENDING)],
        name="due",
        partialFilterExpression={"not_before": {"$exists": True}},
    )
    await deliveries.create_index("expires_at", expireAfterSeconds=0)


async def _ensure_uploads(uploads: Collection, pieces: Collection) -> None:
    await uploads.create_index("user_id", name="owner")
    await uploads.create_index("look_at", name="due")
    # A piece that comes twice is there once; and what nobody tidied removes itself.
    await pieces.create_index(
        [("user_id", ASCENDING), ("upload_id", ASCENDING), ("n", ASCENDING)], name="piece", unique=True
    )
    for collection in (uploads, pieces):
        await collection.create_index("expires_at", expireAfterSeconds=0)


async def _ensure_contact_key(contacts: Collection) -> None:
    # While an index still fails for one node the database tells another now and then that it exists.
    for _ in range(_TRIES):
        await _make_contact_key(contacts)
        if await _has_contact_key(contacts):
            return
        await asyncio.sleep(_TRY_SECONDS)
    raise DatabaseError(f"The index {CONTACT_KEY} of {CONTACTS} cannot be used. Unhide or drop it, then start again.")


async def _has_contact_key(contacts: Collection) -> bool:
    try:
        # Only what is built to its end serves a query that insists on it.
        await contacts.find_one({"user_id": "", **HAS_EMAIL}, hint=CONTACT_KEY)
    except OperationFailure as error:
        if error.code not in _NO_SUCH_INDEX:
            raise
        return False
    return True


async def _make_contact_key(contacts: Collection) -> None:
    try:
        await contacts.create_index(
            [("user_id", ASCENDING), ("email", ASCENDING)],
            name=CONTACT_KEY,
            unique=True,
            partialFilterExpression=HAS_EMAIL,
        )
    except (DuplicateKeyError, OperationFailure) as error:
        if error.code != DuplicateKeyError(str(error)).code and error.code != 11000:
            raise
        raise DatabaseError(await _duplicates(contacts)) from None


async def _duplicates(contacts: Collection) -> str:
    groups = contacts.aggregate(
        [
            {"$match": HAS_EMAIL},
            {"$group": {"_id": {"user_id": "$user_id", "email": "$email"}, "ids": {"$push": "$_id"}}},
            {"$match": {"ids.1": {"$exists": True}}},
            {"$limit": _DUPLICATES_SHOWN},
        ],
        allowDiskUse=True,
    )
    # Ids are enough to find them; an e-mail address does not belong in a log.
    rows = [f"user {group['_id']['user_id']}: _id {', '.join(map(str, group['ids']))}" async for group in groups]
    return (
        f"The collection {CONTACTS} holds several contacts of one user with the same e-mail. Keep one of each group, "
        f"delete or merge the others, then start again. The first groups: {'; '.join(rows)}"
    )
