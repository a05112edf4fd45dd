"""What address books really hold, in the providers' own shapes: each contact as a careful person would read it."""

from typing import Any

import pytest

from everreach.contacts.page import Entry
from tests.providers.wire import connected, playing, recorded, reply


async def google(*people: dict[str, Any]) -> list[Entry]:
    known = [{"resourceName": f"people/{number}", **person} for number, person in enumerate(people)]
    return list((await connected("google", playing(reply({"connections": known}))).source.page("token", None)).entries)


async def microsoft(*contacts: dict[str, Any]) -> list[Entry]:
    known = [{"id": str(number), **contact} for number, contact in enumerate(contacts)]
    page = await connected("microsoft", playing(reply({"value": known}), reply({"value": []}))).source.page(
        "token", None
    )
    return list(page.entries)


async def both(*people: dict[str, Any]) -> list[list[Entry]]:
    """The entries of these people at Google, and of the same people at Microsoft."""
    return [await google(*people), await microsoft(*map(as_microsoft, people))]


def as_microsoft(person: dict[str, Any]) -> dict[str, Any]:
    """The same person as Graph has one: no sources, no canonical forms, one organization."""
    [name, *_] = person.get("names") or [{}]
    [nickname, *_] = person.get("nicknames") or [{}]
    [firm, *_] = person.get("organizations") or [{}]
    return {
        "displayName": name.get("displayName"),
        "title": name.get("honorificPrefix"),
        "givenName": name.get("givenName"),
        "surname": name.get("familyName"),
        "nickName": nickname.get("value"),
        "companyName": firm.get("name"),
        "jobTitle": firm.get("title"),
        "emailAddresses": [{"name": None, "address": email["value"]} for email in person.get("emailAddresses", ())],
        "homePhones": [phone["value"] for phone in person.get("phoneNumbers", ())],
    }


def people(name: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = recorded(name)["connections"]
    return sent


def keys(entries: list[Entry]) -> list[str | None]:
    return [one.contact["email"] for one in entries if one.contact]


def names(entries: list[Entry]) -> list[str | None]:
    return [one.contact["display_name"] for one in entries if one.contact]


def about(source: str, *, primary: bool = False) -> dict[str, Any]:
    return {"metadata": {"primary": primary, "source": {"type": source, "id": "1"}}}


@pytest.mark.gen_test
async def test_what_the_person_typed_wins_over_the_name_of_a_profile() -> None:
    assert names(await google(*people("google_names_of_profiles"))) == ["Ada King (dentist)", "Coach Grace"]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ([about("CONTACT") | {"displayName": "B"}, about("CONTACT", primary=True) | {"displayName": "A"}], "A"),
        ([about("PROFILE") | {"displayName": "B"}, about("DOMAIN_PROFILE", primary=True) | {"displayName": "A"}], "A"),
        ([about("PROFILE", primary=True) | {"displayName": "A"}, about("CONTACT") | {"displayName": "\u3164"}], "A"),
        ([{"displayName": "A"}, None, {"metadata": {"source": None}, "displayName": "B"}], "A"),
        ([{"displayName": "B"}, {"metadata": "x", "displayName": "C"}, about("CONTACT") | {"givenName": "A"}], "A"),
    ],
)
@pytest.mark.gen_test
async def test_of_several_names_the_contact_s_own_primary_is_taken_and_never_a_blank(
    sent: list[Any], name: str
) -> None:
    assert names(await google({"names": sent})) == [name]


@pytest.mark.gen_test
async def test_the_contact_s_own_email_and_phone_come_before_a_profile_s() -> None:
    values = [about("PROFILE", primary=True) | {"value": "profile"}, about("CONTACT") | {"value": "typed"}]
    emails = [{**value, "value": f"{value['value']}@ex.org"} for value in values]
    [one] = await google({"emailAddresses": emails, "phoneNumbers": values, "nicknames": values})
    assert one.contact is not None
    assert (one.contact["email"], one.contact["phone"]) == ("typed@ex.org", "typed")
    assert one.contact["display_name"] == "typed"
    assert [(mail["value"], mail["primary"]) for mail in one.contact["emails"]] == [
        ("typed@ex.org", True),
        ("profile@ex.org", False),
    ]


@pytest.mark.gen_test
async def test_invisible_characters_make_no_other_address() -> None:
    sent = people("google_invisible_emails")
    for odd in (
        "a\u200dda@example.org",
        "ada@example.org\u180e",
        "ada@ex\ufe0fample.org\u00a0",
        "\u200eada@example.org\x00",
    ):
        sent.append({"emailAddresses": [{"value": odd}]})
    for entries in await both(*sent):
        assert set(keys(entries)) == {"ada@example.org"}
        assert {one.contact["emails"][0]["value"] for one in entries if one.contact} == {"ada@example.org"}


@pytest.mark.gen_test
async def test_an_address_is_found_in_what_stands_around_it() -> None:
    wanted = ["grace", "hedy", "alan", "mary", "joan", "kath", "dorothy", "edith", None]
    for entries in await both(*people("google_decorated_emails")):
        assert keys(entries) == [name and f"{name}@example.org" for name in wanted]
        [joan] = [one.contact for one in entries if one.contact and one.contact["email"] == "joan@example.org"]
        assert [mail["value"] for mail in joan["emails"]] == ["joan@example.org", "joan.c@example.com"]
        assert entries[-1].unaddressed == "unusable_email"


@pytest.mark.gen_test
async def test_microsoft_s_name_serves_where_its_address_is_none() -> None:
    entries = await microsoft(*recorded("graph_emails_in_names")["value"])
    assert keys(entries) == ["grace@example.org", "ada@example.org", "alan@example.org", None, "joan@example.org"]
    assert entries[3].unaddressed == "unusable_email"
    assert entries[3].contact is not None
    assert entries[3].contact["phone"] == "+44 20 7946 0958"


@pytest.mark.parametrize(
    ("sent", "key", "reason"),
    [
        ({"name": "Ada <ada@ex.org>", "address": "X500:/o=Ex/ou=First/cn=ada"}, "ada@ex.org", "no_email"),
        ({"name": "'ada@ex.org'", "address": "IMCEAEX-_O=EX_cn=ada@prod.outlook.com"}, "ada@ex.org", "no_email"),
        ({"name": "bob@ex.org", "address": "mailto:ada@ex.org"}, "ada@ex.org", "no_email"),
        ({"name": "Ada", "address": "IMCEAEX-_O=EX_cn=ada@prod.outlook.com"}, None, "unusable_email"),
        ({"name": "Ada", "address": None}, None, "no_email"),
        ({"name": "n/a", "address": " "}, None, "no_email"),
    ],
)
@pytest.mark.gen_test
async def test_a_directory_s_name_is_no_address(sent: dict[str, Any], key: str | None, reason: str) -> None:
    [one] = await microsoft({"emailAddresses": [sent]})
    assert one.contact is not None
    assert (one.contact["email"], one.unaddressed) == (key, reason)


@pytest.mark.gen_test
async def test_an_email_that_is_refused_is_told_from_none() -> None:
    sent = [
        *people("google_unusable_emails"),
        {"emailAddresses": [{"value": "@"}, {"value": "\u200b"}]},
        {"emailAddresses": [{"value": "\u3164"}, {"value": " "}]},
    ]
    for entries in await both(*sent):
        assert keys(entries) == ["ada@example.org", None, None, None, None]
        assert [one.unaddressed for one in entries[1:]] == ["unusable_email", "no_email"] * 2
        assert b'"a"' in bytes(entries[1].raw)  # type: ignore[call-overload]


@pytest.mark.gen_test
async def test_one_mailbox_has_one_key_in_every_script() -> None:
    sent = people("google_international_emails")
    more = [
        "Ada@xn--BCHER-KVA.EXAMPLE.",
        "ADA@bu\u0308cher\uff0eexample",
        "I\u0307PEK@example.org",
        "\u7528\u6237\uff20xn--fsqu00a.example",
    ]
    sent += [{"emailAddresses": [{"value": odd}]} for odd in more]
    for entries in await both(*sent):
        found = keys(entries)
        assert found.count("ada@b\u00fccher.example") == 5
        assert found.count("ren\u00e9@example.org") == 2
        assert found.count("ipek@example.org") == 3
        assert found.count("grace@example.org") == 3
        assert found.count("\u7528\u6237@\u4f8b\u5b50.example") == 2
        assert len(found) == 15


@pytest.mark.gen_test
async def test_phones_are_kept_as_typed_and_each_number_once() -> None:
    ada, grace, alan, mary = [one.contact for one in await google(*people("google_phones")) if one.contact]
    assert (ada["phone"], grace["phone"]) == ("(202) 555-0143,,,001#", "(202) 555-0143,,,002#")
    assert {ada["phones"][0]["e164"], grace["phones"][0]["e164"]} == {"+12025550143"}
    assert alan["phone"] == "+12025550150"
    assert alan["phones"] == [{"value": "+1 202-555-0150", "type": "mobile", "primary": True, "e164": "+12025550150"}]
    assert mary["phone"] == "+1 202-555-0160"
    assert [phone["value"] for phone in mary["phones"]] == [
        "+1 202-555-0160",
        "\u0660\u0662\u0660 \u0667\u0669\u0664\u0666 \u0660\u0660\u0660\u0663",
        "*#06#",
        "ask at reception",
    ]


@pytest.mark.gen_test
async def test_without_canonical_forms_only_what_was_typed_with_a_plus_is_told_apart() -> None:
    contacts = [one.contact for one in await microsoft(*map(as_microsoft, people("google_phones"))) if one.contact]
    assert [[phone["value"] for phone in one["phones"]] for one in contacts] == [
        ["(202) 555-0143,,,001#"],
        ["(202) 555-0143,,,002#"],
        ["+1 202-555-0150", "2025550150"],
        [
            "+1 202-555-0160",
            "\u0660\u0662\u0660 \u0667\u0669\u0664\u0666 \u0660\u0660\u0660\u0663",
            "*#06#",
            "ask at reception",
        ],
    ]
    assert not any("e164" in phone for one in contacts for phone in one["phones"])
    [one] = await microsoft(
        {"mobilePhone": "tel:+44-20-7946-0958;ext=7", "businessPhones": ["020 7946 0001 / 020 7946 0002"]}
    )
    assert one.contact is not None
    assert one.contact["phone"] == "+44-20-7946-0958;ext=7"
    assert [(phone["value"], phone["type"]) for phone in one.contact["phones"]] == [
        ("+44-20-7946-0958;ext=7", "mobile"),
        ("020 7946 0001", "work"),
        ("020 7946 0002", "work"),
    ]


@pytest.mark.gen_test
async def test_a_name_is_never_replaced_by_what_nobody_can_read() -> None:
    sent = [
        *people("google_blank_names"),
        {"names": [{"displayName": "\u2067\u200f\ufeff"}], "nicknames": [{"value": "\u202bLola\u202c"}]},
        {"names": [{"displayName": "null"}], "organizations": [{"name": "\u2800Example\x00 Ltd"}]},
        {"names": [{"displayName": "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"}]},
    ]
    wanted = [
        *("Example Ltd", "Ada King", "x" * 999, "Gnik adA", "Dr. King", "f@example.org", "Gracie"),
        *("Lola", "Example Ltd", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
    ]
    for entries in await both(*sent):
        assert names(entries) == wanted


@pytest.mark.gen_test
async def test_without_a_display_name_it_is_composed_of_all_its_parts() -> None:
    parts = ("honorificPrefix", "givenName", "middleName", "familyName", "honorificSuffix")
    name = dict(zip(parts, ("Dr.", "Ada", "\u200b", "King", "PhD"), strict=True))
    assert names(await google({"names": [name]})) == ["Dr. Ada King PhD"]
    [graph] = await microsoft(
        {"title": "Dr.", "givenName": "Ada", "middleName": "A.", "surname": "King", "generation": "Jr."}
    )
    assert names([graph]) == ["Dr. Ada A. King Jr."]
    assert names(
        await google({"names": [{"givenName": "undefined", "familyName": "null"}], "nicknames": [{"value": "Lo"}]})
    ) == ["Lo"]
