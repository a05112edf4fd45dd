"""What Graph answers, what its refusals mean, and where a listing of several folders goes on.

https://learn.microsoft.com/graph/api/user-list-contacts
"""

from collections.abc import Sequence

import msgspec

from everreach.errors import ListingExpiredError, ProviderError
from everreach.net.http import Reply
from providers.lenient_json import Answer, detail
from providers.microsoft.folders import Level
from providers.paging import Total, bounded


class Placed(msgspec.Struct, rename="camel"):
    """In which folder a contact is."""

    parent_folder_id: str | None = None


class Listing(Answer):
    """A page of contacts, or of none with their number."""

    vital = frozenset({"value", "next_link"})

    value: list[msgspec.Raw] | None = None
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    count: Total | None = msgspec.field(default=None, name="@odata.count")

    @property
    def sound(self) -> bool:
        """Whether it is a page at all: one without the list is an error that says 200."""
        return super().sound and self.value is not None


class Me(Answer, rename="camel"):
    """Whose mailbox it is."""

    id: str | None = None
    mail: str | None = None
    user_principal_name: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | None = None


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a listing of several folders goes on: the next page's URL, and what comes after this folder.

    That is `folders`, where all are known, else what the walk in `levels` finds; without a `url` it is the walk's turn.
    `past` says that the one contact of this page is given up if only the one behind it can be had.
    """

    url: str
    folders: Sequence[str] = ()
    levels: Sequence[Level] = ()
    past: bool = False

    def encoded(self) -> str:
        """The position as text. Raises TransientError where that is too long to be one."""
        return bounded(msgspec.json.encode(self).decode())


def refusal(reply: Reply) -> ProviderError | None:
    """The meaning of a refusal in Graph's words; None where its status says all."""
    code = (detail(reply.body, _ErrorBody).error or _Error()).code if reply.status in {400, 403, 404, 410} else None
    if code == "MailboxNotEnabledForRESTAPI":
        return ProviderError("This Microsoft account has no mailbox in the cloud, and so no contacts to import.")
    if reply.status in {400, 404, 410}:
        # A link that is too old, or into a folder that was deleted meanwhile.
        return ListingExpiredError()
    if reply.status == 403:
        return ProviderError("Microsoft refused to share the contacts of this account. Please reconnect it.")
    return None
