"""Why a mongod ended: its own last word, else its storage engine's, else the loader's, and no stack trace."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.embedded.log import last_complaint

PLAIN = "mongod: error while loading shared libraries: libcurl.so.4"
REMARK = "mongod: lib/libcurl.so.4: no version information available (required by mongod)"
ENGINE = {"message": {"msg": "fatal turtle file read error", "error_str": "Permission denied"}}
PANIC = {"message": {"msg": "the process must exit and restart", "error_str": "WT_PANIC: WiredTiger library panic"}}


def line(severity: str, **attributes: Any) -> str:
    return json.dumps({"t": {"$date": "2026-01-01T00:00:00Z"}, "s": severity, "msg": "…", "attr": attributes})


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], ""),
        ([line("I", error="Nothing is wrong")], ""),
        ([PLAIN, line("I")], PLAIN),
        ([PLAIN, REMARK], PLAIN),
        (
            [PLAIN, line("E", **ENGINE), line("E", **PANIC), line("F")],
            "fatal turtle file read error, Permission denied",
        ),
        ([PLAIN, line("E", error="Too old"), line("E", **ENGINE)], "Too old"),
        ([line("E", error="Too old"), line("F", error={"code": 15, "errmsg": "Wrong version"})], "Wrong version"),
        ([PLAIN, '{"s": "F", "attr": {"err', "{}", '{"s": "F", "attr": []}'], PLAIN),
    ],
)
def test_the_last_word_of_whoever_knows_best(tmp_path: Path, lines: list[str], reason: str) -> None:
    log = tmp_path / "mongod.log"
    log.write_text("\n".join(lines))
    assert last_complaint(log) == reason


def test_a_log_that_there_is_not_says_nothing(tmp_path: Path) -> None:
    assert last_complaint(tmp_path / "mongod.log") == ""
