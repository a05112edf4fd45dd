"""What a column's header means: known in twelve languages, and near to a known one."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from unicodedata import normalize

import msgspec

from providers.files.csv.words import (
    chinese,
    dutch,
    english,
    french,
    german,
    italian,
    japanese,
    polish,
    portuguese,
    russian,
    spanish,
    swedish,
)

_LANGUAGES: Final = (
    english,
    german,
    french,
    spanish,
    italian,
    portuguese,
    dutch,
    polish,
    swedish,
    russian,
    japanese,
    chinese,
)
_LONGEST_READ: Final = 100
_SHORTEST_NEAR: Final = 6

_NO_LETTERS: Final = re.compile(r"[^\w]|[\d_]")
_NUMBER: Final = re.compile(r"\d+")


class Meaning(msgspec.Struct, frozen=True):
    """What a header says: a field, or `kind:` or `beside:` and a field; its number among those alike; whether exactly.

    `kind:` is a column that says of which type the value in another is (home, work); what is `beside:` an e-mail is a
    text that may hold an address where the e-mail's own column does not.
    """

    field: str
    number: int
    exact: bool = True


def meaning(header: str) -> Meaning | None:
    """What a header means; None for one that nobody knows."""
    plain = normalised(header)
    if not plain:
        return None
    number = _NUMBER.search(header[:_LONGEST_READ])
    place = int(number[0]) if number else 1
    if plain in _KNOWN:
        return Meaning(_KNOWN[plain], place)
    if len(plain) >= _SHORTEST_NEAR:
        for near in _shortened(plain):
            if near in _NEAR:
                return Meaning(_NEAR[near], place, exact=False)
    return None


def normalised(header: str) -> str:
    """The words of a header: without accents, numbers, and signs, and an e-mail always written as one word."""
    letters = normalize("NFKD", header[:_LONGEST_READ]).casefold()
    plain = "".join(sign for sign in letters if not "\u0300" <= sign <= "\u036f")
    words = " ".join(_NO_LETTERS.sub(" ", plain).split())
    return re.sub(r"\be mail", "email", words).replace("e post", "epost")


def _words(tables: Iterator[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for table in tables:
        for field, headers in table.items():
            yield from ((normalised(header), field) for header in headers.split("; "))


def _shortened(word: str) -> Iterator[str]:
    """The word, and all that are left of it without one of its letters: two words that share one are near."""
    yield word
    yield from (word[:place] + word[place + 1 :] for place in range(len(word)))


# What an earlier language says counts.
_KNOWN: Final = dict(reversed(list(_words(language.WORDS for language in _LANGUAGES))))
_NEAR: Final = {
    near: field for known, field in _KNOWN.items() if len(known) >= _SHORTEST_NEAR for near in _shortened(known)
}
