"""The shape of a contact: no blanks, no twins, nothing endless, and the primary in front."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from everreach.contact import Contact, Labelled
from providers.shape import ITEMS_LIMIT, TEXT_LIMIT, address, contact, entry, joined, labelled, organization

DN = "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=1f-ada"


def email(value: str, *, primary: bool = False, type_: str | None = None) -> Labelled | None:
    return labelled(value, type_, primary)


def made(**parts: Any) -> Contact:
    return contact(**{"names": (), "emails": (), "phones": (), "addresses": (), "organizations": (), **parts})


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
    firm, mail, phone = organization("work", name="Ex Ltd"), email("ada@ex.org"), labelled("+44 20", None, False)
    everything = {"organizations": [organization("work", title="Boss"), firm], "emails": [mail], "phones": [phone]}
    assert made(**everything)["display_name"] == "Ex Ltd"
    assert made(**{**everything, "organizations": []})["display_name"] == "ada@ex.org"
    assert made(phones=[phone])["display_name"] == "+44 20"


def test_the_primary_is_the_marked_one_and_stands_in_front() -> None:
    one = made(emails=[email("first@ex.org"), email("Second@Ex.org", primary=True), email("third@ex.org")])
    assert one["email"] == "second@ex.org"
    assert [(mail["value"], mail["primary"]) for mail in one["emails"]] == [
        ("Second@Ex.org", True),
        ("first@ex.org", False),
        ("third@ex.org", False),
    ]


def test_without_a_mark_the_first_is_the_primary() -> None:
    one = made(emails=[email("first@ex.org"), email("second@ex.org")], phones=[labelled("1", "home", False)])
    assert (one["email"], one["phone"]) == ("first@ex.org", "1")
    assert [mail["primary"] for mail in one["emails"]] == [True, False]


def test_twins_in_case_are_one_address_and_primary_if_either_was() -> None:
    one = made(emails=[email("b@ex.org"), email("ada@ex.org", type_="work"), email(" ADA@ex.org", primary=True)])
    assert one["emails"] == [
        {"value": "ada@ex.org", "type": "work", "primary": True},
        {"value": "b@ex.org", "type": None, "primary": False},
    ]


def test_what_is_no_address_is_no_key_even_where_it_is_marked() -> None:
    one = made(emails=[email(DN, primary=True), email("n/a"), email("ada@ex.org")])
    assert one["email"] == "ada@ex.org"
    assert len(one["emails"]) == 1
    assert made(emails=[email(DN)])["email"] is None


def test_what_is_blank_is_left_out() -> None:
    assert labelled("  ", "work", True) is None
    assert labelled(None, "work", True) is None
    assert labelled(" x ", " ", False) == {"value": "x", "type": None, "primary": False}
    assert address("home", street=" 1 A St ", city="", region=None) == {"type": "home", "street": "1 A St"}
    assert organization(None, name="Ex", title="\t") == {"type": None, "name": "Ex"}
    assert made(addresses=[address("home"), address("work", city="London")])["addresses"] == [
        {"type": "work", "city": "London"}
    ]
    assert joined(None, "Ada", "", "King") == "Ada King"


def test_nothing_is_endless() -> None:
    emails = [email(f"a{number}@ex.org") for number in range(500)]
    one = made(
        names=("n" * 5000,),
        emails=emails,
        phones=[labelled("5" * 5000, "t" * 5000, False) for _ in range(500)],
        addresses=[address("home", street="s" * 5000)] * 500,
        organizations=[organization("work", name="f" * 5000)] * 500,
    )
    assert len(one["display_name"] or "") == len(one["phone"] or "") == TEXT_LIMIT
    assert {len(one[name]) for name in ("emails", "phones", "addresses", "organizations")} == {ITEMS_LIMIT}
    assert len(one["phones"][0]["type"] or "") == len(one["addresses"][0]["street"]) == TEXT_LIMIT


def test_the_primary_is_kept_however_late_it_comes() -> None:
    emails = [email(f"a{number}@ex.org", primary=number == 499) for number in range(500)]
    assert made(emails=emails)["emails"][0]["value"] == "a499@ex.org"


def test_an_entry_is_known_by_its_id() -> None:
    known = entry("id-1", " etag ", made(), {"raw": 1}, "place")
    assert (known.id, known.etag, known.contact, known.error) == ("id-1", "etag", made(), None)


def test_an_entry_without_an_id_fails_and_is_known_by_its_place() -> None:
    for id_ in (None, "", "x" * (TEXT_LIMIT + 1)):
        lost = entry(id_, "etag", made(), {"raw": 1}, "page:7")
        assert lost.contact is None
        assert lost.error is not None
        assert lost.raw == {"raw": 1}
        assert lost.id == entry(None, None, made(), None, "page:7").id
        assert lost.id != entry(None, None, made(), None, "page:8").id


@given(st.lists(st.tuples(st.text() | st.emails(), st.booleans())))
def test_a_key_is_always_that_of_the_first_email(sent: list[tuple[str, bool]]) -> None:
    one = made(emails=[labelled(value, None, primary) for value, primary in sent])
    assert [mail["primary"] for mail in one["emails"][:1]] == [True] * bool(one["emails"])
    assert bool(one["email"]) == bool(one["emails"])
    if one["emails"]:
        assert one["email"] == one["emails"][0]["value"].strip().lower()
