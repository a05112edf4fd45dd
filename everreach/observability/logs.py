"""The log: one line an event, for people or as JSON, with what it concerns, and never with a person's data."""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

OURS: Final = ("everreach", "handlers", "providers", "storage")
"""The loggers whose level can be chosen; of all others only warnings are kept."""

_job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def about_job(job_id: str) -> None:
    """Say which job everything concerns that this task does from now on, and the tasks that it begins."""
    _job_id.set(job_id)


def about_request(request_id: str) -> None:
    """Say which request it concerns, likewise."""
    _request_id.set(request_id)


def concerned() -> dict[str, str]:
    """What this task is about: `job_id`, `request_id`, each where it is known."""
    known = {"job_id": _job_id.get(), "request_id": _request_id.get()}
    return {name: value for name, value in known.items() if value}


def configure(level: int = logging.INFO, style: Literal["text", "json"] = "text") -> None:
    """Send our log to standard error, and keep libraries quiet that would print URLs and headers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if style == "json" else TextLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # What a malformed request looked like may hold a token; that it was malformed helps nobody.
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    logging.getLogger("pymongo").setLevel(logging.ERROR)
    # A collector of traces that is away would fill the log.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def describe(error: BaseException) -> str:
    """The kind of an unforeseen error and where it arose. Its text is left out: it may hold a person's data."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    return f"{type(error).__name__} at {place}"


class TextLine(logging.Formatter):
    """A line for people: when, how grave, who says it, what, and what it concerns."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        concerns = "".join(f" {name}={value}" for name, value in concerned().items())
        return f"{_when(record)} {record.levelname} {record.name} {_said(record)}{concerns}"


class JsonLine(logging.Formatter):
    """The same as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "timestamp": _when(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _said(record),
            **concerned(),
        }
        return msgspec.json.encode(line).decode()


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _said(record: logging.LogRecord) -> str:
    # Ours are one line each. Behind the first one asyncio tells the repr of a task, and with it an error's text.
    said = record.getMessage().partition("\n")[0]
    error = record.exc_info[1] if record.exc_info else None
    return f"{said}: {describe(error)}" if error else said
