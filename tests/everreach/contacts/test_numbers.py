"""A number is certain only where its country is known and it is valid there; nobody guesses."""

import pytest

from everreach.contacts.contact import Phone
from everreach.contacts.numbers import certain, home_of, is_mobile
from everreach.contacts.phones import read_phones


def phone(value: str, type_: str | None = None, e164: str | None = None) -> Phone:
    made: Phone = {"value": value, "type": type_, "primary": True}
    if e164:
        made["e164"] = e164
    return made


@pytest.mark.parametrize(
    "typed",
    [
        "+1 202-555-0143",
        "\u202a+1 202-555-0143\u202c",
        "\u2068+12025550143\u2069",
        "+1\u00a0202\u00a0555\u00a00143",
        "+1 202\u2011555\u20110143",
        "\uff0b\uff11 \uff12\uff10\uff12 \uff15\uff15\uff15 \uff10\uff11\uff14\uff13",
        "+\u0661 \u0662\u0660\u0662 \u0665\u0665\u0665 \u0660\u0661\u0664\u0663",
        "tel:+1-202-555-0143",
        "+1.202.555.0143",
    ],
)
def test_one_number_in_many_spellings_is_one(typed: str) -> None:
    ((shown, _, _),) = read_phones(typed)
    assert certain(phone(shown), None) == "+12025550143"


@pytest.mark.parametrize("typed", ["001 202 555 0143", "(202) 555-0143"])
def test_a_number_without_a_country_needs_a_region(typed: str) -> None:
    assert certain(phone(typed), "US") == "+12025550143"
    assert certain(phone(typed), None) is None


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("+55 11 9000-0001", None, "+5511990000001"),
        ("+55 11 99000-0001", None, "+5511990000001"),
        ("+52 1 55 5000 0001", None, "+525550000001"),
        ("+52 55 5000 0001", None, "+525550000001"),
        ("+54 9 11 0000-0001", None, "+5491100000001"),
        ("011 15 0000-0001", "AR", "+5491100000001"),
        ("+44 (0)20 7946 0150", None, "+442079460150"),
        ("+44 20 7946 0150", None, "+442079460150"),
        ("+39 06 0000 0001", None, "+390600000001"),
        ("+39 6 0000 0001", None, None),
        ("030 23125 103", "DE", "+493023125103"),
        ("+49 30 23125103", None, "+493023125103"),
        ("030 23125 103", None, None),
        ("+1 202-555-0143 x12", None, "+12025550143;12"),
        ("+1 202-555-0143;ext=12", None, "+12025550143;12"),
        ("112", "GB", None),
        ("4.42E+11", "GB", None),
        ("ring at the neighbours'", "GB", None),
        ("9" * 400, "GB", None),
    ],
)
def test_national_variants_come_to_one_form(typed: str, region: str | None, number: str | None) -> None:
    assert certain(phone(typed), region) == number


def test_what_the_provider_derived_is_certain_and_keeps_its_extension() -> None:
    assert certain(phone("020 7946 0150", e164="+442079460150"), None) == "+442079460150"
    assert certain(phone("020 7946 0150 ext. 7", e164="+442079460150"), None) == "+442079460150;7"


def test_a_mobile_is_told_by_its_type_or_by_its_plan() -> None:
    assert is_mobile(phone("x", "mobile"), "+442079460150")
    assert is_mobile(phone("x"), "+447911123456;2")
    assert not is_mobile(phone("x", "home"), "+442079460150")


def test_a_number_is_at_home_where_its_country_says() -> None:
    assert home_of(phone("+44 20 7946 0150")) == "GB"
    assert home_of(phone("020 7946 0150", e164="+442079460150")) == "GB"
    assert home_of(phone("020 7946 0150")) is None
    assert home_of(phone("+39 6 0000 0001")) is None
