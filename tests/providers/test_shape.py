"""The shape of a contact: no blanks, no twins, nothing endless, and the primary in front."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everreach.contacts.contact import Contact
from everreach.contacts.dates import birthday
from everreach.contacts.emails import email_key
from everreach.contacts.page import Entry
from everreach.contacts.texts import NOTES_LIMIT, TEXT_LIMIT
from providers.shape import ITEMS_LIMIT, Sent, address, entry, joined, name_in_parts, organization

DN = "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=1f-ada"
NOTHING: Any = {"names": (), "emails": (), "phones": (), "addresses": (), "organizations": ()}


def email(value: str | None, *, type_: str | None = None, beside: str | None = None) -> Sent:
    return value, beside, type_


def phone(value: str | None, canonical: str | None = None, type_: str | None = None) -> Sent:
    return value, canonical, type_


def sent(**parts: Any) -> Entry:
    return entry("1", None, {}, ("page", 0), **{**NOTHING, **parts})


def made(**parts: Any) -> Contact:
    contact = sent(**parts).contact
    assert contact is not None
    return contact


def test_a_contact_of_nothing_is_still_one() -> None:
    assert made() == {
        "display_name": None,
        "email": None,
        "phone": None,
        "emails": [],
        "phones": [],
        "addresses": [],
        "organizations": [],
    }


def test_the_first_name_that_is_not_blank_is_taken() -> None:
    assert made(names=(None, "", "  ", "\u00a0", " Ada King ", "Ada"))["display_name"] == "Ada King"


def test_without_a_name_the_organization_then_the_email_then_the_phone_stand_in() -> None:
    firm, mail, number = organization("work", name="Ex Ltd"), email("ada@ex.org"), phone("+44 20")
    everything = {"organizations": [organization("work", title="Boss"), firm], "emails": [mail], "phones": [number]}
    assert made(**everything)["display_name"] == "Ex Ltd"
    assert made(**{**everything, "organizations": []})["display_name"] == "ada@ex.org"
    assert made(phones=[number])["display_name"] == "+44 20"


@pytest.mark.parametrize(
    "blank", ["undefined", "undefined undefined", "null", "null null", "(null)", "\u3164\u2800", "\u200e"]
)
def test_what_programs_write_for_no_name_is_no_name(blank: str) -> None:
    mail = [email("g@ex.org")]
    assert made(names=(blank, joined(blank, "undefined"), "Gracie"), emails=mail)["display_name"] == "Gracie"
    assert (
        made(names=(blank,), organizations=[organization(None, name=blank)], emails=mail)["display_name"] == "g@ex.org"
    )


def test_a_family_may_be_called_null() -> None:
    assert made(names=("Null",))["display_name"] == "Null"
    assert made(names=("Ada Null",))["display_name"] == "Ada Null"


def test_the_first_that_is_an_address_is_the_primary() -> None:
    one = made(emails=[email("n/a"), email("First@ex.org"), email("second@ex.org")], phones=[phone("1"), phone("2")])
    assert (one["email"], one["phone"]) == ("first@ex.org", "1")
    assert [(mail["value"], mail["primary"]) for mail in one["emails"]] == [
        ("First@ex.org", True),
        ("second@ex.org", False),
    ]
    assert [number["primary"] for number in one["phones"]] == [True, False]


def test_twins_are_one_address_and_the_first_spelling_stays() -> None:
    one = made(emails=[email("b@ex.org"), email("ada@ex.org"), email(" ADA@ex.org", type_="work"), email("b@ex.org.")])
    assert one["emails"] == [
        {"value": "b@ex.org", "type": None, "primary": True},
        {"value": "ada@ex.org", "type": "work", "primary": False},
    ]


def test_several_addresses_in_one_field_are_several() -> None:
    one = made(emails=[email("joan@ex.org; joan.c@ex.com", type_="home")])
    assert one["email"] == "joan@ex.org"
    assert [(mail["value"], mail["type"]) for mail in one["emails"]] == [
        ("joan@ex.org", "home"),
        ("joan.c@ex.com", "home"),
    ]


def test_what_stands_beside_an_email_serves_where_that_is_no_address() -> None:
    assert made(emails=[email(DN, beside="Alan T (alan@ex.org)")])["email"] == "alan@ex.org"
    assert made(emails=[email(None, beside="ada@ex.org,")])["email"] == "ada@ex.org"
    assert made(emails=[email("ada@ex.org", beside="bob@ex.org")])["email"] == "ada@ex.org"


@pytest.mark.parametrize(
    ("emails", "reason"),
    [
        ([], "no_email"),
        ([email(None), email(""), email(" \u200b\u3164")], "no_email"),
        ([email(None, beside="Joan C"), email("", beside="n/a")], "no_email"),
        ([email("n/a")], "unusable_email"),
        ([email(""), email("a")], "unusable_email"),
        ([email(DN, beside="Mary A")], "unusable_email"),
        ([email("annie @example.org")], "unusable_email"),
    ],
)
def test_a_blank_email_is_none_and_any_other_is_unusable(emails: list[Sent], reason: str) -> None:
    one = sent(emails=emails)
    assert one.contact is not None
    assert (one.contact["email"], one.contact["emails"], one.unaddressed) == (None, [], reason)


def test_a_phone_is_as_typed_and_certain_where_the_provider_is() -> None:
    one = made(phones=[phone("020 7946 0958", "+442079460958", "mobile"), phone("ask at reception")])
    assert one["phones"] == [
        {"value": "020 7946 0958", "type": "mobile", "primary": True, "e164": "+442079460958"},
        {"value": "ask at reception", "type": None, "primary": False},
    ]
    assert one["phone"] == "+442079460958"
    assert made(phones=[phone("020 7946 0958")])["phone"] == "020 7946 0958"


def test_with_an_extension_the_phone_is_as_typed() -> None:
    one = made(phones=[phone("(202) 555-0143,,,001#", "+12025550143"), phone("+1 202 555 0143")])
    assert one["phone"] == "(202) 555-0143,,,001#"
    assert [number.get("e164") for number in one["phones"]] == ["+12025550143", None]


def test_spellings_of_one_number_are_one_phone_and_another_extension_is_another() -> None:
    typed = [
        phone("+1 202-555-0150"),
        phone("2025550150", "+12025550150", "home"),
        phone("+1 (202) 555 0150 ext. 7"),
        phone("202 555 0150 x7", "+12025550150"),
        phone("2025550150"),
    ]
    assert made(phones=typed)["phones"] == [
        {"value": "+1 202-555-0150", "type": "home", "primary": True, "e164": "+12025550150"},
        {"value": "+1 (202) 555 0150 ext. 7", "type": None, "primary": False, "e164": "+12025550150"},
        {"value": "2025550150", "type": None, "primary": False},
    ]


def test_what_is_blank_is_left_out() -> None:
    assert made(phones=[phone("  ", None, "work"), phone(None), phone("\u200e")])["phones"] == []
    assert made(phones=[phone(" x ", None, " ")])["phones"] == [{"value": "x", "type": None, "primary": True}]
    assert address("home", street=" 1 A St ", city="", region=None) == {"type": "home", "street": "1 A St"}
    assert organization(None, name="Ex", title="\t", department="\u2800") == {"type": None, "name": "Ex"}
    assert (address("home"), organization("work", name="\u3164")) == (None, None)
    assert made(addresses=[None, address("work", city="London")])["addresses"] == [{"type": "work", "city": "London"}]
    assert joined(None, "Ada", "", " King", "\u200b") == "Ada King"


def test_every_text_is_in_its_normal_form() -> None:
    assert made(names=("Ada\0King\7",))["display_name"] == "Ada King"
    assert organization("\u202ework", name="Rene\u0301 &\nSons") == {"type": "work", "name": "Ren\u00e9 & Sons"}
    assert address(None, street="1 A St\r\nFlat\t2") == {"type": None, "street": "1 A St\nFlat 2"}


def test_nothing_is_endless() -> None:
    one = made(
        names=("n" * 5000,),
        emails=[email(f"a{number}@ex.org") for number in range(500)],
        phones=[phone("5" * 5000, None, "t" * 5000), *(phone(f"+{number}") for number in range(500))],
        addresses=[address("home", street="s" * 5000)] * 500,
        organizations=[organization("work", name="f" * 5000)] * 500,
    )
    assert len(one["display_name"] or "") == len(one["phone"] or "") == TEXT_LIMIT
    assert {len(one[name]) for name in ("emails", "phones", "addresses", "organizations")} == {ITEMS_LIMIT}
    assert len(one["phones"][0]["type"] or "") == len(one["addresses"][0]["street"]) == TEXT_LIMIT


def test_an_entry_is_known_by_its_id() -> None:
    known = entry("id-1", " etag ", {"raw": 1}, ("page", 7), **NOTHING)
    assert (known.id, known.etag, known.contact, known.error) == ("id-1", "etag", made(), None)


def test_an_entry_without_an_id_fails_and_is_known_by_its_place() -> None:
    for id_ in (None, "", "x" * (TEXT_LIMIT + 1)):
        lost = entry(id_, "etag", {"raw": 1}, ("page", 7), **NOTHING)
        assert lost.contact is None
        assert lost.error is not None
        assert lost.raw == {"raw": 1}
        assert lost.id == entry(None, None, None, ("page", 7), **NOTHING).id
        assert lost.id != entry(None, None, None, ("page", 8), **NOTHING).id


@given(st.lists(st.text() | st.emails()))
def test_a_key_is_always_that_of_the_first_email(values: list[str]) -> None:
    one = made(emails=[email(value) for value in values])
    assert [mail["primary"] for mail in one["emails"][:1]] == [True] * bool(one["emails"])
    assert one["email"] == (email_key(one["emails"][0]["value"]) if one["emails"] else None)


@given(st.lists(st.tuples(st.text(), st.none() | st.from_regex(r"\+[1-9][0-9]{6,12}", fullmatch=True))))
def test_no_phone_that_is_not_blank_is_lost(values: list[tuple[str, str | None]]) -> None:
    one = made(phones=[phone(value, canonical) for value, canonical in values])
    assert [number["primary"] for number in one["phones"]] == [place == 0 for place in range(len(one["phones"]))]
    assert {canonical for _, canonical in values if canonical} == {n["e164"] for n in one["phones"] if "e164" in n}


def test_what_may_be_absent_is_there_only_where_there_is_something_to_say() -> None:
    wide = made(
        name=name_in_parts(given=" Ada ", family="King", middle=" ", suffix=None),
        birthday=birthday(0, 12, 10),
        notes=" Met in\nTurin \x00",
        urls=["https://ada.example", None, " ", "https://ada.example"],
        labels=["Family", " Family", "Maths"],
    )
    assert {key: wide.get(key) for key in ("name", "birthday", "notes", "urls", "labels")} == {
        "name": {"given": "Ada", "family": "King"},
        "birthday": {"month": 12, "day": 10},
        "notes": "Met in\nTurin",
        "urls": ["https://ada.example"],
        "labels": ["Family", "Maths"],
    }
    blank = made(name=name_in_parts(given=" "), birthday=birthday(1985, 2, 30), notes="\u3164", urls=[" "], labels=[""])
    assert blank == made()


def test_notes_may_be_longer_than_any_other_text() -> None:
    assert len(made(notes="a" * 10 * TEXT_LIMIT)["notes"]) == 10 * TEXT_LIMIT
    assert len(made(notes="a" * 2 * NOTES_LIMIT)["notes"]) == NOTES_LIMIT
