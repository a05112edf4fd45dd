"""The people of a book as CSV, as Google exports them and as a German Outlook does."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from providers.sandbox.people import Person

_GOOGLE: Final = (
    *("First Name", "Last Name", "Organization Name", "Organization Title", "Birthday", "Notes", "Labels"),
    *("E-mail 1 - Label", "E-mail 1 - Value", "E-mail 2 - Label", "E-mail 2 - Value"),
    *("Phone 1 - Label", "Phone 1 - Value", "Address 1 - Label", "Address 1 - Street", "Address 1 - City"),
    *("Address 1 - Country", "Website 1 - Label", "Website 1 - Value"),
)
_OUTLOOK: Final = (
    *("Vorname", "Nachname", "Firma", "Position", "E-Mail-Adresse", "E-Mail 2: Adresse", "Mobiltelefon"),
    *("Straße privat", "Ort privat", "Land/Region privat", "Notizen", "Kategorien", "Webseite"),
)
_UNSEPARATED: Final = " ::: "


def google_csv(people: Iterable[Person]) -> bytes:
    """As Google's page has exported it since 2024: UTF-8, commas."""
    return _written(_GOOGLE, map(_google_row, people), ",").encode()


def outlook_csv(people: Iterable[Person]) -> bytes:
    """As a German Outlook does: windows-1252, semicolons; a letter that this does not have becomes a question mark."""
    return _written(_OUTLOOK, map(_outlook_row, people), ";").encode("cp1252", "replace")


def _google_row(person: Person) -> list[str]:
    company, title = person.jobs[0] if person.jobs else ("", "")
    emails = (
        [person.emails[person.primary], *(one for one in person.emails if one != person.emails[person.primary])][:2]
        if person.emails
        else []
    )
    year, month, day = person.birthday or (0, 0, 0)
    born = "" if not month else f"{year}-{month:02}-{day:02}" if year else f" --{month:02}-{day:02}"
    labels = _UNSEPARATED.join(("* myContacts", *person.labels))
    street = person.streets[0] if person.streets else ""
    return [
        *(person.given, person.family, company, title, born, person.note, labels),
        *(cell for email in (*emails, "", "")[:2] for cell in ("* Home" if email else "", email)),
        *_one("Mobile", person.phones[0].value if person.phones else ""),
        *(("Home", street, person.culture.city, person.culture.country) if street else ("",) * 4),
        *_one("", person.url),
    ]


def _outlook_row(person: Person) -> list[str]:
    company, title = person.jobs[0] if person.jobs else ("", "")
    first = person.emails[person.primary] if person.emails else ""
    second = next((email for email in person.emails if email != first), "")
    street = person.streets[0] if person.streets else ""
    home = (street, person.culture.city, person.culture.country) if street else ("",) * 3
    phone = person.phones[0].value if person.phones else ""
    named = (person.given, person.family, company, title, first, second, phone)
    return [*named, *home, person.note, ";".join(person.labels), person.url]


def _one(label: str, value: str) -> tuple[str, str]:
    return (label, value) if value else ("", "")


def _written(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> str:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()
