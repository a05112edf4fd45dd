"""Which columns belong together: the values with their types, and the parts of one address or organization."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from providers.files.csv.cells import SEVERAL, kind_of, plain
from providers.files.csv.headers import Meaning


class Values(msgspec.Struct, gc=False):
    """A column of e-mails, phones or web addresses: its type, and the columns that say its type or stand beside it."""

    index: int
    type: str | None
    kind: int | None = None
    beside: int | None = None


class Group(msgspec.Struct, gc=False):
    """The columns of one address or organization, and the part that each is: several of one part are its lines."""

    type: str | None
    kind: int | None
    columns: list[tuple[int, str]]


def columns_of(fields: Mapping[int, str], base: str) -> list[tuple[int, str]]:
    """The columns of a field and of what belongs to it, in their order."""
    return sorted((index, field) for index, field in fields.items() if field.partition(".")[0] == base)


def values_of(index: int, field: str, header: Meaning | None, by_role: Mapping[tuple[str, int], int]) -> Values:
    """One column of values, with those beside it that its header's number leads to."""
    base, _, type_ = field.partition(".")
    number = header.number if header and header.field.startswith(base) else None
    if number is None:
        return Values(index, type_ or None)
    return Values(index, type_ or None, by_role.get((f"kind:{base}", number)), by_role.get((f"beside:{base}", number)))


def groups_of(
    columns: Iterable[tuple[int, str]], meanings: Mapping[int, Meaning], by_role: Mapping[tuple[str, int], int]
) -> list[Group]:
    """The addresses or organizations that the columns make. A part that comes again begins another one.

    But where it comes again beside itself (`Home Street`, `Home Street 2`) these are the lines of one.
    """
    groups: list[Group] = []
    current: dict[str, Group] = {}
    for index, field in columns:
        base, *type_, part = field.split(".")
        kind = type_[0] if type_ else ""
        group = current.get(kind)
        lines_of_one = kind and group and group.columns[-1] == (index - 1, part)
        if group is None or (any(part == other for _, other in group.columns) and not lines_of_one):
            number = meanings[index].number if index in meanings else 0
            group = current[kind] = Group(kind or None, by_role.get((f"kind:{base}", number)), [])
            groups.append(group)
        group.columns.append((index, part))
    return groups


def filled(groups: Iterable[Group], cells: Sequence[str]) -> Iterator[tuple[str | None, dict[str, str]]]:
    """The types and parts of the groups that have any; several where cells hold several."""
    for group in groups:
        parts: dict[str, str] = {}
        for index, part in group.columns:
            if cell := cells[index]:
                value = plain(cell) if cell[0] in "'=" else cell
                parts[part] = f"{parts[part]}\n{value}" if part in parts else value
        if parts:
            type_ = (group.kind is not None and kind_of(cells[group.kind])[0]) or group.type
            if any(SEVERAL in value for value in parts.values()):
                yield from ((type_, each) for each in _split(parts))
            else:
                yield type_, parts


def _split(parts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    split = {part: value.split(SEVERAL) for part, value in parts.items()}
    for number in range(max(map(len, split.values()))):
        yield {part: each[number] for part, each in split.items() if number < len(each)}
