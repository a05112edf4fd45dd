"""One account's address book, before anybody reads it: how large it is, and what it draws for each contact."""

from functools import lru_cache
from hashlib import blake2b
from struct import unpack

import msgspec


class Shares(msgspec.Struct, frozen=True):
    """How common each peculiarity is: fractions from 0 to 1 of all contacts."""

    no_email: float = 0.06
    duplicate: float = 0.03
    """The primary e-mail is that of an earlier contact, in another case or with spaces around it."""
    company_only: float = 0.04
    """No person's name at all, only an organization."""
    primary_not_first: float = 0.1
    no_canonical_form: float = 0.1
    several: float = 0.2
    """More than one e-mail, phone, address or organization; drawn for each of the four on its own."""
    emoji: float = 0.01
    profile: float = 0.03
    """Google has merged a public profile into the contact, so it carries a second name."""
    child_folders: float = 0.05
    """Outlook contacts that are filed in folders below the default one; books of 20 or more."""


class Book(msgspec.Struct, frozen=True):
    """One account's address book; `account` is its e-mail in lower case."""

    account: str
    size: int
    shares: Shares = Shares()


@lru_cache(maxsize=1024)
def seed(account: str) -> bytes:
    """16 bytes that stand for the account."""
    return blake2b(account.encode(), digest_size=16).digest()


@lru_cache(maxsize=1024)
def mark(account: str) -> str:
    """Six hexadecimal digits that keep the people of two accounts apart when one user imports both."""
    return seed(account)[:3].hex()


def draws(book: Book, index: int) -> tuple[int, ...]:
    """32 numbers from 0 to 65535, always the same for one contact."""
    digest = blake2b(index.to_bytes(8, "little"), key=seed(book.account), digest_size=64).digest()
    return unpack("<32H", digest)
