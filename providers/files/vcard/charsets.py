"""The text of a property's bytes: by its own CHARSET, else UTF-8, else what the file is in."""

import codecs
from functools import lru_cache
from typing import Final

WESTERN: Final = "cp1252"
# The wider codec of each family is what programs mean (https://encoding.spec.whatwg.org).
_WIDER: Final = {"iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030"}
_NAMES: Final = {"x-sjis": "cp932", "x-mac-roman": "mac-roman", "x-gbk": "gb18030"}
_BYTES: Final = bytes([9, *range(32, 127)])


@lru_cache(256)
def codec_of(charset: str) -> str | None:
    """Python's codec for a CHARSET; None for one that is unknown, or in which ASCII does not mean itself."""
    try:
        codec = codecs.lookup(_NAMES.get(charset.lower(), charset)).name
        transparent = _BYTES.decode(codec) == _BYTES.decode("ascii")
    except (LookupError, ValueError):
        return None
    return _WIDER.get(codec, codec) if transparent or codec == "shift_jis" else None


def text_of(value: bytes, charset: str, fallback: str = WESTERN) -> str:
    """The text of `value`; what is in no encoding at all are replacement characters."""
    codec = codec_of(charset) if charset else None
    for candidate in (codec, "utf-8"):
        if candidate:
            try:
                return value.decode(candidate)
            except UnicodeDecodeError:
                pass
    if codec and codec != "utf-8":
        return value.decode(codec, "replace")
    text = value.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    # Chance makes letters of UTF-8 so rarely that two outweigh a damaged one, such as half of one at the end.
    letters = sum(not character.isascii() for character in text) - bad
    return text if letters >= 2 * bad else value.decode(fallback, "replace")
