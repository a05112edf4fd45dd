"""Phone numbers: as typed, each once, certain only where the provider is, and no extension is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everreach.contacts.phones import read_phones
from everreach.contacts.texts import INVISIBLE, TEXT_LIMIT

US = "+12025550143"
TYPED = [
    "020 7946 0958",
    "+1 202 555 0143",
    "\u0660\u0662\u0660",
    "*#06#",
    "ask her",
    "tel:",
    ";ext=5",
    " x7",
    ",,,002#",
]
PARTS = st.sampled_from(
    [*TYPED, "/", "; ", "\n", " or ", "(", "\u202a", "\u2011", "\uff0b", "%0a", ";phone-context=+1", "\0"]
)
FIELDS = st.lists(PARTS, max_size=8).map("".join) | st.text()
CANONICAL = st.none() | st.just(US) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("020 7946 0958", "020 7946 0958"),
        ("  (202) 555-0143 ", "(202) 555-0143"),
        ("\u202a+1 202\u2011555\u20110160\u202c", "+1 202-555-0160"),
        ("+44\u00a020\u202f7946\u20090958", "+44 20 7946 0958"),
        (
            "\uff0b\uff18\uff11\u3000\uff19\uff10\uff0d\uff11\uff12\uff13\uff14\uff0d\uff15\uff16\uff17\uff18",
            "+81 90-1234-5678",
        ),
        ("\u0660\u0662\u0660 \u0667\u0669\u0664\u0666", "\u0660\u0662\u0660 \u0667\u0669\u0664\u0666"),
        ("*#06#", "*#06#"),
        ("ask at reception", "ask at reception"),
        ("1-800-FLOWERS", "1-800-FLOWERS"),
        ("(202) 555-0143,,,001#", "(202) 555-0143,,,001#"),
        ("202 555 0143 ext. 12", "202 555 0143 ext. 12"),
        ("2025550143;002#", "2025550143;002#"),
        ("2025550143;12345678", "2025550143;12345678"),
        ("tel:+1-202-555-0143", "+1-202-555-0143"),
        ("TEL:+1-202-555-0143;ext=22", "+1-202-555-0143;ext=22"),
        ("tel:863-1234;phone-context=+1-914-555", "+1-914-555-863-1234"),
        ("tel:7042;phone-context=example.com", "7042"),
        ("tel:+1%20202%20555%200143", "+1 202 555 0143"),
        ("callto://+12025550143", "+12025550143"),
        ("020 7946 0958\nask for Bob", "020 7946 0958 ask for Bob"),
    ],
)
def test_a_number_is_kept_as_typed(typed: str, shown: str) -> None:
    assert [(value, e164) for value, e164, _ in read_phones(typed)] == [(shown, None)]


@pytest.mark.parametrize("joint", [" / ", "; ", ";", "\n", "\r\n", " or ", " und ", ", ", " | ", "/", "\u2028"])
@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("020 7946 0958", "07700 900123"),
        ("+44 20 7946 0958", "+1 202 555 0143"),
        ("(202) 555-0143 x5", "(202) 555-0144"),
    ],
)
def test_two_numbers_in_one_field_are_two(one: str, joint: str, two: str) -> None:
    assert [value for value, _, _ in read_phones(one + joint + two)] == [one, two]


@pytest.mark.parametrize(
    "one",
    [
        "030 / 1234567",
        "033203/1234567",
        "+49 33203 / 12345",
        "0043 6221 / 123456",
        "202-555-0143/4",
        "202 555 0143, ext 5",
        "202 555 0143 / x1234567",
        "+1 202 555 0143;ext=5",
        "202 555 0143,,1234567#",
        "*21*2025550143# / *21*2025550144#",
    ],
)
def test_an_area_code_an_extension_and_a_dialled_pause_are_no_second_number(one: str) -> None:
    assert [value for value, _, _ in read_phones(one)] == [one]


@pytest.mark.parametrize(
    ("typed", "canonical", "identity"),
    [
        ("(202) 555-0143", US, US),
        ("2025550143", US, US),
        ("+1 202.555.0143", US, US),
        ("tel:+1-202-555-0143", US, US),
        ("\u0662\u0660\u0662-\u0665\u0665\u0665-\u0660\u0661\u0664\u0663", US, US),
        ("(202) 555-0143,,,001#", US, f"{US};001"),
        ("(202) 555-0143 x0143", US, f"{US};0143"),
        ("202 555 0143 Durchwahl 7", US, f"{US};7"),
        ("1-800-FLOWERS", "+18003569377", "+18003569377"),
        ("1-800-FLOWERS ext 5", "+18003569377", "+18003569377;5"),
        ("011 15-1234-5678", "+5491112345678", "+5491112345678"),
        ("fax 2025550143", US, US),
        ("", US, US),
    ],
)
def test_a_canonical_form_is_certain_and_an_extension_is_part_of_the_number(
    typed: str, canonical: str, identity: str
) -> None:
    [(_, e164, found)] = read_phones(typed, canonical)
    assert (e164, found) == (canonical, identity)


@pytest.mark.parametrize(
    "canonical", ["", "nonsense", "2025550143", "+0123456", "+1", "+1202555014312345678", "+1202 555 0143"]
)
def test_what_is_no_e164_is_not_certain(canonical: str) -> None:
    assert [e164 for _, e164, _ in read_phones("202 555 0143", canonical)] == [None]


def test_of_two_numbers_the_one_that_the_provider_means_is_certain() -> None:
    found = read_phones("020 7946 0958 / 202 555 0143", US)
    assert [e164 for _, e164, _ in found] == [None, US]


@pytest.mark.parametrize(
    ("typed", "identity"),
    [
        ("+1 (202) 555-0143", US),
        ("+1.202.555.0143", US),
        ("+1 202 555 0143 ext. 12", f"{US};12"),
        ("+1 202 555 0143 x12", f"{US};12"),
        ("+1-202-555-0143;ext=12", f"{US};12"),
        ("+1 202 555 0143,,12#", f"{US};12"),
        ("+1 202 555 0143 (work)", "+1 202 555 0143 (work)"),
        ("0202 5550143", "0202 5550143"),
    ],
)
def test_typed_with_a_plus_punctuation_makes_no_other_number(typed: str, identity: str) -> None:
    assert [found for _, _, found in read_phones(typed)] == [identity]


@pytest.mark.parametrize("blank", ["", "  ", "\u200e", "\u3164\n", "\0", "tel:"])
def test_a_blank_field_holds_no_number(blank: str) -> None:
    assert read_phones(blank) == read_phones(blank, "") == []


def test_no_field_is_endless() -> None:
    assert [len(value) for value, _, _ in read_phones("5" * 5000)] == [TEXT_LIMIT]


@given(FIELDS, CANONICAL)
@example(typed="", canonical="0\xa00")
@example(typed="/tel:020 7946 0958", canonical=None)
def test_reading_what_was_read_changes_nothing(typed: str, canonical: str | None) -> None:
    for value, e164, identity in read_phones(typed, canonical):
        assert INVISIBLE.search(value) is None
        assert INVISIBLE.search(identity) is None
        assert value == value.strip()
        if e164 is None:
            assert read_phones(value) == [(value, None, identity)]
