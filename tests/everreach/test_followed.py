"""What is known of one job: patience with its worker begins with the first look and is used up once and for all."""

import itertools
import time

import pytest

from everreach import followed
from everreach.followed import Patience


@pytest.mark.gen_test
async def test_patience_looks_soon_then_seldom_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "SETTLING_SECONDS", 0.5)
    patience, looks = Patience(), [time.monotonic()]
    while await patience.lasts("a-job"):
        looks.append(time.monotonic())
    pauses = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert pauses[0] >= 0.01
    assert 3 <= len(pauses) <= 50
    assert time.monotonic() - looks[0] >= 0.5
    assert not await patience.lasts("a-job")
    assert await patience.lasts("another")
