"""Who a contact is: what makes two of them the same person, in one place. The database's unique indexes obey it.

A contact's key is its primary e-mail; the readers put it into `email`. One without an e-mail has a key only where such
contacts are imported: its best certain number and its name, else a digest of all that it says.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

import msgspec

from everreach.contacts.contact import Contact
from everreach.contacts.numbers import certain, home_of, is_mobile

_SAYS_SOMETHING: Final = ("display_name", "phones", "addresses", "organizations", "urls")
_DIGEST_CHARACTERS: Final = 32
_FEWEST_NUMBERS: Final = 10
_SHARE: Final = 0.8


def key_without_email(contact: Contact, region: str | None) -> str | None:
    """The key of a contact without an e-mail; None for one with nothing but notes, labels or dates.

    `region` is where its numbers without a country are from (ISO 3166). Two spellings of one number under one name have
    one key; a couple who share a landline have two.
    """
    if not any(contact.get(field) for field in _SAYS_SOMETHING):
        return None
    number = _best_number(contact, region)
    if number is None:
        return f"x:{_digest(contact)}"
    return f"p:{number}|{_comparable_name(contact)}"


def region_of(contacts: Iterable[Contact]) -> str | None:
    """The region that at least four fifths of a book's own numbers with a country are from, of ten at the least."""
    homes = Counter(home for contact in contacts for phone in contact["phones"] if (home := home_of(phone)))
    if homes.total() < _FEWEST_NUMBERS:
        return None
    (region, count), *_ = homes.most_common(1)
    return region if count >= _SHARE * homes.total() else None


def _best_number(contact: Contact, region: str | None) -> str | None:
    """The first mobile number that is certain, else the first certain one."""
    known = [(phone, number) for phone in contact["phones"] if (number := certain(phone, region))]
    mobiles = (number for phone, number in known if is_mobile(phone, number))
    return next(mobiles, known[0][1] if known else None)


def _comparable_name(contact: Contact) -> str:
    """The name without case, accents' spelling and double spaces; "" where a number stands in its place."""
    name = contact["display_name"] or ""
    if any(name == phone["value"] for phone in contact["phones"]):
        return ""
    return " ".join(normalize("NFKC", name).casefold().split())


def _digest(contact: Contact) -> str:
    """Of all fields, in whatever order they came."""
    encoded = msgspec.json.encode(contact, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:_DIGEST_CHARACTERS]
