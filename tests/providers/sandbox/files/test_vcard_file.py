"""What the sandbox writes as cards is what the reader reads out of them."""

from providers.files.vcard.cards import CardReader
from providers.files.vcard.contact import entry_of
from providers.sandbox.files.vcard_file import vcards
from tests.providers.sandbox.files.test_csv_file import PEOPLE, key_of


def test_the_cards_of_the_sandbox_are_read_in_every_version() -> None:
    reader, file = CardReader(), vcards(PEOPLE)
    made = [entry_of(card).contact for card in [*reader.feed(file), *reader.finish()]]
    assert [contact and contact["email"] for contact in made] == [key_of(one) for one in PEOPLE]
    assert [contact and contact.get("name", {}).get("family", "") for contact in made] == [one.family for one in PEOPLE]
    assert [contact and contact.get("notes") for contact in made] == [one.note or None for one in PEOPLE]
