"""The pulse: a loop that is kept from its work shows, in numbers and to others."""

import asyncio
import time

import pytest

from everreach.observability import loop_monitor
from everreach.observability.loop_monitor import LoopMonitor
from everreach.observability.metrics import LOOP_HEARTBEAT, REGISTRY


def late(bound: str) -> float:
    """How often the loop was late by more than this."""
    name = "everreach_event_loop_lag_seconds"
    within = REGISTRY.get_sample_value(f"{name}_bucket", {"le": bound})
    return (REGISTRY.get_sample_value(f"{name}_count") or 0.0) - (within or 0.0)


@pytest.mark.gen_test
async def test_a_loop_that_is_kept_busy_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_monitor, "BEAT_SECONDS", 0.01)
    async with LoopMonitor():
        await asyncio.sleep(0.05)
        assert LOOP_HEARTBEAT.age() < 5
        before = late("0.1")
        time.sleep(0.2)  # noqa: ASYNC251 - this is what must not happen.
        assert LOOP_HEARTBEAT.age() > 0.15
        await asyncio.sleep(0.05)
        # A busy machine may be late by itself, too.
        assert late("0.1") >= before + 1
    assert LOOP_HEARTBEAT.age() == 0
