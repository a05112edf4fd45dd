"""JSON from a provider into typed structs: fast where it is right, lenient where it is not.

Everything is read once by msgspec's typed decoder, a page's items each for itself. Only what does not fit (a number for
a name, a lone surrogate) takes the slow way, on which whatever fits is kept and whatever does not becomes the field's
default. What the slow way may cost is bounded.
"""

import functools
import json
import math
import re
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, TypeVar, get_args, get_origin

import msgspec

from everreach.errors import OversizeError, TransientError

MENDED_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of what is searched for what does not fit."""

LENIENT_LIMIT: Final = 1024 * 1024
"""Bytes of what only the standard library can read: its objects take up to a hundred times as much memory."""

LIST_LIMIT: Final = 256
"""Elements kept of a list in which something does not fit; the providers send 100 at the most."""

T = TypeVar("T", bound=msgspec.Struct)

# Half a pair of surrogates, behind what is written in front of it: a backslash may itself be escaped.
_LONE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..)"
)
_MARK: Final = b"\xef\xbb\xbf"


class Answer(msgspec.Struct):
    """What an API answers with status 200. One that holds an error, or lacks what makes it an answer, is none."""

    vital: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not left out where they do not fit: without them a listing would seem to be over."""

    error: msgspec.Raw = msgspec.Raw()

    @property
    def sound(self) -> bool:
        """Whether it is what was asked for."""
        return bytes(self.error) in {b"", b"null"}


def decode(body: bytes | msgspec.Raw, type_: type[T]) -> T:
    """The struct in `body`. Raises TransientError where that is no JSON object at all, such as an HTML page, and
    OversizeError where it is too large to be read leniently.
    """
    try:
        decoded: T = _decoder(type_).decode(body)
        return decoded
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _fit_struct(_parts(bytes(body)), type_)


def detail(body: bytes | msgspec.Raw, type_: type[T]) -> T:
    """What an error's body or a page's item says; nothing at all where it is an HTML page, or no object."""
    try:
        return decode(body, type_)
    except TransientError:
        return type_()


@functools.cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _parts(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of the object in `body`, each as sent but for byte order marks and lone surrogates."""
    if len(body) > MENDED_LIMIT:
        raise OversizeError
    mended = _LONE.sub(rb"\1?", body.removeprefix(_MARK))
    try:
        parts: dict[str, msgspec.Raw] = _decoder(dict[str, msgspec.Raw]).decode(mended)
        return parts
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        document = _lenient(mended)
    if not isinstance(document, dict):
        raise TransientError
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in document.items()}


def _lenient(text: bytes) -> object:
    """Whatever the standard library can read, with lone surrogates replaced and numbers out of range left out."""
    if len(text) > LENIENT_LIMIT:
        raise OversizeError
    try:
        document = json.loads(
            text.decode("utf-8", "replace"), parse_float=_finite, parse_int=_storable, parse_constant=lambda _: None
        )
        return msgspec.json.decode(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise TransientError from None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _storable(text: str) -> int | None:
    return int(text) if len(text) <= 18 else None


def _fit_struct(parts: dict[str, msgspec.Raw], type_: type[T]) -> T:
    kept = {}
    for field in msgspec.structs.fields(type_):
        part = parts.get(field.encode_name)
        if part is None or bytes(part) == b"null":
            continue
        fitted = _part(part, field.type)
        if fitted is not None:
            kept[field.name] = fitted
        elif field.name in getattr(type_, "vital", ()):
            raise TransientError
    return type_(**kept)


def _part(part: msgspec.Raw, type_: Any) -> Any:
    """A field's value as `type_`, or the nearest to it that can be had; None where nothing of it fits."""
    if type_ is msgspec.Raw:
        return part
    try:
        return _decoder(type_).decode(part)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # The items of a page are read when they are taken, each for itself.
        return None if _is_list_of_items(type_) else _fit(_lenient(bytes(part)), type_)


def _is_list_of_items(type_: Any) -> bool:
    return any(get_args(choice) == (msgspec.Raw,) for choice in (type_, *get_args(type_)))


def _fit(value: object, type_: Any) -> Any:
    if isinstance(type_, UnionType):
        return None if value is None else _fit(value, _wanted(type_))
    if get_origin(type_) is list:
        return [_fit(item, get_args(type_)[0]) for item in value[:LIST_LIMIT]] if isinstance(value, list) else None
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _fit_object(value, type_) if isinstance(value, dict) else None
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return None


@functools.cache
def _wanted(type_: UnionType) -> Any:
    return next(choice for choice in get_args(type_) if choice is not NoneType)


def _fit_object(value: dict[str, object], type_: type[msgspec.Struct]) -> msgspec.Struct:
    kept = {}
    for field in msgspec.structs.fields(type_):
        fitted = _fit(value.get(field.encode_name), field.type)
        if fitted is not None:
            kept[field.name] = fitted
    return type_(**kept)
