"""What a node cannot read is left alone for a while, so that it keeps nothing else waiting."""

from collections.abc import Awaitable
from typing import Any, Final, cast

from storage.arrows import after, quietly
from storage.mongo import Collection, Document

UNREADABLE_SECONDS: Final = 600
"""How long: another version's node may go on with it meanwhile, or a hand mend it."""


async def leave_aside(collection: Collection, id_: Any, user_id: Any, moment: str) -> bool:
    """Put off the document's `moment`, at which it is due. Whether it is the first time.

    Of all the times and nodes that see it, the one to which that is said has to log it.
    """
    query = {"_id": id_, "user_id": user_id, moment: {"$exists": True}}
    aside = quietly({"unreadable": True}, **{moment: after(UNREADABLE_SECONDS)})
    before = await cast("Awaitable[Document | None]", collection.find_one_and_update(query, aside, ["unreadable"]))
    return before is not None and "unreadable" not in before
