"""The contact in a row: of every exporter's file, with all that the row says."""

import csv
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.files.csv.cells import plain
from providers.files.csv.contact import RowShaper
from providers.files.csv.mapping import is_field
from providers.files.csv.row import Row
from tests.providers.files.csv.reading import BOOKS, book, contacts, entries

# ruff: noqa: RUF001 - Letters of many scripts are what this is about.

CELLS = st.sampled_from(
    ["", " ", "'", "=", '=""', "a@x.org", "+44 20 7946 0123", "* Home", "A ::: B", "1.1.1990", "'=1", ":::"]
)
FIELDS = [
    "display_name",
    "name.given",
    "email",
    "phone.home",
    "address.street",
    "organization.name",
    "birthday",
    "notes",
]


def emails(contact: dict[str, Any]) -> list[tuple[str, str | None, bool]]:
    return [(email["value"], email["type"], email["primary"]) for email in contact["emails"]]


def phones(contact: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(phone["value"], phone["type"]) for phone in contact["phones"]]


def test_googles_file_of_old_holds_several_values_in_a_cell() -> None:
    ada, ira = contacts(book("google-old"))
    assert ada == {
        "display_name": "Ada King",
        "email": "ada@example.org",
        "phone": "020 7946 0120",
        "emails": [
            {"value": "ada@example.org", "type": "home", "primary": True},
            {"value": "ada.k@example.com", "type": "home", "primary": False},
            {"value": "ada@example.net", "type": "work", "primary": False},
        ],
        "phones": [
            {"value": "020 7946 0120", "type": "mobile", "primary": True},
            {"value": "020 7946 0121", "type": "mobile", "primary": False},
        ],
        "addresses": [
            {"type": "home", "formatted": "1 Test St\nLondon"},
            {"type": "home", "formatted": "2 Test St\nLondon"},
        ],
        "name": {"given": "Ada", "family": "King"},
        "birthday": {"year": 1985, "month": 12, "day": 10},
        "labels": ["Family"],
    }
    assert (ira["display_name"], ira["birthday"], ira["labels"]) == ("Ира Белова", {"month": 12, "day": 10}, ["Группа"])
    assert (emails(ira), phones(ira)) == ([("ira@example.org", "home", True)], [("+44 20 7946 0122", None)])


def test_googles_file_of_today_has_no_whole_name() -> None:
    ada, firm = contacts(book("google-new"))
    assert (ada["display_name"], ada["name"]) == ("Dr. Ada King", {"prefix": "Dr.", "given": "Ada", "family": "King"})
    assert [value for value, *_ in emails(ada)] == ["ada@example.org", "ada.k@example.com", "ada@example.net"]
    assert (phones(ada), ada["labels"]) == ([("020 7946 0120", "mobile")], ["Family"])
    assert firm == {
        "display_name": "Example Ltd",
        "email": "info@example.com",
        "emails": [{"value": "info@example.com", "type": None, "primary": True}],
        "organizations": [{"type": None, "name": "Example Ltd"}],
    }


@pytest.mark.parametrize("tabs", [False, True])
def test_outlooks_file_in_german(tabs: bool) -> None:
    data = book("outlook-german")
    if tabs:
        data = data.replace(b"Freunde;", b"Freunde\0").replace(b";", b"\t").replace(b"\0", b";")
        data = data.decode("cp1252").encode("utf-16")
    juergen, aenne = contacts(data)
    assert juergen == {
        "display_name": "Jürgen Böhm",
        "email": "juergen@example.org",
        "phone": "+49 30 23125 101",
        "emails": [{"value": "juergen@example.org", "type": None, "primary": True}],
        "phones": [{"value": "+49 30 23125 101", "type": "work", "primary": True}],
        "addresses": [{"type": "work", "street": "Teststr. 1 – 3", "city": "Köln"}],
        "organizations": [{"type": None, "name": "Beispiel GmbH"}],
        "name": {"given": "Jürgen", "family": "Böhm"},
        "notes": "Zeile 1\nZeile 2",
        "labels": ["Freunde", "Kollegen"],
    }
    assert (aenne["display_name"], aenne["name"]["prefix"], aenne["email"]) == (
        "Änne Groß",
        "Frau",
        "aenne@example.org",
    )
    assert (phones(aenne), aenne["birthday"]) == (
        [("+49 30 23125 102", "mobile")],
        {"year": 1985, "month": 12, "day": 10},
    )


def test_linkedins_file_begins_with_a_note() -> None:
    ada, grace, hidden = contacts(book("linkedin"))
    assert ada == {
        "display_name": "Ada King",
        "organizations": [{"type": None, "name": "Example, Ltd", "title": "Analyst"}],
        "name": {"given": "Ada", "family": "King"},
        "urls": ["https://www.linkedin.com/in/ada-k-0"],
    }
    assert (grace["display_name"], grace["email"], hidden) == ("Grace Hop, PhD", "grace@example.org", {})


def test_bare_quotes_lose_nobody() -> None:
    found = [(one["display_name"], one["email"], one["notes"]) for one in contacts(book("bare-quotes"))]
    assert found == [
        ("Ada King", "ada@example.org", 'bought 6" pipe'),
        ("Grace Hop", "grace@example.org", 'said "ok" twice'),
        ("Alan T", "alan@example.org", "never closed,alan@example.org"),
        ("Mary A", "mary@example.org", "plain"),
        ("Joan C", "joan@example.org", "plain"),
    ]


def test_phones_are_kept_as_typed_with_their_country_beside() -> None:
    spellings = contacts(book("phone-spellings"))
    assert [len(one["phones"]) for one in spellings] == [1] * 11
    assert [one["phone"] for one in spellings[:3]] == ["+1 202-555-0143", "+1 202-555-0143", "+12025550143"]
    assert spellings[9]["phone"] == "+1-202-555-0143"
    variants = contacts(book("phone-variants"))
    countries = [one.get("addresses", [{"country": None}])[0]["country"] for one in variants]
    assert countries == ["BR"] * 2 + ["MX"] * 2 + ["AR"] * 3 + ["GB"] * 2 + ["IT"] * 2 + ["DE"] * 2 + [None]
    assert variants[9]["phone"] == "+39 06 0000 0001"


# Which language it is, a tab, and the header as Outlook writes it with commas.
OUTLOOK = dict(line.split("\t") for line in (BOOKS / "outlook-headers.txt").read_text("utf-8").splitlines())
PAGES = {"Polish": "cp1250", "Russian": "cp1251", "Japanese": "cp932", "Chinese": "gb18030"}


@pytest.mark.parametrize("language", OUTLOOK)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_outlooks_file_in_every_language(language: str, delimiter: str) -> None:
    names = {
        "Polish": ("Łucja", "Żak"),
        "Russian": ("Ира", "Белова"),
        "Japanese": ("太郎", "表"),
        "Chinese": ("小明", "王"),
    }
    given, family = names.get(language, ("Zoë", "King"))
    address = ["Example, Ltd", "1 Test St", "Flat 2", "Graz"]
    row = ["", given, family, "", *address, "+43 1 5550143", "zoe@example.org", "SMTP"]
    lines = [delimiter.join(f'"{cell}"' for cell in cells) for cells in (*csv.reader([OUTLOOK[language]]), row, row)]
    data = "\r\n".join(lines).encode(PAGES.get(language, "cp1252"))
    zoe, _ = contacts(data)
    assert zoe == {
        "display_name": f"{given} {family}",
        "email": "zoe@example.org",
        "phone": "+43 1 5550143",
        "emails": [{"value": "zoe@example.org", "type": None, "primary": True}],
        "phones": [{"value": "+43 1 5550143", "type": "mobile", "primary": True}],
        "addresses": [{"type": "home", "street": "1 Test St\nFlat 2", "city": "Graz"}],
        "organizations": [{"type": None, "name": "Example, Ltd"}],
        "name": {"given": given, "family": family},
    }


ADA = {"display_name": "Ada King", "email": "ada@example.org", "phone": "020 7946 0120"}


@pytest.mark.parametrize(
    ("text", "further"),
    [
        pytest.param(
            "First,Middle,Last,Nickname,Email,Category,Distribution Lists,"
            "Home,Work,Mobile,Company,Title,Birthday,Comments\n"
            'Ada,,King,Addy,ada@example.org,"Family;Friends",,,,020 7946 0120,Example Ltd,Analyst,12/10/1985,a note\n',
            {
                "labels": ["Family", "Friends"],
                "organizations": [{"type": None, "name": "Example Ltd", "title": "Analyst"}],
                "birthday": {"year": 1985, "month": 12, "day": 10},
                "notes": "a note",
            },
            id="Yahoo",
        ),
        pytest.param(
            "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Screen Name,"
            "Work Phone,Mobile Number,"
            "Home Address,Home City,Home ZipCode,Organization,Web Page 1,Birth Year,Custom 1,Notes,\n"
            "Ada,King,Ada King,,ada@example.org,,,,020 7946 0120,1 Test St,London,N1,Example Ltd,"
            "example.org,1985,blue,,\n",
            {
                "addresses": [{"type": "home", "formatted": "1 Test St", "city": "London", "postal_code": "N1"}],
                "urls": ["example.org"],
                "notes": "Custom 1: blue",
            },
            id="Thunderbird",
        ),
        pytest.param(
            "First name,Last name,Job title,Company,Phone (mobile),"
            "Email (home)\nAda,King,Analyst,Example Ltd,020 7946 0120,ada@example.org\n",
            {"organizations": [{"type": None, "name": "Example Ltd", "title": "Analyst"}]},
            id="Apple",
        ),
        pytest.param(
            "First Name,Middle Name,Last Name,Title,Suffix,Web Page,"
            "Birthday,Notes,E-mail Address,Primary Phone,Home Address,Categories\n"
            'Ada,,King,,,,,,ada@example.org,020 7946 0120,"1 Test St\nLondon",myContacts;Family\n',
            {"labels": ["Family"], "addresses": [{"type": "home", "formatted": "1 Test St\nLondon"}]},
            id="Google's for Outlook",
        ),
        pytest.param(
            "sep=;\r\nName;Title;Company;Email;Phone\r\nAda King;Analyst;Example Ltd;ada@example.org;020 7946 0120\r\n",
            {"organizations": [{"type": None, "name": "Example Ltd", "title": "Analyst"}]},
            id="Excel, plain words",
        ),
        pytest.param("Ada King|ada@example.org|020 7946 0120\n", {}, id="no header, with pipes"),
        pytest.param(
            '"Full name", "E-Mail", "Telephone", "Frist Nmae"\n"Ada King", "ada@example.org", "020 7946 0120", "x"\n',
            {"notes": "Frist Nmae: x"},
            id="blanks behind the commas",
        ),
        pytest.param(
            'Name,Phone,E-mail,Zip\nAda King,"=""020 7946 0120""",\'ada@example.org,\'-12\n',
            {"addresses": [{"type": None, "postal_code": "-12"}]},
            id="guarded from a spreadsheet",
        ),
    ],
)
def test_files_of_other_programs(text: str, further: dict[str, Any]) -> None:
    (ada,) = contacts(text.encode())
    assert {name: ada.get(name) for name in ADA} == ADA
    assert {name: ada.get(name) for name in further} == further


def test_a_row_is_known_by_its_number_and_its_place() -> None:
    first, second = entries(b"Name,E-mail\nAda,a@x.org\n,n/a\n")
    assert (first.id, second.id, second.unaddressed) == ("r1", "r2", "unusable_email")
    assert second.raw == {"record": 2, "offset": 24, "cells": ["", "n/a"]}


def test_a_row_that_cannot_be_read_fails_alone() -> None:
    data = b"Name,E-mail\n" + b"x" * 40000 + b",b@x.org\nAda,a@x.org\n"
    failed, ada = entries(data)
    assert (failed.id, failed.contact, ada.error) == ("r1", None, None)
    assert failed.error == "too_long: record 1 has more than 32 KiB in column 1."


def test_short_rows_lack_and_long_ones_keep() -> None:
    short, long = contacts(b"Name,E-mail,Phone\nAda\nBob,b@x.org,020 7946 0120,and more,\n")
    assert (short, long["notes"]) == ({"display_name": "Ada"}, "and more")


def test_what_a_client_says_of_a_column_counts() -> None:
    data = b"A,B,C\nAda,020 7946 0120,ada@example.org\nBob,020 7946 0121,bob@example.org\n"
    ada, _ = contacts(data, {"0": "display_name", "1": "phone.mobile"})
    assert (ada["display_name"], phones(ada), ada["email"]) == ("Ada", [("020 7946 0120", "mobile")], "ada@example.org")


def test_a_starred_email_is_the_primary() -> None:
    text = (
        b"Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value\nAda,Work,w@x.org,* Home,h@x.org\n"
    )
    (ada,) = contacts(text)
    assert emails(ada) == [("h@x.org", "home", True), ("w@x.org", "work", False)]


def test_addresses_of_one_kind_are_told_apart_and_lines_of_one_are_joined() -> None:
    text = b"Name,Address 1 - Street,Address 2 - Street,Work Street,Work Street 2\nAda,1 A St,2 B St,3 C St,Floor 4\n"
    assert contacts(text)[0]["addresses"] == [
        {"type": None, "street": "1 A St"},
        {"type": None, "street": "2 B St"},
        {"type": "work", "street": "3 C St\nFloor 4"},
    ]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("'=1+1", "=1+1"),
        ("'+44", "+44"),
        ("'@a", "@a"),
        ("'tis", "'tis"),
        ('="0044"', "0044"),
        ("=1+1", "=1+1"),
        ("'", "'"),
    ],
)
def test_what_guards_a_cell_is_taken_off(cell: str, meant: str) -> None:
    assert plain(cell) == meant


def test_digits_that_a_spreadsheet_lost_make_no_number_certain() -> None:
    (ada,) = contacts(b"Name,Phone\nAda,4.42E+11\n")
    assert (ada["phone"], "e164" in ada["phones"][0]) == ("4.42E+11", False)


@given(st.lists(CELLS | st.text(max_size=20), min_size=1, max_size=10), st.lists(st.sampled_from(FIELDS), max_size=8))
def test_no_cells_stop_the_shaper(cells: list[str], fields: list[str]) -> None:
    assert all(map(is_field, fields))
    shaper = RowShaper(dict(enumerate(fields)), ["E-mail 1 - Label", "E-mail 1 - Value", "x"])
    assert shaper.entry(Row(1, 0, 1, cells)).id == "r1"


BYTES = st.binary(max_size=200) | st.lists(CELLS | st.sampled_from(["\n", ",", "Name,E-mail\n"])).map("".join).map(
    str.encode
)


@given(BYTES)
def test_no_bytes_stop_an_import(data: bytes) -> None:
    made = entries(data)
    assert [entry.id for entry in made] == [f"r{number}" for number in range(1, len(made) + 1)]
    assert all((entry.contact is None) == (entry.error is not None) for entry in made)
