"""The contact in a card: as every program writes it, and where programs go astray."""

from typing import Any

import pytest

from providers.files.vcard.contact import entry_of
from providers.files.vcard.overview import Overview
from tests.providers.files.vcard.exporters import EXPORTERS
from tests.providers.files.vcard.reading import WRITTEN, cards, crlf, entries, said


def written(name: str) -> list[dict[str, Any]]:
    return said((WRITTEN / f"{name}.vcf").read_bytes())


def of(*lines: str) -> dict[str, Any]:
    (made,) = said(crlf("\n".join(["BEGIN:VCARD", "FN:Ada", *lines, "END:VCARD"])))
    return made


@pytest.mark.parametrize("program", EXPORTERS)
def test_a_card_of_every_program_is_read(program: str) -> None:
    data, expected = EXPORTERS[program]
    assert said(data) == expected


@pytest.mark.parametrize("program", EXPORTERS)
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\r\n"])
def test_every_line_end_is_one(program: str, end: bytes) -> None:
    data, expected = EXPORTERS[program]
    assert said(data.replace(b"\r\n", end)) == expected


@pytest.mark.parametrize("program", EXPORTERS)
def test_a_file_in_utf_16_is_read(program: str) -> None:
    data, expected = EXPORTERS[program]
    if b"\xf6" not in data:
        assert said(data.decode().encode("utf-16-be")) == expected
        assert said(data.decode().encode("utf-16")) == expected


def test_soft_breaks_are_joined_before_bytes_become_text() -> None:
    zoe, ira, ada, grace = written("soft_breaks")
    assert (zoe["display_name"], zoe["phone"]) == ("Zoë Ångström-Čapek", "+442079460101")
    assert (ira["display_name"], ira["phone"]) == ("Ира Белова", "+442079460102")
    assert (ada["display_name"], ada["emails"], "phones" in ada) == ("Ada King", [("ada@example.org", None)], False)
    assert "EMAIL:not@example.net" in ada["notes"]
    assert (grace["display_name"], grace["addresses"]) == (
        "Grace = Hop",
        [{"type": None, "formatted": "1 Test Street\nLondon"}],
    )


def test_each_property_has_its_own_charset() -> None:
    assert [contact["display_name"] for contact in written("charsets")] == [
        "Jürgen Böhm",
        "Renée Köhler",
        "太郎 表",
        "小明 王",
        "Łucja Żak",
        "Jörg Groß – Büro",  # noqa: RUF001
    ]
    assert [contact["display_name"] for contact in written("utf16")] == ["Łucja Żak"]


def test_a_label_belongs_to_its_group_in_any_case() -> None:
    (ada,) = written("groups_of_properties")
    assert ada["emails"] == [("ada@example.org", "other"), ("ada@example.com", None)]
    assert ada["phones"] == [("020 7946 0108", "mobile")]
    assert ada["urls"] == ["http://example.org"]


def test_what_is_escaped_does_not_separate() -> None:
    ada, new, grace = written("escapes")
    assert ada["name"] == {"family": "King", "given": "Ada Augusta", "prefix": "Dr. Prof."}
    assert ada["organizations"] == [
        {"type": None, "name": "Example, Inc.", "title": "Head of A; B", "department": "North West, Sales"}
    ]
    assert ada["notes"] == "before, after\nsecond line\nthird C:\\temp"
    assert (new["name"]["family"], new["phones"]) == ("Wr:no", [("205246;;,;", "workFax")])
    assert "organizations" not in new
    assert new["addresses"] == [
        {
            "type": "home",
            "formatted": "1 Test Street\nLondon\nN1",
            "street": "1 Test Street",
            "city": "London",
            "postal_code": "N1",
            "country": "United Kingdom",
        }
    ]
    assert grace["organizations"] == [{"type": None, "name": "Acme, Inc."}]
    assert (grace["phones"], grace["email"]) == ([("+442079460109", "mobile")], "grace@example.org")


def test_a_damaged_file_gives_what_it_has() -> None:
    found = entries((WRITTEN / "damaged.vcf").read_bytes())
    names = [entry.contact["email"].partition("@")[0] for entry in found if entry.contact and entry.contact["email"]]
    assert names == ["ada", "grace", "alan", "mary", "hedy"]
    assert [entry.error for entry in found if entry.error] == [
        "No contact could be read from record 5, at byte 385, which begins with 'Group:'."
    ]


def test_an_assistant_is_nobodys_boss() -> None:
    cleo, dana = written("agents")
    assert (cleo["emails"], cleo["phones"]) == ([("cleo@example.org", None)], [("+442079460111", "work")])
    assert (dana["emails"], "phones" in dana) == ([("dana@example.org", None)], False)


def test_a_control_character_costs_nothing_else() -> None:
    assert of("NOTE:odd \x0b byte and \x1f", "EMAIL:ada@example.org")["email"] == "ada@example.org"


def test_two_cards_with_one_uid_are_known_by_their_numbers() -> None:
    card = "BEGIN:VCARD\nFN:{}\nUID:{}\nEND:VCARD\n"
    data = crlf("".join(card.format(*of) for of in (("A", "same"), ("B", "own"), ("C", "same"), ("D", "r1"))))
    assert [entry.id for entry in entries(data)] == ["r1", "own", "r3", "r4"]
    assert entry_of(cards(data)[1], Overview(repeated=None)).id == "r2"


@pytest.mark.parametrize(
    ("property_", "day"),
    [
        ("BDAY:1985-12-10", {"year": 1985, "month": 12, "day": 10}),
        ("BDAY;VALUE=date-time:1985-12-10T00:00:00Z", {"year": 1985, "month": 12, "day": 10}),
        ("BDAY:1604-02-29", {"month": 2, "day": 29}),
        ("BDAY;X-APPLE-OMIT-YEAR=1900:1900-02-28", {"month": 2, "day": 28}),
        ("BDAY:---10", None),
        ("BDAY:1985-02-30", None),
        ("BDAY;VALUE=text:about 1800", None),
    ],
)
def test_a_birthday_is_a_day_with_or_without_its_year(property_: str, day: object) -> None:
    assert of(property_).get("birthday") == day


def test_the_preferred_one_is_the_primary_however_that_is_said() -> None:
    for best in ("EMAIL;PREF=1", "EMAIL;TYPE=pref", "EMAIL;PREF", 'EMAIL;TYPE="home,pref"', "EMAIL;PREF=50"):
        assert of("EMAIL:b@example.org", f"{best}:a@example.org")["email"] == "a@example.org"
    assert of("EMAIL;PREF=101:b@example.org", "EMAIL;PREF=x:a@example.org")["email"] == "b@example.org"


def test_base64_may_hold_a_text() -> None:
    assert of("NOTE;ENCODING=b:TcO8bmNoZW4=")["notes"] == "München"


def test_a_letter_that_was_cut_in_half_spoils_no_other() -> None:
    data = crlf("BEGIN:VCARD\nFN:Ångström-Č\nEND:VCARD").replace(b"\xc4\x8c", b"\xc4")
    assert said(data)[0]["display_name"] == "Ångström-\ufffd"
