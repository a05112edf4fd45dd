"""The numbers for Prometheus. No token: a proxy should keep this address to those who scrape it."""

from everreach.scrape import CONTENT_TYPE, exposition
from handlers.base import BaseHandler


class MetricsHandler(BaseHandler):
    """Everything that is counted, of all workers on this port together."""

    frequent = True

    def get(self) -> None:
        """Prometheus's text format."""
        self.set_header("Content-Type", CONTENT_TYPE)
        self.write(exposition())
