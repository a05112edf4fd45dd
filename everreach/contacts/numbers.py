"""Which numbers are certain, by the numbering plans of the world: only for contacts whose number is their key.

A number is certain where its country is known and it is valid there, https://www.itu.int/rec/T-REC-E.164.
"""

import re
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from everreach.contacts.contact import Phone
from everreach.contacts.phones import read_phones

_LONGEST: Final = 250  # Characters, as many as the library reads.
_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

# Numbers as they were before a plan changed lead to the same people: Brazil put a 9 before every mobile number (2016),
# https://www.itu.int/oth/T020200001D/en, and Mexico dropped the 1 behind its country's code (2019),
# https://www.itu.int/oth/T020200008A/en.
_FORMER: Final = (
    (re.compile(r"\+55([1-9][1-9])([6-9][0-9]{7})"), r"+55\g<1>9\g<2>"),
    (re.compile(r"\+521([0-9]{10})"), r"+52\g<1>"),
)


def certain(phone: Phone, region: str | None) -> str | None:
    """The number in E.164, with its extension behind a semicolon; None where it is not certain.

    `region` is where a number without a country is from (ISO 3166), None where nobody knows.
    """
    if known := phone.get("e164"):
        # What the provider derived is certain; only the extension has to be found in what was typed.
        return next((identity for _, _, identity in read_phones(phone["value"], known)), known)
    number = _valid(phone["value"], region)
    return _text(number) if number else None


def is_mobile(phone: Phone, number: str) -> bool:
    """Whether a number that is certain is one person's, as far as that can be told."""
    plain = phonenumbers.parse(number.partition(";")[0])
    return phone["type"] == "mobile" or phonenumbers.number_type(plain) in _MOBILE


def home_of(phone: Phone) -> str | None:
    """The region of a number that says its country and is certain; None of any other."""
    if not phone["value"].startswith("+") and not phone.get("e164"):
        return None
    number = _valid(phone.get("e164") or phone["value"], None)
    return phonenumbers.region_code_for_number(number) if number else None


def _valid(typed: str, region: str | None) -> PhoneNumber | None:
    spellings = [typed[:_LONGEST]]
    if region and typed.startswith("00"):
        # Many dial 00 where their country has another prefix.
        spellings.append(f"+{typed[2:_LONGEST]}")
    return next(filter(None, (_read(spelling, region) for spelling in spellings)), None)


def _read(typed: str, region: str | None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException:
        return None
    if phonenumbers.is_valid_number(number):
        return number
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for former, present in _FORMER:
        if former.fullmatch(plain):
            renewed = phonenumbers.parse(former.sub(present, plain))
            renewed.extension = number.extension
            return renewed if phonenumbers.is_valid_number(renewed) else None
    return None


def _text(number: PhoneNumber) -> str:
    plain = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return f"{plain};{number.extension}" if number.extension else plain
