"""Faults on order: what goes wrong, where, on which page, and how often."""

from typing import Literal, NamedTuple

import msgspec

Where = Literal["token", "refresh", "revoke", "userinfo", "folders", "groups", "count", "page"]
Kind = Literal[
    "http_500", "http_503", "html_502", "html_200", "invalid_json", "truncated", "reset", "stall", "slow",
    "status_429", "quota_403", "token_401", "page_token_400", "missing_scope", "invalid_grant", "page_loop",
    "page_loop_2", "endless", "foreign_next_link", "lone_surrogate", "garbage_entries", "empty_page", "duplicate_entry",
    "edited_emails", "error_200", "two_documents", "false_gzip", "cut_gzip", "trickle", "not_found", "poison",
    "self_link", "relative_link", "gap", "huge_entry",
]  # fmt: skip

SHAPING = {
    "page_loop", "page_loop_2", "endless", "foreign_next_link", "lone_surrogate", "garbage_entries", "empty_page",
    "duplicate_entry", "edited_emails", "poison", "self_link", "relative_link", "gap", "huge_entry",
}  # fmt: skip
"""These change what a page says; the page still comes with status 200, but for the one with the `poison`."""
_STANDING = {"page_loop", "page_loop_2", "endless", "poison", "self_link"}
_ONLY = {"quota_403": "google", "foreign_next_link": "microsoft", "relative_link": "microsoft"}
_PLACES: dict[str, set[str]] = {
    **{kind: {"page"} for kind in SHAPING | {"page_token_400"}},
    **{kind: {"userinfo", "folders", "page"} for kind in ("token_401", "quota_403")},
    "missing_scope": {"token", "folders", "page"},
    "invalid_grant": {"token", "refresh"},
}


class Spot(NamedTuple):
    """Where in the conversation a request stands."""

    provider: str
    where: Where
    account: str
    page: int | None = None
    """Zero-based in the main listing; None outside it, the contacts of a named Outlook folder included."""
    repeated: bool = False
    """The request follows the link of an empty page."""
    after: bool = False


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One thing that goes wrong.

    A loop or an endless listing is no such thing after its first time, so for `page_loop`, `page_loop_2`, `endless`,
    `poison` and `self_link` `times` does not count. `page=None` means any page; for the two loops the first. `endless`
    starts at `page`.
    """

    kind: Kind
    where: Where
    page: int | None = None
    times: int | None = 1
    """How often; None for always."""
    account: str | None = None
    provider: Literal["google", "microsoft"] | None = None
    retry_after: str | None = None
    """The `Retry-After` header of `status_429` and `http_503`, word for word: "3", "2.5", an HTTP date."""
    shape: Literal["quota", "exhausted"] = "quota"
    """Which of Google's two bodies `status_429` has."""
    seconds: float = 60.0
    """How long `stall` keeps silent and `slow` waits, and what passes between two bytes of a `trickle`."""
    headers: bool = True
    """Whether `stall` sends the headers and the first bytes before it falls silent."""
    status: int = 400
    """What `page_token_400` answers at Graph: 400 or 410."""
    slot: int = 0
    """Where in the main listing the `poison` is: every page that it falls into is answered by 500, however small."""
    skip: int = 30
    """How many slots a `gap` leaves out behind its page."""
    after: bool = False
    """At the token endpoint: do the work first, so that only the answer is lost."""

    def __post_init__(self) -> None:
        if self.where not in _PLACES.get(self.kind, {self.where}):
            raise ValueError(f"{self.kind} cannot happen at {self.where}")

    def strikes(self, spot: Spot) -> bool:
        """Whether this fault belongs to that request."""
        return (
            (self.where, self.after) == (spot.where, spot.after)
            and (self.account is None or self.account.strip().lower() == spot.account)
            and self.provider in {None, spot.provider}
            and _ONLY.get(self.kind, spot.provider) == spot.provider
            and self._at(spot.page)
            and not (self.kind == "empty_page" and spot.repeated)
        )

    def _at(self, page: int | None) -> bool:
        if self.kind == "poison":
            return page is not None
        if self.kind == "page_loop_2":
            return page is not None and page - (self.page or 0) in {0, 1}
        if self.kind == "page_loop":
            return page == (self.page or 0)
        if self.kind == "endless":
            return page is not None and page >= (self.page or 0)
        return self.page is None or self.page == page


class Faults:
    """The faults still to be played, in the order they were added."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, *faults: Fault) -> None:
        """Order more faults; they are copied, so one Fault may serve several sandboxes."""
        self._pending += [msgspec.structs.replace(fault) for fault in faults]

    def clear(self) -> None:
        """From now on all goes well."""
        self._pending.clear()

    def striking(self, spot: Spot) -> list[Fault]:
        """Those that belong to a request; none is used up by asking."""
        return [fault for fault in self._pending if fault.strikes(spot)]

    def use(self, fault: Fault) -> bool:
        """Count one occurrence; False when another request was faster."""
        if not any(fault is pending for pending in self._pending):
            return False
        if fault.times is None or fault.kind in _STANDING:
            return True
        fault.times -= 1
        if fault.times <= 0:
            self._pending = [pending for pending in self._pending if pending is not fault]
        return True
