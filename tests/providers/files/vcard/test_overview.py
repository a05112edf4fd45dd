"""What only all cards together say, in bounded memory."""

import pytest

from providers.files.vcard import overview as overview_module
from providers.files.vcard.overview import Surveyor
from tests.providers.files.vcard.reading import cards, crlf, overview, said

GROUP = "BEGIN:VCARD\nX-ADDRESSBOOKSERVER-KIND:group\nFN:{}\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{}\nEND:VCARD\n"
CARD = "BEGIN:VCARD\nFN:Ada\nUID:{}\nEND:VCARD\n"


def test_a_group_labels_its_members_before_it_and_behind_it() -> None:
    before = GROUP.format("Family", "ABC")
    behind = GROUP.format("Friends", "abc")
    (ada,) = said(crlf(before + CARD.format("urn:uuid:abc") + behind))
    assert ada["labels"] == ["Family", "Friends"]


def test_the_order_of_cards_says_nothing() -> None:
    found = cards(crlf(GROUP.format("Family", "1") + "".join(CARD.format(uid) for uid in (1, 2, 1, 3, 3, 3))))
    assert overview(found) == overview(found[::-1])
    assert overview(found).repeated == frozenset({"1", "3"})


def test_beyond_the_limits_less_is_known_but_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_module, "MEMBERS_LIMIT", 1)
    monkeypatch.setattr(overview_module, "REPEATED_LIMIT", 1)
    surveyor = Surveyor()
    surveyor.see(cards(crlf(GROUP.format("Family", "1") + GROUP.format("Friends", "2"))))
    assert (surveyor.result().labels, surveyor.complete) == ({"1": ["Family"]}, False)
    surveyor.see(cards(crlf("".join(CARD.format(uid) for uid in (1, 1, 2, 2)))))
    assert surveyor.result().repeated is None


def test_of_many_uids_nearly_all_are_known_to_be_the_only_ones() -> None:
    surveyor = Surveyor()
    surveyor.see(cards(crlf("".join(CARD.format(f"card-{number}") for number in range(5000)))))
    assert len(surveyor.result().repeated or ()) < 20
