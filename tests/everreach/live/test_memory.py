"""The memory of a process: only what is newer and was asked for is remembered, and nothing of what was deleted."""

from datetime import UTC, datetime

from everreach.jobs.job import Job, Status
from everreach.live.memory import Memory

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(version: int) -> Job:
    status = Status.PROCESSING
    return Job(id="a", user_id="u", provider="google", status=status, version=version, created_at=NOW, updated_at=NOW)


def version(memory: Memory) -> int | None:
    view = memory.view("a")
    return view.version if view else None


def test_of_a_job_that_nobody_asked_for_nothing_is_remembered() -> None:
    memory = Memory()
    assert memory.take(job(1)) is None
    assert version(memory) is None


def test_only_what_is_newer_is_taken_and_only_that_is_news_for_those_who_follow() -> None:
    memory = Memory()
    with memory.keeping("a") as entry:
        assert memory.take(job(2)) is entry
        assert memory.take(job(2)) is memory.take(job(1)) is None
        assert version(memory) == 2
    # It is remembered when nobody keeps it any more, and still kept up to date; but there is nobody to be told.
    assert memory.take(job(3)) is None
    assert (version(memory), memory.kept) == (3, [])
    memory.take(job(1))
    assert version(memory) == 3


def test_what_is_kept_outlives_a_forgetting() -> None:
    memory = Memory()
    with memory.keeping("a"):
        memory.take(job(1))
        memory.forget()
        assert version(memory) == 1
    memory.forget()
    assert version(memory) is None


def test_a_deleted_job_is_taken_no_more_not_even_by_those_who_keep_it() -> None:
    memory = Memory()
    with memory.keeping("a") as entry:
        memory.take(job(1))
        assert memory.lose("a") is entry
        assert memory.take(job(2)) is None
        assert version(memory) is None
    with memory.keeping("a") as later:
        assert later.gone
    assert memory.lose("a") is None
