"""Which encoding a file is in. Its head does not tell: the first letter that is not ASCII may stand a mebibyte later.

A mark at the start decides, then zero bytes on one side of each pair (UTF-16), then whether the whole is UTF-8. What
is none of these is judged by charset-normalizer on the text round the first byte that is no UTF-8.
"""

import codecs
import re
from collections.abc import Iterable
from typing import Final

from charset_normalizer import from_bytes

UTF_8: Final = "UTF-8"
UTF_16: Final = frozenset({"UTF-16LE", "UTF-16BE"})
_WESTERN: Final = "windows-1252"
_CENTRAL: Final = "windows-1250"
_MARKS: Final = {codecs.BOM_UTF8: UTF_8, codecs.BOM_UTF16_LE: "UTF-16LE", codecs.BOM_UTF16_BE: "UTF-16BE"}

# What programs write that are no longer young: the codec, which is the widest of its family, and its name at IANA
# (https://www.iana.org/assignments/character-sets).
_CANDIDATES: Final = {
    **{f"cp{page}": f"windows-{page}" for page in range(1250, 1258)},
    "cp932": "Windows-31J",
    "euc_jp": "EUC-JP",
    "gb18030": "GB18030",
    "big5": "Big5",
    "cp949": "EUC-KR",
}
# Python does not know all of these names.
_CODECS: Final = {"UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be"} | {
    name.upper(): codec for codec, name in _CANDIDATES.items()
}
_WIDE: Final = frozenset({"cp932", "euc_jp", "gb18030", "big5", "cp949"})
_WITH_CAPITALS: Final = ("cp1251", "cp1253")
_WITHOUT: Final = ("cp1255", "cp1256")
# The narrower names of the same families, which are written where a wider one is meant (https://encoding.spec.whatwg.org).
_WIDER: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
}
_TRANSPARENT: Final = bytes([9, 10, 13, *range(32, 127)])

_BEFORE: Final = 1024
_WINDOW: Final = 16384
_ZEROS: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]+")
_CAPITAL: Final = re.compile(b"[\xc0-\xdf]")
_OURS: Final = re.compile("[a-zA-Z]")
_SIGN_IN_WORD: Final = re.compile("[a-zA-Z][¹²³¿£¥¤¯¡ª¼½¾»±]|[¹²³¿£¥¤¯¡ª¼½¾«±][a-zA-Z]")


def codec_of(name: str) -> str | None:
    """Python's codec for an encoding by its name at IANA; None for one that no address book is in.

    Every byte of ASCII has to mean itself in it, UTF-16 aside: lines and delimiters are found in the bytes.
    """
    if known := _CODECS.get(name.upper()):
        return known
    try:
        codec = codecs.lookup(name).name
        transparent = _TRANSPARENT.decode(codec) == _TRANSPARENT.decode("ascii")
    except (LookupError, UnicodeError, ValueError):
        return None
    return _WIDER.get(codec, codec) if transparent else None


class EncodingWatch:
    """Sees a file go by, piece by piece, and says at its end which encoding it is in. It keeps 18 KiB at most."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = b""
        self._tail = b""
        self._window = b""
        self._letters = 0
        self._bad = 0
        self._length = 0
        self._zeros = [0, 0]

    def feed(self, piece: bytes) -> None:
        """See the next bytes of the file."""
        if len(self._head) < 4:
            self._head = (self._head + piece)[:4]
        if b"\0" in piece:
            self._count_zeros(piece)
        self._length += len(piece)
        if not (piece.isascii() and not self._decoder.getstate()[0]):
            self._decode(piece)
        elif self._window:
            self._widen(piece)
        if not self._window:
            self._tail = (self._tail + piece)[-_BEFORE:] if len(piece) < _BEFORE else piece[-_BEFORE:]

    def result(self) -> str:
        """The encoding's name at IANA. What is ASCII throughout is UTF-8."""
        self._judge(self._decoder.decode(b"", True), b"")
        for mark, name in _MARKS.items():
            if self._head.startswith(mark):
                return name
        return self._by_zeros() or (UTF_8 if self._is_utf_8() else guessed(self._window))

    @property
    def damaged(self) -> bool:
        """Whether the file is UTF-8 but for single places."""
        return self._bad > 0 and self._is_utf_8()

    def _is_utf_8(self) -> bool:
        """Whether it was written as UTF-8: chance makes a letter of it so rarely that two outweigh one damaged."""
        return self._letters >= 2 * self._bad

    def _count_zeros(self, piece: bytes) -> None:
        odd = self._length % 2
        self._zeros[odd] += piece[::2].count(0)
        self._zeros[1 - odd] += piece[1::2].count(0)

    def _by_zeros(self) -> str | None:
        even, odd = self._zeros
        few = max(even, odd) // 20
        if max(even, odd) < max(_ZEROS, self._length // 32) or min(even, odd) > few:
            return None
        return "UTF-16LE" if odd > even else "UTF-16BE"

    def _decode(self, piece: bytes) -> None:
        self._judge(self._decoder.decode(piece), piece)

    def _judge(self, decoded: str, piece: bytes) -> None:
        bad = decoded.count("\ufffd")
        self._letters += len(decoded) - len(decoded.encode("ascii", "ignore")) - bad
        self._bad += bad
        if self._window:
            self._widen(piece)
        elif bad:
            self._open(self._tail + piece)

    def _open(self, seen: bytes) -> None:
        """Keep the text round the first byte that is no UTF-8."""
        try:
            seen.decode()
            start = len(seen)
        except UnicodeDecodeError as error:
            start = error.start
        # Where the file does not begin here, the window does at a line, so that no character is cut.
        cut = max(start - _BEFORE, 0)
        begun = cut > 0 or self._length > len(seen)
        line = seen.find(b"\n", cut, start) + 1 if begun else 0
        self._window = seen[max(line, cut) : start + _WINDOW]

    def _widen(self, piece: bytes) -> None:
        self._window += piece[: max(_BEFORE + _WINDOW - len(self._window), 0)]


def guessed(window: bytes) -> str:
    """The encoding of a text that is neither UTF-8 nor UTF-16: windows-1252 before every other of Latin letters.

    Names are too short to tell these from each other by their letters. But where windows-1252 puts signs into words
    (`Micha³`), it was windows-1250.
    """
    best = _best(window, _CANDIDATES)
    if best in _WIDE and not _is_mixed(window.decode(best, "replace")):
        return _CANDIDATES[best]
    western = window.decode("cp1252", "replace")
    if not _is_mixed(western):
        # Names in Greek or Russian letters begin with capitals.
        capital = _CAPITAL.search(window)
        return _CANDIDATES[_best(window, (*_WITH_CAPITALS, *_WITHOUT) if capital else _WITHOUT)]
    strange = 4 * len(_SIGN_IN_WORD.findall(western)) > len(western) - len(western.encode("ascii", "ignore"))
    return _CENTRAL if strange else _WESTERN


def _best(text: bytes, candidates: Iterable[str]) -> str:
    best = from_bytes(text, cp_isolation=list(candidates)).best()
    return best.encoding if best else "cp1252"


def _is_mixed(text: str) -> bool:
    """Whether its words have letters of ours beside others, as no word of Greek, Russian or Chinese has."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return 2 * sum(_OURS.search(word) is not None for word in words) > len(words) or not words
