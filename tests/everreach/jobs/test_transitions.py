"""Where a job may go from where it is, as the table has it and as the page for readers draws it."""

import re
from pathlib import Path
from typing import Final

import pytest

from everreach.jobs.job import ENDS, RUNNING, Status
from everreach.jobs.transitions import Transition

PAGE: Final = (Path(__file__).parents[3] / "docs" / "how-a-job-lives.md").read_text("utf-8")
ELSEWHERE: Final = {"take", "told", "reseal"}
"""Changes that may be made in any status, by stores of their own."""


def said(transition: Transition) -> str:
    """The name as words."""
    return transition.name.lower().replace("_", " ")


def steps_from(status: Status) -> set[Status]:
    return {end for transition in Transition if status in transition.begins for end in transition.leads}


def test_the_drawing_shows_every_step_and_no_other() -> None:
    drawn = re.findall(r"^    (\S+) --> (\w+): (.+)$", PAGE, re.MULTILINE)
    shown = {(start, end, name) for start, end, names in drawn for name in names.split(", ")}
    steps = {
        (start, end, said(transition))
        for transition in Transition
        for end in transition.leads
        for start in transition.begins or ["[*]"]
    }

    assert shown == steps


def test_the_page_says_of_each_transition_what_the_table_says() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| `(\w+)\.(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert all(name.replace(" ", "_") == method for name, _, method, _ in rows)
    told = {name: sentence for name, _, _, sentence in rows if name not in ELSEWHERE}
    assert told == {said(transition): transition.sentence for transition in Transition}


def test_what_keeps_the_status_begins_where_its_owner_stands() -> None:
    """The drawing does not show these, and the filters are made of the table: somebody else has to say it, too."""
    staying = {said(transition): transition.begins for transition in Transition if not transition.leads}
    of_leases = ("begin", "renew", "release", "postpone", "wait out", "identify", "locate", "store tokens")
    running = {Status.FETCHING, Status.PROCESSING}
    assert staying == {
        "spend": {Status.AUTHENTICATING},
        "keep": {Status.FAILED},
        "forget": {Status.FAILED},
        "settle": {Status.CANCELLED},
        "claim": running,
        **dict.fromkeys(of_leases, running),
    }


@pytest.mark.parametrize("status", Status)
def test_only_a_failed_job_ever_leaves_its_end(status: Status) -> None:
    assert status.ended == (status in ENDS)
    if status.ended:
        assert bool(steps_from(status)) == (status is Status.FAILED)
    else:
        assert {Status.FAILED, Status.CANCELLED} <= steps_from(status)


def test_a_retry_leads_back_to_work_and_never_straight_to_an_end() -> None:
    assert not steps_from(Status.FAILED) & ENDS


def test_a_job_completes_only_out_of_its_work() -> None:
    assert {status for status in Status if Status.COMPLETED in steps_from(status)} == RUNNING
