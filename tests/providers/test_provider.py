"""The registry: who is in it, and what follows from a provider's word there."""

from providers import REGISTRY, WITH_FLOW
from providers.files import FILES
from tests.providers.wire import config, connected, playing, reply


def test_every_provider_with_a_flow_is_made_by_its_name() -> None:
    assert {"google", "microsoft"} <= {one.name for one in WITH_FLOW}
    for one in WITH_FLOW:
        made = connected(one.name, playing(reply()))
        assert (made.title, made.flow.name, made.flow.title) == (one.title, one.name, one.title)
        assert made.flow.configured


def test_a_file_is_a_provider_without_a_flow_and_without_settings() -> None:
    assert {one.name for one in FILES} == {one.name for one in REGISTRY} - {one.name for one in WITH_FLOW}
    assert [one.settings for one in FILES] == [None, None]
    assert set(config().providers) == {one.name for one in WITH_FLOW}


def test_names_are_told_apart() -> None:
    assert len({one.name for one in REGISTRY}) == len(REGISTRY)
