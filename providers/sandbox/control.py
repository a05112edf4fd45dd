"""The sandbox's own addresses, for tests that run it as another process.

`POST /_sandbox/faults` adds a JSON list of faults, `DELETE` drops those still pending. `GET /_sandbox/stats` counts.
`POST /_sandbox/grants` takes {"provider", "account", "size", "scopes"} and answers tokens; `POST /_sandbox/revoke`
takes {"account"}.
"""

from typing import Literal, TypeVar

import msgspec

from providers.sandbox.endpoint import Endpoint, Refusal
from providers.sandbox.faults import Fault

T = TypeVar("T")


class Mint(msgspec.Struct):
    """Tokens wanted, without a browser."""

    provider: Literal["google", "microsoft"]
    account: str
    size: int | None = None
    scopes: list[str] | None = None


class Revocation(msgspec.Struct):
    """Whose grants shall die."""

    account: str


class Control(Endpoint):
    """These addresses are not counted."""

    def prepare(self) -> None:
        """Leave the counters alone."""

    def read(self, kind: type[T]) -> T:
        """The body as `kind`; refuses with 400 and the reason."""
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except msgspec.DecodeError as error:
            raise Refusal(400, {"error": str(error)}) from None


class FaultControl(Control):
    """The faults still to be played."""

    def post(self) -> None:
        """Add some; answers how many are pending."""
        self.sandbox.faults.add(*self.read(list[Fault]))
        self.answer({"pending": len(self.sandbox.faults)})

    def delete(self) -> None:
        """From now on all goes well."""
        self.sandbox.faults.clear()
        self.answer({"pending": 0})


class StatsControl(Control):
    """The counters."""

    def get(self) -> None:
        """All of them."""
        self.answer(self.sandbox.stats.as_dict())


class GrantControl(Control):
    """Tokens without a browser."""

    def post(self) -> None:
        """Answers access_token, refresh_token, expires_in and scope."""
        wanted = self.read(Mint)
        self.answer(self.sandbox.grant(wanted.provider, wanted.account, wanted.size, wanted.scopes))


class RevokeControl(Control):
    """The person throws every program out."""

    def post(self) -> None:
        """Answers how many living grants died."""
        self.answer({"revoked": self.sandbox.revoke(self.read(Revocation).account)})
