"""What headers mean: in twelve languages, and written a little wrongly."""

import pytest

from providers.files.csv.headers import meaning
from providers.files.csv.mapping import is_field
from providers.files.csv.words import chinese, english, german, japanese, russian


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-mail 1 - Value", "email"),
        ("e-mail", "email"),
        ("EMAIL_ADDRESS", "email"),
        ("E-Mail 2: Adresse", "email"),
        ("電子メール 2 アドレス", "email"),
        ("Phone 3 - Label", "kind:phone"),
        ("STRASSE", "address.street"),
        ("prenom", "name.given"),
        ("Отчество", "name.middle"),
        ("  First   Name ", "name.given"),
        ("\ufeffFirst Name", "name.given"),
    ],
)
def test_case_accents_signs_and_numbers_do_not_matter(header: str, field: str) -> None:
    found = meaning(header)
    assert found
    assert (found.field, found.exact) == (field, True)


@pytest.mark.parametrize(
    ("header", "field"), [("Frist Name", "name.given"), ("Compnay", "organization.name"), ("Telephoen", "phone")]
)
def test_a_slip_in_a_long_word_is_seen_through(header: str, field: str) -> None:
    found = meaning(header)
    assert found
    assert (found.field, found.exact) == (field, False)


@pytest.mark.parametrize("header", ["", " ", "123", "Shoe size", "Cty", "ada@example.org", "x" * 5000])
def test_what_is_unknown_means_nothing(header: str) -> None:
    assert meaning(header) is None


@pytest.mark.parametrize("language", [english, german, russian, japanese, chinese])
def test_every_word_leads_to_a_field(language: object) -> None:
    words: dict[str, str] = getattr(language, "WORDS", {})
    assert [field for field in words if not is_field(field) and ":" not in field] == []
