"""Regions are two letters that somebody has."""

import pytest

from everreach.contacts.regions import REGIONS, region


def test_there_are_as_many_as_iso_has_and_kosovo() -> None:
    assert len(REGIONS) == 250
    assert all(len(one) == 2 and one.isupper() for one in REGIONS)


def test_small_letters_mean_the_same() -> None:
    assert region("gb") == region("GB") == "GB"


@pytest.mark.parametrize("text", ["", "G", "GBR", "UK", "EU", "XX", " GB", "ſß", "44"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 3166"):
        region(text)
