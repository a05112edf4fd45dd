"""JSON from a provider into typed structs: fast where it is right, lenient where it is not.

Everything is read once by msgspec's typed decoder, a page's items each for itself. Only what does not fit (a number for
a name, a lone surrogate) takes the slow way, on which whatever fits is kept and whatever does not becomes the field's
default.
"""

import functools
import json
import math
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec

from everreach.errors import TransientError

T = TypeVar("T", bound=msgspec.Struct)


def decode(body: bytes | msgspec.Raw, type_: type[T]) -> T:
    """The struct in `body`. Raises TransientError where that is no JSON object at all, such as an HTML page."""
    try:
        decoded: T = _decoder(type_).decode(body)
        return decoded
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        document = _lenient(bytes(body))
    if not isinstance(document, dict):
        raise TransientError
    return cast("T", _fit(document, type_))


def detail(body: bytes | msgspec.Raw, type_: type[T]) -> T:
    """What an error's body or a page's item says; nothing at all where it is an HTML page, or no object."""
    try:
        return decode(body, type_)
    except TransientError:
        return type_()


@functools.cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _lenient(body: bytes) -> object:
    """Whatever the standard library can read, with lone surrogates replaced and numbers out of range left out."""
    try:
        text = body.decode("utf-8-sig", "replace")
        document = json.loads(text, parse_float=_finite, parse_int=_storable, parse_constant=lambda _: None)
        return msgspec.json.decode(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise TransientError from None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _storable(text: str) -> int | None:
    return int(text) if len(text) <= 18 else None


def _fit(value: object, type_: Any) -> Any:
    """The value as `type_`, or the nearest to it that can be had; None where nothing of it fits."""
    if type_ is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        pass
    if isinstance(type_, UnionType):
        return _fit(value, next(choice for choice in get_args(type_) if choice is not NoneType))
    if get_origin(type_) is list and isinstance(value, list):
        return [_fit(item, get_args(type_)[0]) for item in value]
    if isinstance(value, dict) and isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _fit_struct(value, type_)
    return None


def _fit_struct(value: dict[str, object], type_: type[msgspec.Struct]) -> msgspec.Struct:
    kept = {}
    for field in msgspec.structs.fields(type_):
        fitted = _fit(value.get(field.encode_name), field.type)
        if fitted is not None:
            kept[field.name] = fitted
    return type_(**kept)
