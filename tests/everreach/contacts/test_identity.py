"""Two contacts without an e-mail are the same person where they share a number and a name, and never by a guess."""

from typing import Any

from everreach.contacts.contact import Contact
from everreach.contacts.identity import key_without_email, region_of
from providers.shape import Sent, entry


def contact(name: str | None = None, *numbers: str | Sent, **more: Any) -> Contact:
    phones = [number if isinstance(number, tuple) else (number, None, None) for number in numbers]
    parts: dict[str, Any] = {"emails": (), "addresses": (), "organizations": (), **more}
    made = entry("1", None, {}, ("", 0), names=[name], phones=phones, **parts).contact
    assert made
    return made


def key(*args: Any, region: str | None = None, **more: Any) -> str | None:
    return key_without_email(contact(*args, **more), region)


def test_the_key_is_the_number_and_the_name() -> None:
    assert key("Ada King", "+44 20 7946 0150") == "p:+442079460150|ada king"


def test_two_spellings_of_a_number_under_one_name_are_one_person() -> None:
    spellings = ["+44 20 7946 0150", "+44 (0)20 7946 0150", "tel:+44-20-7946-0150", "020 7946 0150"]
    assert len({key("Ada  KING", spelling, region="GB") for spelling in spellings}) == 1


def test_a_couple_with_one_landline_are_two() -> None:
    assert key("Ada King", "+44 20 7946 0150") != key("William King", "+44 20 7946 0150")


def test_an_extension_is_part_of_the_number() -> None:
    assert key("Desk", "+44 20 7946 0150 ext. 1") != key("Desk", "+44 20 7946 0150 ext. 2")


def test_a_mobile_comes_before_a_landline() -> None:
    numbers = ("+44 20 7946 0150", None, "home"), ("+44 7911 123456", None, None)
    assert key("Ada", *numbers) == "p:+447911123456|ada"
    assert key("Ada", *reversed(numbers)) == "p:+447911123456|ada"


def test_a_number_in_the_place_of_a_name_is_no_name() -> None:
    assert key(None, "+44 20 7946 0150") == key(None, "+44 (0)20 7946 0150") == "p:+442079460150|"


def test_without_a_certain_number_everything_counts() -> None:
    ada = key("Ada King", "020 7946 0150")
    assert ada is not None
    assert ada.startswith("x:")
    assert ada == key("Ada King", "020 7946 0150")
    assert ada != key("Ada King", "020 7946 0151")
    assert key("Ada King") != key("Ada King", notes="the other one")


def test_nothing_but_notes_labels_or_dates_is_empty() -> None:
    assert key(None, notes="Call back", labels=["Family"], birthday={"month": 12, "day": 10}) is None
    assert key(None, urls=["https://ada.example"]) is not None
    assert key("Ada") is not None


def test_the_region_is_that_of_four_fifths_of_ten_numbers() -> None:
    german = [contact("A", f"+49 30 2312510{n}") for n in range(8)]
    british = [contact("B", f"+44 20 7946 015{n}") for n in range(3)]
    assert region_of([*german, *british[:2]]) == "DE"
    assert region_of([*german, *british]) is None
    assert region_of(german) is None
    assert region_of([]) is None
