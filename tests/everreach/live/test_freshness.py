"""The freshness of a memory: it begins with the stream's word, and a change alone does not bring it back."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from everreach.jobs.job import Job, Status
from everreach.live import freshness
from everreach.live.freshness import Freshness
from storage.change_stream import Sign, Told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANGE = Job(id="a", user_id="u", provider="google", status=Status.FETCHING, version=1, created_at=NOW, updated_at=NOW)


@pytest.mark.parametrize("end", [Sign.BEHIND, Sign.OVER])
def test_it_lasts_from_the_streams_word_until_it_is_behind_or_over(end: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "STALE_SECONDS", 600.0)
    fresh = Freshness()
    seen = []
    tellings: list[Told] = [CHANGE, Sign.GAP, Sign.CURRENT, CHANGE, end, CHANGE]
    for told in tellings:
        fresh.hear(told)
        seen.append(fresh.lasts)
    assert seen == [False, False, True, True, False, False]


def test_a_stream_that_is_silent_for_too_long_has_to_say_anew_that_it_is_current(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(freshness, "time", SimpleNamespace(monotonic=lambda: now))
    fresh = Freshness()
    fresh.hear(Sign.CURRENT)
    now += freshness.STALE_SECONDS - 0.1
    fresh.hear(CHANGE)
    now += freshness.STALE_SECONDS - 0.1
    seen = [fresh.lasts]
    now += 0.2
    for told in (CHANGE, Sign.CURRENT):
        fresh.hear(told)
        seen.append(fresh.lasts)
    assert seen == [True, False, True]
