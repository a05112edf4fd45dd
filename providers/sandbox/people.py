"""An address book of any size whose contact number i is computed, never stored.

Contact i of a book depends on the account's e-mail, the shares and i alone, so a book of a million costs nothing until
it is read, and the same account always owns the same people.
"""

from itertools import chain

import msgspec

from providers.sandbox.book import Book, Shares, draws, mark
from providers.sandbox.names import COMPANIES, CULTURES, EMOJI, TITLES, Culture

_WORDS = 65536

LABELS = ("Familie", "Climbing club", "仕事")
"""What people file their contacts under."""


class Phone(msgspec.Struct, frozen=True):
    """A number as typed, and in E.164 where that can be derived."""

    value: str
    canonical: str | None


class Person(msgspec.Struct, frozen=True):
    """One contact, before either provider gives it its own shape."""

    index: int
    key: str
    culture: Culture
    given: str
    family: str
    display: str
    emails: tuple[str, ...]
    primary: int
    """Which of `emails` is the primary one."""
    phones: tuple[Phone, ...]
    streets: tuple[str, ...]
    jobs: tuple[tuple[str, str], ...]
    """Pairs of company and title."""
    birthday: tuple[int, int, int] | None
    """Year (0 when unknown), month, day."""
    note: str
    url: str
    labels: tuple[str, ...]
    """Groups at Google, categories at Microsoft."""
    profile: bool
    oddity: int
    """From 0 to 65535, for what only one provider knows."""


def _has_no_email(book: Book, draw: int) -> bool:
    return draw < book.shares.no_email * _WORDS


def _copies(book: Book, draw: int) -> bool:
    return not _has_no_email(book, draw) and draw < (book.shares.no_email + book.shares.duplicate) * _WORDS


def _has_own_email(book: Book, index: int) -> bool:
    draw = draws(book, index)[0]
    return not _has_no_email(book, draw) and not _copies(book, draw)


def original(book: Book, index: int) -> int | None:
    """The earlier contact whose primary e-mail contact `index` repeats, None where it has its own or none."""
    words = draws(book, index)
    if not index or not _copies(book, words[0]):
        return None
    start = (words[1] * _WORDS + words[28]) % index
    return next((at for at in chain(range(start, -1, -1), range(start + 1, index)) if _has_own_email(book, at)), None)


def expected(book: Book) -> tuple[int, int, int]:
    """What one import of the whole book must count: (imported, skipped as no_email, skipped as duplicate)."""
    without = sum(_has_no_email(book, draws(book, index)[0]) for index in range(book.size))
    duplicates = sum(original(book, index) is not None for index in range(book.size))
    return book.size - without - duplicates, without, duplicates


def person(book: Book, index: int) -> Person:
    """Contact number `index`, counted from 0."""
    words, shares = draws(book, index), book.shares
    culture = CULTURES[words[2] % len(CULTURES)]
    company_only = words[5] < shares.company_only * _WORDS
    given, family = ("", "") if company_only else _name(culture, words, shares)
    names = (family, given) if culture.family_first else (given, family)
    emails, primary = _emails(book, index, words)
    return Person(
        index=index,
        key=f"{mark(book.account)}{index:08x}",
        culture=culture,
        given=given,
        family=family,
        display=culture.joint.join(names) if family else "",
        emails=emails,
        primary=primary,
        phones=_phones(culture, words, shares),
        streets=_streets(culture, words, shares),
        jobs=_jobs(words, shares, company_only),
        birthday=_birthday(words),
        note="Met at the fair.\nAsk about the house." if words[14] % 12 == 0 else "",
        url=f"https://people.example/{index}" if words[14] % 20 == 1 else "",
        labels=(LABELS[words[14] % len(LABELS)],) if words[28] % 8 == 0 else (),
        profile=not company_only and words[23] < shares.profile * _WORDS,
        oddity=words[25],
    )


def _name(culture: Culture, words: tuple[int, ...], shares: Shares) -> tuple[str, str]:
    given, family = culture.given[words[3] % 8][0], culture.family[words[4] % 8][0]
    if words[12] < shares.emoji * _WORDS:
        given = f"{given} {EMOJI[words[26] % len(EMOJI)]}"
    return given, family


def _own_email(book: Book, index: int, words: tuple[int, ...]) -> str:
    culture = CULTURES[words[2] % len(CULTURES)]
    given, family = culture.given[words[3] % 8][1], culture.family[words[4] % 8][1]
    address = f"{given}.{family}{index}@{culture.domain}-{mark(book.account)}.example"
    return address.title() if words[24] % 10 == 0 else address


def _copied_email(book: Book, earlier: int, words: tuple[int, ...]) -> str:
    address = _own_email(book, earlier, draws(book, earlier))
    return (address.swapcase(), f" {address}", f"{address} ", f" {address.swapcase()} ")[words[24] % 4]


def _emails(book: Book, index: int, words: tuple[int, ...]) -> tuple[tuple[str, ...], int]:
    if _has_no_email(book, words[0]):
        return (), 0
    earlier = original(book, index) if _copies(book, words[0]) else None
    first = _own_email(book, index, words) if earlier is None else _copied_email(book, earlier, words)
    last = words[7] < book.shares.primary_not_first * _WORDS
    count = 1 + words[29] % 2 if words[6] < book.shares.several * _WORDS else int(last)
    extra = tuple(f"second{number}.{index}@club-{mark(book.account)}.example" for number in range(count))
    return ((*extra, first), count) if last else ((first, *extra), 0)


def _phones(culture: Culture, words: tuple[int, ...], shares: Shares) -> tuple[Phone, ...]:
    count = 0 if words[15] % 10 == 0 else 1 + (words[8] < shares.several * _WORDS)
    local = (f"{20 + words[13 + n] % 70}{words[13 + n] % 1000:03}{words[30 + n] % 10000:04}" for n in range(count))
    canonical = words[11] >= shares.no_canonical_form * _WORDS
    return tuple(Phone(f"0{d[:2]} {d[2:5]} {d[5:]}", f"+{culture.dial}{d}" if canonical else None) for d in local)


def _streets(culture: Culture, words: tuple[int, ...], shares: Shares) -> tuple[str, ...]:
    count = 0 if words[16] % 2 else 1 + (words[9] < shares.several * _WORDS)
    return tuple(f"{culture.street} {1 + (words[20] + number) % 199}" for number in range(count))


def _jobs(words: tuple[int, ...], shares: Shares, company_only: bool) -> tuple[tuple[str, str], ...]:
    count = 0 if words[17] % 2 and not company_only else 1 + (words[10] < shares.several * _WORDS)
    title = "" if company_only else TITLES[words[19] % len(TITLES)]
    return tuple((COMPANIES[(words[18] + number) % len(COMPANIES)], title) for number in range(count))


def _birthday(words: tuple[int, ...]) -> tuple[int, int, int] | None:
    if words[21] % 4:
        return None
    return 0 if words[22] % 3 == 0 else 1940 + words[22] % 70, 1 + words[27] % 12, 1 + words[22] % 28
