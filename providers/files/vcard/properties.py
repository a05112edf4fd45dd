"""The properties of a card that say something about a contact, with their parameters, as texts.

vCard 2.1 (https://www.rfc-editor.org/rfc/rfc2426#section-5 names what changed after it), 3.0 and 4.0 (RFC 6350) are not
told apart: programs write each in the others' manner.
"""

import re
from binascii import Error, a2b_base64, a2b_qp
from functools import lru_cache
from typing import Final

import msgspec

from providers.files.vcard.charsets import WESTERN, text_of
from providers.files.vcard.kinds import kind_of
from providers.files.vcard.lines import unfolded

NO_PREFERENCE: Final = 101

_KNOWN: Final = frozenset(
    re.findall(
        r"\S+",
        "FN N NICKNAME EMAIL TEL ADR LABEL ORG TITLE ROLE BDAY NOTE URL CATEGORIES UID MEMBER "
        "X-ABLABEL X-ADDRESSBOOKSERVER-MEMBER",
    )
)
VALUE_LIMIT: Final = 64 * 1024
"""Characters read of a value as it is written; a longer one is cut."""
_LONGEST_HEAD: Final = 1000
_HEAD: Final = re.compile(r'(?:[^":]|"[^"]*")*+:')
_PARAMETER: Final = re.compile(r';\s*+([^=;:"]*+)(?:=((?:"[^"]*"|[^;"]|")*+))?')
_VALUE: Final = re.compile(r'"([^"]*)"|([^,"]+)')
_PREFERENCE: Final = re.compile(r"0*([1-9][0-9]?|100)")
_CARET: Final = re.compile(r"\^([n^'])")  # https://www.rfc-editor.org/rfc/rfc6868
_CARETS: Final = {"n": "\n", "^": "^", "'": '"'}
_QUOTED_PRINTABLE: Final = frozenset({"QUOTED-PRINTABLE", "Q"})
_BASE64: Final = frozenset({"BASE64", "B"})


class Head(msgspec.Struct, frozen=True, gc=False):
    """What stands before a property's value: its name in capitals ("" where it says nothing about a contact).

    `group` is in lower case (`item1`), `kind` what its types come to (`workFax`). `preference` is 1 for the
    best, 100 for the last, or NO_PREFERENCE. `label` is the text of a parameter LABEL. `omitted_year` is
    the one that stands for none.
    """

    name: str
    group: str = ""
    kind: str | None = None
    preference: int = NO_PREFERENCE
    label: str = ""
    encoding: str = ""
    charset: str = ""
    omitted_year: str = ""


Properties = dict[str, list[tuple[Head, str]]]
"""By name; each as it stands in the card, decoded, not yet unescaped."""

_NOTHING: Final = Head("")


def properties_of(card: bytes, fallback: str = WESTERN) -> Properties:
    """The properties of a card; `fallback` is the codec of what has no CHARSET and is no UTF-8."""
    lines = unfolded(card)
    try:
        text, damaged = lines.decode(), False
    except UnicodeDecodeError:
        text, damaged = lines.decode("utf-8", "surrogateescape"), True
    found: Properties = {}
    for line in text.split("\n"):
        start, colon, value = line.partition(":")
        if not colon:
            continue
        if '"' in start and start.count('"') % 2 and (whole := _HEAD.match(line)):
            start, value = line[: whole.end() - 1], line[whole.end() :]
        head = _head(start) if len(start) <= _LONGEST_HEAD else _NOTHING
        if name := head.name:
            value = value[:VALUE_LIMIT]
            if head.encoding or ((damaged or head.charset) and not value.isascii()) or head.charset[:3] == "ISO":
                value = _decoded(head, value.encode("utf-8", "surrogateescape"), fallback)
            if name in found:
                found[name].append((head, value))
            else:
                found[name] = [(head, value)]
    return found


def _decoded(head: Head, value: bytes, fallback: str) -> str:
    if head.encoding in _QUOTED_PRINTABLE:
        value = a2b_qp(value)
    elif head.encoding in _BASE64:
        try:
            value = a2b_base64(value)
        except Error:
            return text_of(value, head.charset, fallback)
    return text_of(value, head.charset, fallback)


@lru_cache(2048)
def _head(text: str) -> Head:
    """Read what stands before a value. The same few heads stand in all cards of a file."""
    start, _, _ = text.partition(";")
    group, dot, name = start.strip().lstrip("\ufeff").upper().rpartition(".")
    if name not in _KNOWN or "." in group or (dot and not group):
        return _NOTHING
    return _with_parameters(name, group.lower(), text[len(start) :])


def _with_parameters(name: str, group: str, text: str) -> Head:
    types: set[str] = set()
    said: dict[str, str] = {}
    for key, sent in _PARAMETER.findall(text):
        parameter = key.strip().upper()
        if sent and parameter != "TYPE":
            said.setdefault(parameter, _CARET.sub(lambda found: _CARETS[found[1]], _unquoted(sent)))
        else:
            # In vCard 2.1 a type, and the encoding, stand without their parameter's name.
            values = sent if parameter == "TYPE" else parameter
            types.update(quoted or bare for quoted, bare in _VALUE.findall(values.upper()))
    types = {type_.strip() for each in types for type_ in each.split(",")} - {""}
    encoding = said.get("ENCODING", "").upper() or next(iter(types & (_QUOTED_PRINTABLE | _BASE64)), "")
    return Head(
        name,
        group,
        kind_of(types - {encoding}),
        _preference(types, said.get("PREF", "")),
        said.get("LABEL", ""),
        "" if encoding not in _QUOTED_PRINTABLE | _BASE64 else encoding,
        said.get("CHARSET", "").strip().upper(),
        said.get("X-APPLE-OMIT-YEAR", ""),
    )


def _preference(types: set[str], sent: str) -> int:
    if number := _PREFERENCE.fullmatch(sent.strip()):
        return int(number[1])
    return 1 if "PREF" in types or sent.strip().upper() == "TRUE" else NO_PREFERENCE


def _unquoted(sent: str) -> str:
    return sent.strip()[1:-1] if len(sent.strip()) > 1 and sent.strip()[0] == sent.strip()[-1] == '"' else sent.strip()
