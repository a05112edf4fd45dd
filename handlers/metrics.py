"""The numbers for Prometheus. No token: a proxy should keep this address to those who scrape it."""

from everreach.observability.exposition import CONTENT_TYPE, exposition
from handlers.base import BaseHandler
from handlers.operation import Answer, Tag, operation

_EXAMPLE = 'everreach_contacts_total{provider="google",outcome="created"} 4470.0\n'


class MetricsHandler(BaseHandler):
    """Everything that is counted, of all workers on this port together."""

    frequent = True

    @operation(
        "getMetrics",
        Tag.SERVICE,
        anyone=True,
        answers=(
            Answer(200, "Prometheus's text format.", media_type=CONTENT_TYPE.partition(";")[0], example=_EXAMPLE),
        ),
    )
    async def get(self) -> None:
        """The numbers for Prometheus

        Of all workers on this port together.
        """
        self.set_header("Content-Type", CONTENT_TYPE)
        self.write(exposition())
