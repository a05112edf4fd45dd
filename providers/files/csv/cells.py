"""What a cell means, whoever wrote it."""

import re
from functools import lru_cache
from typing import Final

SEVERAL: Final = ":::"
"""What stands between several values in one cell of Google's."""

_FORMULA: Final = re.compile(r'=\s*"(.*)"\s*', re.DOTALL)
_GUARDED: Final = ("'=", "'+", "'-", "'@", "'\t", "'\r")
# What Exchange calls the kinds of its addresses.
_NO_KINDS: Final = frozenset({"", "smtp", "ex"})


def plain(cell: str) -> str:
    """The cell as it was meant: without what keeps a spreadsheet from reading it as a formula."""
    if cell[0] == "'" and cell.startswith(_GUARDED):
        return cell[1:]
    if cell[0] == "=" and (formula := _FORMULA.fullmatch(cell)):
        return formula[1].replace('""', '"')
    return cell


@lru_cache(maxsize=1000)
def kind_of(label: str) -> tuple[str | None, bool]:
    """The type that a label means, and whether it is starred as the primary: `* Home`."""
    shown = label.strip()
    kind = shown.removeprefix("*").strip().lower()
    return None if kind in _NO_KINDS else kind, shown.startswith("*")
