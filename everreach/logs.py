"""The log: one line an event, with job and request ids, and never with a person's data."""

import logging
import sys
from pathlib import Path


def configure(level: int = logging.INFO) -> None:
    """Send our log to standard error, and keep libraries quiet that would print URLs and headers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("everreach", "handlers", "providers", "storage"):
        logging.getLogger(name).setLevel(level)
    # What a malformed request looked like may hold a token; that it was malformed helps nobody.
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    logging.getLogger("pymongo").setLevel(logging.ERROR)


def describe(error: BaseException) -> str:
    """The kind of an unforeseen error and where it arose. Its text is left out: it may hold a person's data."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    return f"{type(error).__name__} at {place}"
