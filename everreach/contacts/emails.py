"""E-mail addresses out of what people and programs write into the field, and the key that each comes to.

Plain ASCII takes a short way. What a field may hold instead: `mailto:a@b?subject=x`, `Name <a@b>`, `Name|a@b`,
`'a@b',`, `a@b; c@d`, `Name (a@b)`, an Exchange name that leads to nobody outside its company, or a remark.
"""

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

import idna

from everreach.contacts.texts import INVISIBLE

_LIMIT: Final = 320  # 64 for the local part, an @ and 255 for the domain, https://www.rfc-editor.org/rfc/rfc3696
_LONGEST_READ: Final = 4000

_PLAIN: Final = re.compile(r"(?!imceaex-)[a-z0-9_][a-z0-9_.+'-]*@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_SPECIAL: Final = r"\s@<>\"(),;:\\|\x00-\x20\x7f-\x9f"
_IN_A_LABEL: Final = rf"[^{_SPECIAL}!#$%&'*+/=?^`{{}}~.]"
_ADDRESS: Final = re.compile(rf"[^{_SPECIAL}]+@{_IN_A_LABEL}+(?:\.{_IN_A_LABEL}+)*")
# Exchange names its own people so, where another system would have an address.
_DIRECTORY: Final = re.compile(r"/[^@]*=|imceaex-", re.IGNORECASE)
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFE6B: "@"}
_DOTTED: Final = re.compile("i\u0307+")

_MAILTO: Final = re.compile(r"mailto:(?://)?([^\s<>\"?]*)(?:\?[^\s<>\"]*)?", re.IGNORECASE)
_QUOTED_NAME: Final = re.compile(r'"[^"]*"\s*<')
# A comma in place of a dot: whose mailbox `ann,king@b` was to be, nobody knows.
_SLIP: Final = re.compile(r"(?<![^\s,;|<>\"(])([^\s,;|<>@\"(]+)[,;](?=[^\s,;|<>@]+@)")
_SEPARATOR: Final = re.compile(r"[,;|、\r\n\t\v\f\x85\u2028\u2029]")
_IN_ANGLES: Final = re.compile(r"<([^<>]*)(?:>|$)")
_COMMENT: Final = re.compile(r"(?:^|(?<=[\s\w.]))(?:\(([^()]*)\)|(?<!@)\[([^\[\]]*)\])")
_LABEL: Final = re.compile(r"\A[^@]*:")
_OPENING: Final = "'\"`´‘’‚‛“”„«»‹›<>("  # noqa: RUF001 - Quotes of many languages.
_CLOSING: Final = f"{_OPENING}).,:!?"
_BETWEEN: Final = re.compile(r"[\W_]+|and|or|und|oder|et|ou", re.IGNORECASE)


def read_emails(sent: str) -> list[tuple[str, str]]:
    """The addresses in a field, each as it is shown and its key: none of a remark, several of a list."""
    if not sent.isascii():
        return _read(sent)
    shown = sent.strip()
    # A label with two hyphens may be Punycode, which has another form, and one of no letters is none.
    if len(shown) <= _LIMIT and _PLAIN.fullmatch(key := shown.lower()) and "--" not in key and ".." not in key:
        return [(shown, key)]
    return _read(sent) if "@" in sent or "%" in sent else []


def email_key(address: str) -> str | None:
    """The key of an address; None for what is no address (a name of Exchange's, a remark).

    Two spellings that lead to one mailbox whoever runs it have one key: it is in lower case and in NFC, the domain in
    its Unicode form (https://www.rfc-editor.org/rfc/rfc5890) without a final dot, and nothing invisible is in it.
    """
    local, _, domain = INVISIBLE.sub("", address[:_LONGEST_READ]).translate(_FULL_WIDTH).strip().rpartition("@")
    if _DIRECTORY.match(local):
        return None
    # What lower case leaves of a Turkish capital İ is an i with a second dot.
    key = normalize("NFC", _DOTTED.sub("i", f"{_lower(local)}@{_domain(domain)}"))
    return key if len(key) <= _LIMIT and _ADDRESS.fullmatch(key) else None


def _lower(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).lower())


def _domain(domain: str) -> str:
    try:
        mapped = idna.uts46_remap(domain, std3_rules=False)
    except idna.IDNAError:
        mapped = _lower(domain)
    return ".".join(map(_label, mapped.removesuffix(".").split(".")))


def _label(label: str) -> str:
    """A label of a domain in its Unicode form, as far as it has one."""
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        stable = not decoded.isascii() and idna.uts46_remap(decoded, std3_rules=True) == decoded
    except (UnicodeError, ValueError):
        return label
    return INVISIBLE.sub("", decoded) if stable else label


def _read(sent: str) -> list[tuple[str, str]]:
    opened = _MAILTO.sub(lambda found: f" {unquote(found[1])} ", sent[:_LONGEST_READ])
    opened = INVISIBLE.sub("", opened).translate(_FULL_WIDTH)
    pieces = _SEPARATOR.split(_SLIP.sub(r"\1 ", _QUOTED_NAME.sub("<", opened)))
    if len(sent) > _LONGEST_READ:
        del pieces[-1]  # Half an address may be somebody else's.
    found: dict[str, str] = {}
    for piece in (piece for piece in pieces if "@" in piece):
        for key, address in next(filter(None, map(_addresses, _candidates(piece))), ()):
            found.setdefault(key, address)
    return [(address, key) for key, address in found.items()]


def _candidates(piece: str) -> Iterator[str]:
    """Where the address of a piece may stand, the surest place first."""
    yield " ".join(_IN_ANGLES.findall(piece))
    outside = _IN_ANGLES.sub(" ", piece)
    yield outside
    yield _COMMENT.sub(" ", outside)
    yield " ".join(inside for pair in _COMMENT.findall(outside) for inside in pair)


def _addresses(candidate: str) -> list[tuple[str, str]]:
    """The addresses of a text that is nothing else: of `annie smith@b` nobody knows what was meant."""
    words = [_LABEL.sub("", word) for word in _LABEL.sub("", candidate).split()]
    found = [_address(part) for word in words if word and not _BETWEEN.fullmatch(word) for part in _parts(word)]
    return [pair for pair in found if pair] if all(found) else []


def _parts(word: str) -> list[str]:
    return word.split("/") if word.count("@") > 1 else [word]


def _address(word: str) -> tuple[str, str] | None:
    address = normalize("NFC", word.lstrip(_OPENING).rstrip(_CLOSING))
    key = email_key(address)
    return (key, address) if key else None
