"""Where a listing goes on, and how one that would never end is noticed."""

import hashlib
from typing import Final, Self

import msgspec

from everreach.errors import BrokenListingError, ListingExpiredError

RESTART_LIMIT: Final = 3
"""How often in a row a listing may expire and begin again without bringing anything new."""


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """A place in a provider's listing. `position` is the provider's own address of the next page, None at the start.

    `barren` counts pages in a row without a new contact. While they last, `mark`, `steps` and `power` look for a cycle
    with Brent's algorithm: constant memory, and found within a few rounds, however many pages the cycle has. `again`
    says that the listing began anew, so that its contacts may have been seen before.
    """

    position: str | None = None
    barren: int = 0
    restarts: int = 0
    mark: str | None = None
    steps: int = 0
    power: int = 1
    again: bool = False

    def after(self, position: str, *, fresh: bool, barren_limit: int) -> Self:
        """The next place, after a page that brought something new (`fresh`) or did not.

        Raises BrokenListingError where the listing goes in circles or would never end.
        """
        if position == self.position:
            raise BrokenListingError("The provider's listing points to itself and was stopped.")
        if fresh:
            return type(self)(position, again=self.again)
        if self.barren >= barren_limit:
            raise BrokenListingError(
                "The provider's listing went on without bringing any more contacts and was stopped."
            )
        return self._step(position)

    def restarted(self) -> Self:
        """The beginning again, because the provider no longer knows the position."""
        if self.position is None or self.restarts >= RESTART_LIMIT:
            raise ListingExpiredError
        return type(self)(restarts=self.restarts + 1, again=True)

    def _step(self, position: str) -> Self:
        mark = hashlib.sha256(position.encode()).hexdigest()[:32]
        if mark == self.mark:
            raise BrokenListingError("The provider's listing goes in circles and was stopped.")
        moved = msgspec.structs.replace(self, position=position, barren=self.barren + 1)
        if self.steps + 1 == self.power:
            return msgspec.structs.replace(moved, mark=mark, steps=0, power=self.power * 2)
        return msgspec.structs.replace(moved, steps=self.steps + 1)
