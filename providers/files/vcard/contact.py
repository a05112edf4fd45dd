"""The contact in a card."""

import re
from collections.abc import Iterable
from typing import Final

from everreach.contacts.contact import Address, Birthday, Organization
from everreach.contacts.page import Entry
from providers.files.vcard.card import Card
from providers.files.vcard.charsets import WESTERN
from providers.files.vcard.dates import day_of
from providers.files.vcard.kinds import kind_of_label
from providers.files.vcard.overview import Overview, member_key, uid_of
from providers.files.vcard.properties import Head, Properties, properties_of
from providers.files.vcard.values import items, parts, raw_parts, unescaped
from providers.shape import Sent, address, entry, joined, name_in_parts, organization

_SAYING: Final = frozenset(
    {"FN", "N", "NICKNAME", "EMAIL", "TEL", "ADR", "LABEL", "ORG", "TITLE", "ROLE", "BDAY", "NOTE", "URL", "CATEGORIES"}
)
_SIGNS: Final = dict.fromkeys(map(ord, " ().-/\u00a0"))
_LIST: Final = re.compile(r",(?! )")
_NUMBERED: Final = re.compile(r"r[0-9]+")
_EVERYBODY: Final = "mycontacts"  # Google's export says of each contact that it is one.
_NONE_KNOWN: Final = Overview()


def entry_of(card: Card, overview: Overview = _NONE_KNOWN, fallback: str = WESTERN) -> Entry:
    """The entry for a card. It is known by its UID, else, and where another card has the same one, by `r{number}`.

    A card that cannot be read, or that has no property of a contact, fails with its place and its first line.
    """
    said = {} if card.failure else properties_of(card.body, fallback)
    raw = {"card": shown(card.raw)}
    if card.failure or said.keys().isdisjoint(_SAYING):
        return Entry(f"r{card.number}", None, None, raw, card.failure or _failure(card))
    kinds = {head.group: kind_of_label(unescaped(value)) for head, value in said.get("X-ABLABEL", ()) if value}
    name = name_of(said)
    return entry(
        _known_by(card, said, overview),
        None,
        raw,
        ("file", card.number),
        names=_names(said, name),
        emails=_sent(said.get("EMAIL"), kinds),
        phones=_phones(said.get("TEL"), kinds),
        addresses=_addresses(said, kinds) if "ADR" in said or "LABEL" in said else (),
        organizations=_organizations(said) if "ORG" in said or "TITLE" in said or "ROLE" in said else (),
        name=name_in_parts(**name) if name else None,
        birthday=_birthday(said) if "BDAY" in said else None,
        notes="\n".join(_texts(said, "NOTE")) if "NOTE" in said else None,
        urls=_texts(said, "URL") if "URL" in said else (),
        labels=_labels(said, overview) if "CATEGORIES" in said or overview.labels else (),
    )


def name_of(said: Properties) -> dict[str, str]:
    """The parts of the name that are there."""
    made: dict[str, str] = {}
    for _, value in said.get("N", ())[:1]:
        sent = value.split(";") if "\\" not in value and "," not in value else map(_words, raw_parts(value))
        for part, text in zip(("family", "given", "middle", "prefix", "suffix"), sent, strict=False):
            if text and (text := text.strip()):
                made[part] = text
    for _, value in said.get("NICKNAME", ())[:1]:
        if nickname := next(filter(None, map(str.strip, items(value))), None):
            made["nickname"] = nickname
    return made


def shown(card: bytes) -> str:
    """The card as text, for people to mend: in UTF-8, else in the West's."""
    try:
        return card.decode()
    except UnicodeDecodeError:
        return card.decode(WESTERN, "replace")


def _failure(card: Card) -> str:
    return (
        f"No contact could be read from record {card.number}, at byte {card.offset}, which begins with"
        f" {card.first_line!r}."
    )


def _known_by(card: Card, said: Properties, overview: Overview) -> str:
    uid = uid_of(said)
    unique = uid and overview.repeated is not None and uid not in overview.repeated and not _NUMBERED.fullmatch(uid)
    return uid if uid and unique else f"r{card.number}"


def _words(part: str) -> str:
    """One part of a name: several names are separated by commas. A comma before a blank is text (`King, Jr.`)."""
    return " ".join(filter(None, items(_LIST.sub(", ", part)))) if "\\" in part else _LIST.sub(" ", part)


def _names(said: Properties, name: dict[str, str]) -> Iterable[str | None]:
    for _, value in said.get("FN", ()):
        yield unescaped(value)
    yield joined(*(name.get(part) for part in ("prefix", "given", "middle", "family", "suffix")))
    yield name.get("nickname")


def _by_preference(sent: list[tuple[Head, str]]) -> list[tuple[Head, str]]:
    return sorted(sent, key=lambda property_: property_[0].preference) if len(sent) > 1 else sent


def _sent(sent: list[tuple[Head, str]] | None, kinds: dict[str, str]) -> list[Sent]:
    if not sent:
        return []
    return [(unescaped(value), None, _kind(head, kinds)) for head, value in _by_preference(sent)]


def _kind(head: Head, kinds: dict[str, str]) -> str | None:
    return (head.group and kinds.get(head.group)) or head.kind


def _phones(sent: list[tuple[Head, str]] | None, kinds: dict[str, str]) -> list[Sent]:
    """Each number once: programs write one under several labels, and in several spellings."""
    numbers = _sent(sent, kinds)
    if len(numbers) < 2:
        return numbers
    once: dict[str, Sent] = {}
    for number in numbers:
        once.setdefault((number[0] or "").translate(_SIGNS), number)
    return list(once.values())


def _addresses(said: Properties, kinds: dict[str, str]) -> list[Address | None]:
    labels = [(_kind(head, kinds), unescaped(value)) for head, value in said.get("LABEL", ())]
    made = []
    for head, value in _by_preference(said.get("ADR", [])):
        kind = _kind(head, kinds)
        box, extended, street, city, region, code, country, label = [*parts(value), *[""] * 8][:8]
        own = next((pair for pair in labels if pair[0] == kind), None)
        if own:
            labels.remove(own)
        made.append(
            address(
                kind,
                formatted=head.label or label or (own and own[1]),
                street="\n".join(filter(None, map(str.strip, (street, extended, box)))),
                city=city,
                region=region,
                postal_code=code,
                country=country,
            )
        )
    return [*made, *(address(kind, formatted=label) for kind, label in labels)]


def _organizations(said: Properties) -> list[Organization | None]:
    """The firms; the n-th has the n-th title, else role."""
    firms = [(head.kind, parts(value)) for head, value in said.get("ORG", ())] or [(None, [""])]
    titles = [unescaped(value) for _, value in said.get("TITLE", said.get("ROLE", []))]
    return [
        organization(
            kind,
            name=names[0],
            title=titles[place] if place < len(titles) else None,
            department=", ".join(filter(None, map(str.strip, names[1:]))) if len(names) > 1 else None,
        )
        for place, (kind, names) in enumerate(firms)
    ]


def _texts(said: Properties, property_: str) -> list[str]:
    return [text for _, value in said.get(property_, ()) if (text := unescaped(value).strip())]


def _birthday(said: Properties) -> Birthday | None:
    return next(filter(None, (day_of(value, head.omitted_year) for head, value in said["BDAY"])), None)


def _labels(said: Properties, overview: Overview) -> list[str]:
    own = [item.strip() for _, value in said.get("CATEGORIES", ()) for part in raw_parts(value) for item in items(part)]
    if overview.labels:
        known_by = [uid_of(said) or "", *(unescaped(value) for _, value in said.get("EMAIL", ()))]
        own += [label for key in known_by for label in overview.labels.get(member_key(key), ())]
    return [label for label in dict.fromkeys(own) if label and label.lower() != _EVERYBODY]
