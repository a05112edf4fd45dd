"""Where a listing goes on, and how one that would never end is noticed."""

import hashlib
from typing import Final, Self

import msgspec

from everreach.errors import BrokenListingError, ListingExpiredError

RESTART_LIMIT: Final = 3
"""How often in a row a listing may expire and begin again without bringing anything new."""


_SHORT_BY: Final = 5
_SHORT_SHARE: Final = 0.02


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """A place in a provider's listing. `position` is the provider's own address of the next page, None at the start.

    `barren` counts pages in a row without a new contact. While they last, `mark`, `steps` and `power` look for a cycle
    with Brent's algorithm: constant memory, and found within a few rounds, however many pages the cycle has. `again`
    says that the listing began anew, so that its contacts may have been seen before; `shrunk`, that it goes on in
    smaller pages. `announced` is how many contacts the provider says there are, `listed` how many had been listed when
    it was read a second time, None while it is read for the first.
    """

    position: str | None = None
    barren: int = 0
    restarts: int = 0
    mark: str | None = None
    steps: int = 0
    power: int = 1
    again: bool = False
    shrunk: bool = False
    announced: int | None = None
    listed: int | None = None

    def after(self, position: str, *, fresh: bool, barren_limit: int) -> Self:
        """The next place, after a page that brought something new (`fresh`) or did not.

        Raises BrokenListingError where the listing goes in circles or would never end.
        """
        if position == self.position:
            raise BrokenListingError("The provider's listing points to itself and was stopped.")
        if fresh:
            return self._at(position)
        if self.barren >= barren_limit:
            raise BrokenListingError(
                "The provider's listing went on without bringing any more contacts and was stopped."
            )
        return self._step(position)

    def restarted(self) -> Self:
        """The beginning again, because the provider no longer knows the position."""
        if self.position is None or self.restarts >= RESTART_LIMIT:
            raise ListingExpiredError
        return type(self)(restarts=self.restarts + 1, again=True, announced=self.announced, listed=self.listed)

    def told(self, total: int | None) -> Self:
        """The same place, once the provider has said how many contacts there are, or has not."""
        return self if total is None else msgspec.structs.replace(self, announced=total)

    def smaller(self, position: str, *, anew: bool) -> Self:
        """The same place, or the beginning (`anew`), in smaller pages."""
        cursor = self._at(position) if anew else msgspec.structs.replace(self, position=position)
        return msgspec.structs.replace(cursor, again=self.again or anew, shrunk=True)

    def short(self, listed: int) -> bool:
        """Whether a listing that ends with so many contacts lacks more than may have been deleted meanwhile."""
        announced = self.announced or 0
        return announced - listed > max(_SHORT_BY, announced * _SHORT_SHARE)

    def reread(self, listed: int) -> Self:
        """The beginning of the second reading."""
        return type(self)(again=True, announced=self.announced, listed=listed)

    def _at(self, position: str) -> Self:
        return type(self)(position, again=self.again, shrunk=self.shrunk, announced=self.announced, listed=self.listed)

    def _step(self, position: str) -> Self:
        mark = hashlib.sha256(position.encode()).hexdigest()[:32]
        if mark == self.mark:
            raise BrokenListingError("The provider's listing goes in circles and was stopped.")
        moved = msgspec.structs.replace(self, position=position, barren=self.barren + 1)
        if self.steps + 1 == self.power:
            return msgspec.structs.replace(moved, mark=mark, steps=0, power=self.power * 2)
        return msgspec.structs.replace(moved, steps=self.steps + 1)
