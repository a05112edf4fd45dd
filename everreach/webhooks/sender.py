"""One try to deliver a webhook: signed as https://www.standardwebhooks.com has it, posted, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from pydantic import SecretStr
from standardwebhooks import Webhook

from everreach.errors import PrivateAddressError, TransientError
from everreach.net.http import Http
from storage.webhook_deliveries import Delivery


class Result(msgspec.Struct, frozen=True):
    """What came of a try. `said` is for the operator: the answer's status, or why there was none; never its body."""

    said: str
    accepted: bool = False
    refused: bool = False
    """Whether the endpoint is gone, and the delivery with it."""
    retry_after: float = 0.0
    """Seconds that the endpoint asks to be spared."""


class Sender:
    """Posts to endpoints. Each of `secrets` signs, so that a receiver who knows only one of them can verify."""

    def __init__(self, http: Http, secrets: Sequence[SecretStr]) -> None:
        self._http = http
        self._signers = [Webhook(secret.get_secret_value()) for secret in secrets]

    async def send(self, delivery: Delivery, url: SecretStr) -> Result:
        """Try once. Whatever the endpoint does is a result; only what is wrong with us raises."""
        headers = self._headers(delivery, datetime.now(UTC))
        try:
            reply = await self._http.post(url.get_secret_value(), delivery.payload.encode(), headers=headers)
        except PrivateAddressError:
            return Result("no public address")
        except TransientError:
            return Result("no answer")
        return Result(
            f"HTTP {reply.status}",
            accepted=200 <= reply.status < 300,
            refused=reply.status == 410,
            retry_after=reply.retry_after or 0.0,
        )

    def _headers(self, delivery: Delivery, moment: datetime) -> Mapping[str, str]:
        """Those of the specification; the moment is that of the try, because receivers refuse what is old."""
        signatures = [signer.sign(delivery.message_id, moment, delivery.payload) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "Webhook-Id": delivery.message_id,
            "Webhook-Timestamp": str(int(moment.timestamp())),
            "Webhook-Signature": " ".join(signatures),
        }
