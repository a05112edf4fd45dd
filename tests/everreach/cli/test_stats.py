"""`everreach stats`: a table for people, JSON for programs, and a sentence where there is nothing to show."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everreach.__main__ import main
from everreach.cli.stats import show
from storage.indexes import JOBS
from storage.mongo import Database
from tests.everreach.test_config import bare as bare  # noqa: PLC0414 - the same empty environment, as a fixture here.
from tests.everreach.test_main import good, run
from tests.storage.test_statistics import job

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LONG_REASON = (
    "The provider asked us to slow down for too long. [red]Please[/] try again later, or never, as you like it."
)


@pytest.mark.gen_test
async def test_a_table_by_day_provider_and_outcome_and_why_imports_failed(
    tmp_path: Path, database: Database, database_uri: str
) -> None:
    last_week = TODAY - timedelta(days=7)
    jobs = [
        *(job(number, created_at=TODAY) for number in range(1, 101)),
        job(3, created_at=last_week, provider="microsoft", status="failed", error_message=LONG_REASON),
        job(None, created_at=last_week, provider="microsoft", status="authenticating", set_going_at=None),
        job(9, created_at=TODAY - timedelta(days=30), status="cancelled"),
    ]
    await database[JOBS].insert_many([{"_id": str(number), **one} for number, one in enumerate(jobs)])
    shown = await asyncio.to_thread(run, tmp_path, "stats", **good(MONGODB_URI=database_uri))
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [f"{TODAY.date()}", "google", "completed", "100", "1,000", "700", "50", "95", "99"] in lines
    assert [f"{last_week.date()}", "microsoft", "failed", "1", "10", "7", *"333"] in lines
    assert ["microsoft", "waiting", "1", "10", "7"] in lines
    assert ["all", "days", "google", "completed", "100", "1,000", "700", "50", "95", "99"] in lines
    assert shown.stdout.splitlines()[-1] == f"      1  microsoft: {LONG_REASON}"
    assert "cancelled" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:-1])) <= 80


@pytest.fixture
def settings(bare: None, monkeypatch: pytest.MonkeyPatch, database: Database, database_uri: str) -> None:
    monkeypatch.setenv("MONGODB_URI", database_uri)


@pytest.mark.gen_test
async def test_json_for_a_program_and_more_days(
    settings: None, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    day = TODAY - timedelta(days=30)
    ended = job(2.5, created_at=day, status="failed", error_message="Why.", provider="microsoft")
    await database[JOBS].insert_one({"_id": "job", **ended})
    assert await show(31, as_json=True) == 0
    line = {"provider": "microsoft", "outcome": "failed", "imports": 1, "contacts": 10, "new": 7}
    line["seconds"] = dict.fromkeys(("p50", "p95", "p99"), 2.5)
    assert json.loads(capsys.readouterr().out) == {
        "since": str(day.date()),
        "imports": [{"day": str(day.date()), **line}],
        "totals": [line],
        "failures": [{"provider": "microsoft", "reason": "Why.", "imports": 1}],
    }


@pytest.mark.parametrize(("days", "when"), [(30, "in the last 30 days"), (1, "today")])
@pytest.mark.gen_test
async def test_where_there_was_no_import_it_says_so(
    settings: None, capsys: pytest.CaptureFixture[str], days: int, when: str
) -> None:
    assert await show(days, as_json=False) == 0
    assert capsys.readouterr().out == f"No import was started {when}.\n"
    assert await show(days, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["imports"] == []


@pytest.mark.parametrize("days", ["0", "many", "3661"])
def test_days_that_are_no_number_are_a_mistake_at_the_command_line(
    capsys: pytest.CaptureFixture[str], days: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["stats", "--days", days])
    assert "a whole number from 1" in capsys.readouterr().err
