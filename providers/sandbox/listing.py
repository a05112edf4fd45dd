"""Where a listing goes after each page, and what a fault does to a page's entries."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from providers.sandbox.faults import Fault

_SURROGATE = "Lone \\ud800 Wolf"
_MARK = "LONE-SURROGATE-GOES-HERE"

GARBAGE: tuple[object, ...] = (
    None,
    17,
    "not a contact",
    [],
    {},
    {"names": "wrong", "displayName": 5, "emailAddresses": [{"value": "no-id@lost.example"}]},
    {"resourceName": 5, "id": ["x"], "emailAddresses": 7},
    {"resourceName": "people/cgarbage1", "id": "garbage1", "emailAddresses": {"value": "x@lost.example"}},
    {"resourceName": "people/cgarbage2", "id": "garbage2", "names": [None, 3], "emailAddresses": [None]},
    {"resourceName": "people/cgarbage3", "id": "garbage3", "phoneNumbers": "1", "businessPhones": 1},
)  # fmt: skip
"""What `garbage_entries` puts among the contacts of a page, one after each of the first contacts."""


class Turn(NamedTuple):
    """A place in a listing: the first slot of a page, and whether an empty page led here."""

    start: int
    repeated: bool = False


Shaping = Mapping[str, Fault]


def page_number(turn: Turn, size: int) -> int:
    """Zero-based; a listing that stepped back for a duplicate is still on the next page."""
    return -(-turn.start // size)


def span(turn: Turn, size: int, total: int, shaping: Shaping) -> tuple[int, int]:
    """The slots of this page, as start and stop."""
    if "empty_page" in shaping:
        return turn.start, turn.start
    stop = turn.start + size if "endless" in shaping else min(turn.start + size, total)
    return turn.start, max(turn.start, stop)


def poisoned(turn: Turn, size: int, shaping: Shaping) -> bool:
    """Whether the page holds a contact that cannot be rendered."""
    return "poison" in shaping and turn.start <= shaping["poison"].slot < turn.start + size


def onward(turn: Turn, size: int, total: int, shaping: Shaping, back: int = 1) -> Turn | None:
    """The place that the page names as its next, None at the end; `back` slots before its own end sits a contact."""
    stop = turn.start + size
    again = min(stop, total) - back
    if "empty_page" in shaping:
        return Turn(turn.start, repeated=True)
    if "page_loop" in shaping:
        return turn
    if "self_link" in shaping and stop >= total:
        # The last page leads to an empty one, which leads to itself.
        return Turn(total, repeated=True)
    if "gap" in shaping:
        stop += shaping["gap"].skip
    if "page_loop_2" in shaping:
        first = (shaping["page_loop_2"].page or 0) == page_number(turn, size)
        return Turn(stop if first else max(0, turn.start - size))
    # A page of one contact cannot repeat it without becoming a loop.
    if "duplicate_entry" in shaping and again > turn.start:
        return Turn(again)
    return Turn(stop) if stop < total or "endless" in shaping else None


def tampered(entries: bytes, shaping: Shaping) -> bytes:
    """The encoded list of contacts with `garbage_entries`, a `lone_surrogate`, a `huge_entry` or `edited_emails`."""
    if not {"garbage_entries", "lone_surrogate", "edited_emails", "huge_entry"} & set(shaping):
        return entries
    contacts: list[Any] = msgspec.json.decode(entries)
    if "edited_emails" in shaping:
        for contact in contacts:
            _edit(contact)
    if "lone_surrogate" in shaping and contacts:
        _mark(contacts[0])
    if "garbage_entries" in shaping:
        for number, piece in enumerate(GARBAGE):
            contacts.insert(2 * number + 1, piece)
    if "huge_entry" in shaping:
        contacts.append({"resourceName": "people/chuge", "id": "huge", "names": [0] * 150_000})
    # No encoder writes half a surrogate pair, but JSON on the wire can hold one.
    return msgspec.json.encode(contacts).replace(_MARK.encode(), _SURROGATE.encode())


def _mark(contact: dict[str, Any]) -> None:
    if "resourceName" in contact:
        contact["names"] = [{"metadata": {"primary": True}, "displayName": _MARK, "givenName": _MARK}]
    else:
        contact["displayName"] = contact["givenName"] = _MARK


def _edit(contact: dict[str, Any]) -> None:
    for email in contact.get("emailAddresses") or ():
        for name in {"value", "address"} & email.keys():
            email[name] = f"new-{email[name].strip()}"
