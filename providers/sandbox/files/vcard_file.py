"""The people of a book as cards of every version, as Android, Apple and Nextcloud write them, mixed in one file."""

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from quopri import encodestring
from typing import Final

from providers.sandbox.people import Person

_FOLD: Final = 75
"""Bytes of a line, https://www.rfc-editor.org/rfc/rfc6350#section-3.2."""


def vcards(people: Iterable[Person]) -> bytes:
    """A file of their cards, the versions by turns."""
    return b"".join(write(person) for person, write in zip(people, cycle(_WRITERS), strict=False))


def _android(person: Person) -> bytes:
    """2.1: quoted-printable wherever a letter is not plain, types without a name."""
    lines = [_quoted("N", f"{person.family};{person.given};;;"), _quoted("FN", person.display)]
    lines += [f"EMAIL;HOME:{email}".encode() for email in _emails(person)]
    lines += [f"TEL;CELL:{phone.value}".encode() for phone in person.phones]
    lines += [_quoted("ORG", company) for company, _ in person.jobs[:1]]
    lines += [_quoted("NOTE", person.note)] if person.note else []
    return _card("2.1", lines)


def _apple(person: Person) -> bytes:
    """3.0: groups of properties, labels of one's own, a year that stands for none, folded lines."""
    lines = [f"N:{_text(person.family)};{_text(person.given)};;;", f"FN:{_text(person.display)}"]
    lines += [f"item{n}.EMAIL;type=INTERNET:{email}" for n, email in enumerate(_emails(person), 1)]
    lines += [f"item{n}.X-ABLabel:_$!<Home>!$_" for n, _ in enumerate(_emails(person), 1)]
    lines += [f"TEL;type=CELL;type=VOICE;type=pref:{phone.value}" for phone in person.phones]
    lines += [f"ORG:{_text(company)};" for company, _ in person.jobs[:1]]
    lines += [f"NOTE:{_text(person.note)}"] if person.note else []
    if person.birthday:
        year, month, day = person.birthday
        omitted = "" if year else ";X-APPLE-OMIT-YEAR=1604"
        lines.append(f"BDAY{omitted};value=date:{year or 1604}-{month:02}-{day:02}")
    lines += [f"CATEGORIES:{','.join(map(_text, person.labels))}"] if person.labels else []
    return _card("3.0", map(_folded, lines))


def _nextcloud(person: Person) -> bytes:
    """4.0: URIs, preferences by number, a UID."""
    lines = [f"UID:{person.key}", f"FN:{_text(person.display)}", f"N:{_text(person.family)};{_text(person.given)};;;"]
    lines += [f"EMAIL;TYPE=HOME;PREF={n}:{email}" for n, email in enumerate(_emails(person), 1)]
    lines += [
        f"TEL;TYPE=cell;VALUE=uri:tel:{phone.canonical or phone.value.replace(' ', '-')}" for phone in person.phones
    ]
    lines += [f"ORG:{_text(company)}" for company, _ in person.jobs[:1]]
    lines += [f"NOTE:{_text(person.note)}"] if person.note else []
    lines += [f"URL:{person.url}"] if person.url else []
    if person.birthday:
        year, month, day = person.birthday
        lines.append(f"BDAY:{year:04}{month:02}{day:02}" if year else f"BDAY:--{month:02}{day:02}")
    lines += [f"CATEGORIES:{','.join(map(_text, person.labels))}"] if person.labels else []
    return _card("4.0", map(_folded, lines))


_WRITERS: Final[tuple[Callable[[Person], bytes], ...]] = (_android, _apple, _nextcloud)


def _emails(person: Person) -> list[str]:
    """The addresses, the primary first."""
    first = person.emails[person.primary : person.primary + 1]
    return [*first, *(email for email in person.emails if email not in first)]


def _text(value: str) -> str:
    """The value with its own separators escaped, https://www.rfc-editor.org/rfc/rfc6350#section-3.4."""
    for sign in ("\\", ",", ";"):
        value = value.replace(sign, f"\\{sign}")
    return value.replace("\n", "\\n")


def _quoted(name: str, value: str) -> bytes:
    if value.isascii() and value.isprintable():
        return f"{name}:{value}".encode()
    quoted = encodestring(value.encode(), quotetabs=False).replace(b"\n", b"=0D=0A=\r\n").removesuffix(b"=\r\n")
    return f"{name};CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:".encode() + quoted


def _folded(line: str) -> bytes:
    """The line in pieces, cut wherever the bytes are full: readers have to join them before they decode."""
    sent = line.encode()
    first, rest = sent[:_FOLD], sent[_FOLD:]
    return b"\r\n ".join([first, *(rest[place : place + _FOLD - 1] for place in range(0, len(rest), _FOLD - 1))])


def _card(version: str, lines: Iterable[bytes]) -> bytes:
    return b"\r\n".join(_framed(version, lines)) + b"\r\n"


def _framed(version: str, lines: Iterable[bytes]) -> Iterator[bytes]:
    yield b"BEGIN:VCARD"
    yield f"VERSION:{version}".encode()
    yield from lines
    yield b"END:VCARD"
