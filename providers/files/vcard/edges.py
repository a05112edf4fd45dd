"""The lines at which cards begin and end, and what tells a group's card from a person's."""

import re
from typing import Final

LONGEST_EDGE: Final = 1024
"""More bytes than a line has that begins or ends a card."""

MARK: Final = re.compile(rb":[ \t]{0,8}[vV][cC][aA][rR][dD]")
EDGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf){0,4}(?:[\w-]{1,64}\.)?(?:(AGENT(?:;[^\r\n:]{0,200})?:[ \t]{0,64})?(BEGIN)|END)[ \t]{0,8}"
    rb":[ \t]{0,8}VCARD[ \t]{0,64}(?:\r{0,2}\n|\r|\Z)",
    re.IGNORECASE,
)
_AGENT: Final = re.compile(rb"(?:[\w-]{1,64}\.)?AGENT(?:;[^:]*)?:", re.IGNORECASE)
_GROUP: Final = re.compile(
    rb"(?<![^\r\n])(?:[\w-]{1,64}\.)?(?:X-ADDRESSBOOKSERVER-)?KIND(?:;[^\r\n:]*)?:[ \t]*group[ \t]*(?=[\r\n]|\Z)",
    re.IGNORECASE,
)


def is_agent(before: bytearray) -> bool:
    """Whether the last line that is not blank is the beginning of a card inside the card."""
    line = before.rstrip(b" \t\r\n")
    if not line.endswith(b":"):
        return False
    return _AGENT.fullmatch(line, max(line.rfind(b"\n"), line.rfind(b"\r")) + 1) is not None


def is_group(card: bytes) -> bool:
    """Whether the card is a group's (KIND of vCard 4.0, or Apple's before it)."""
    named = b"KIND" in card or b"kind" in card or b"Kind" in card
    return named and _GROUP.search(card) is not None
