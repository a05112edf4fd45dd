"""What the log of a mongod that ended says of why."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def last_complaint(log: Path) -> str:
    """Return the last words with which mongod, else its storage engine, else the loader explains an end; or ""."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for kind in (_mongod_words, _engine_words, _plain_words):
        if found := [words for line in lines for words in kind(line)]:
            return found[-1]
    return ""


def _attributes(line: str) -> dict[str, object]:
    """Return the attributes of a log line of severity error or fatal, else an empty dict."""
    with suppress(ValueError, AttributeError):
        entry = json.loads(line)
        if entry.get("s") in {"E", "F"} and isinstance(entry.get("attr"), dict):
            return dict(entry["attr"])
    return {}


def _mongod_words(line: str) -> Iterator[str]:
    error = _attributes(line).get("error")
    if isinstance(error, dict):
        error = error.get("errmsg")
    if isinstance(error, str):
        yield error


def _engine_words(line: str) -> Iterator[str]:
    message = _attributes(line).get("message")
    # The panic that follows an engine's error says only that there was one.
    if isinstance(message, dict) and "WT_PANIC" not in str(message.get("error_str")):
        yield f"{message.get('msg')}, {message.get('error_str')}"


def _plain_words(line: str) -> Iterator[str]:
    # The loader remarks on a library that names no versions of its symbols, and goes on.
    if line.strip() and not line.startswith("{") and "no version information available" not in line:
        yield line
