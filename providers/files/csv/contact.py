"""The contact in a row, by the fields of its columns: compiled once for a file, since a file has a million rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from everreach.contacts.contact import Address, Birthday, Organization
from everreach.contacts.page import Entry
from everreach.contacts.texts import text
from providers.files.csv.birthday import birthday_of
from providers.files.csv.cells import SEVERAL, kind_of, plain
from providers.files.csv.headers import Meaning, meaning
from providers.files.csv.layout import Values, columns_of, filled, groups_of, values_of
from providers.files.csv.row import Row
from providers.shape import Sent, address, entry, joined, name_in_parts, organization

_NAME: Final = ("prefix", "given", "middle", "family", "suffix", "nickname")
_SHOWN: Final = _NAME[:-1]
# Titles are part of a name that is shown, but nobody is listed under Mrs.
_SALUTATIONS: Final = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "herr", "frau", "hr", "fr", "m", "mme", "mlle", "monsieur", "madame"}
    | {"sr", "sra", "srta", "señor", "señora", "sig", "signor", "signora", "dhr", "mevr", "mw", "pan", "pani"}
)
_OF_EVERYBODY: Final = frozenset({"mycontacts", "my contacts"})


class RowShaper:
    """Makes entries of rows: `fields` has the field of each column that counts, `header` what columns are called."""

    def __init__(self, fields: Mapping[int, str], header: Sequence[str] | None) -> None:
        names = header or ()
        self._width = max([len(names), *(index + 1 for index in fields)], default=0)
        meanings = {index: found for index, name in enumerate(names) if (found := meaning(name))}
        by_role = {(found.field, found.number): index for index, found in meanings.items()}

        def values(field: str) -> list[Values]:
            return [values_of(index, name, meanings.get(index), by_role) for index, name in columns_of(fields, field)]

        self._emails, self._phones = values("email"), values("phone")
        self._urls = [index for index, _ in columns_of(fields, "urls")]
        self._labels = [index for index, _ in columns_of(fields, "labels")]
        self._notes = [(index, _title(index, names, meanings)) for index, _ in columns_of(fields, "notes")]
        self._addresses, self._firms = (
            groups_of(columns_of(fields, name), meanings, by_role) for name in ("address", "organization")
        )
        single = {field: index for index, field in fields.items()}
        self._display, self._birthday = single.get("display_name"), single.get("birthday")
        self._name = [(part, single[f"name.{part}"]) for part in _NAME if f"name.{part}" in single]

    def entry(self, row: Row) -> Entry:
        """The entry for a row: its contact, or why it has none."""
        cells = row.cells
        raw = {"record": row.number, "offset": row.offset, "cells": cells}
        if row.failure:
            return Entry(f"r{row.number}", None, None, raw, row.failure)
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        name = {part: plain(value) for part, index in self._name if (value := cells[index])}
        return entry(
            f"r{row.number}",
            None,
            raw,
            ("", row.number),
            names=self._names(cells, name),
            emails=self._sent(self._emails, cells),
            phones=self._sent(self._phones, cells),
            addresses=self._address(cells) if self._addresses else (),
            organizations=self._organization(cells) if self._firms else (),
            name=name_in_parts(**name) if name else None,
            birthday=self._born(cells) if self._birthday is not None else None,
            notes="\n".join(self._noted(cells)) if self._notes or len(cells) > self._width else None,
            urls=_each(cells, self._urls, SEVERAL) if self._urls else (),
            labels=_memberships(cells, self._labels) if self._labels else (),
        )

    def _names(self, cells: Sequence[str], name: Mapping[str, str]) -> Iterator[str]:
        if self._display is not None and cells[self._display]:
            yield plain(cells[self._display])
        if name:
            shown = [name[part] for part in _SHOWN if part in name and not _is_salutation(part, name[part])]
            yield joined(*shown)
            yield name.get("nickname", "")

    def _sent(self, columns: Sequence[Values], cells: Sequence[str]) -> list[Sent]:
        """The values with their types, those first that Google has starred."""
        found: list[Sent] = []
        starred = 0
        for column in columns:
            if cell := cells[column.index]:
                label, first = kind_of(cells[column.kind]) if column.kind is not None else (column.type, False)
                beside = cells[column.beside] if column.beside is not None else None
                value = plain(cell) if cell[0] in "'=" else cell
                if not first and SEVERAL not in value:
                    found.append((value, beside, label or column.type))
                    continue
                sent = [(each, beside, label or column.type) for each in value.split(SEVERAL)]
                place = starred if first else len(found)
                found[place:place] = sent
                starred += len(sent) if first else 0
        return found

    def _address(self, cells: Sequence[str]) -> list[Address | None]:
        return [address(type_, **parts) for type_, parts in filled(self._addresses, cells)]

    def _organization(self, cells: Sequence[str]) -> list[Organization | None]:
        return [organization(type_, **parts) for type_, parts in filled(self._firms, cells)]

    def _born(self, cells: Sequence[str]) -> Birthday | None:
        cell = cells[self._birthday] if self._birthday is not None else ""
        return birthday_of(plain(cell)) if cell else None

    def _noted(self, cells: Sequence[str]) -> Iterator[str]:
        for index, title in self._notes:
            if value := cells[index]:
                yield f"{title}: {plain(value)}" if title else plain(value)
        yield from filter(None, cells[self._width :])


def _is_salutation(part: str, value: str) -> bool:
    return part == "prefix" and value.strip().rstrip(".").lower() in _SALUTATIONS


def _each(cells: Sequence[str], indexes: Iterable[int], separator: str) -> Iterator[str]:
    for index in indexes:
        if value := cells[index]:
            yield from filter(None, map(text, plain(value).split(separator)))


def _memberships(cells: Sequence[str], indexes: Iterable[int]) -> Iterator[str]:
    """The names of groups; not of the one that everybody is in."""
    for index in indexes:
        separator = SEVERAL if SEVERAL in cells[index] else ";"
        for label in _each(cells, (index,), separator):
            name = label.removeprefix("*").strip()
            if name and name.lower() not in _OF_EVERYBODY:
                yield name


def _title(index: int, names: Sequence[str], meanings: Mapping[int, Meaning]) -> str | None:
    """What to write before a note: nothing where the column is one of notes."""
    known = meanings.get(index)
    if index >= len(names) or (known and known.field == "notes"):
        return None
    return text(names[index])
