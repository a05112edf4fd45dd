"""The cards of a file with their places in it, out of its bytes as they come.

A card ends with its END, or where the next one begins, so that a damaged card costs no other. A card inside a card
(AGENT of vCard 2.1) is left out whole.
"""

import codecs
from typing import Final

from providers.files.vcard.card import CARD_LIMIT, LINES_LIMIT, SHOWN, Card, first_line, has_too_many_lines
from providers.files.vcard.edges import EDGE, LONGEST_EDGE, MARK, is_agent, is_group

BLOCK: Final = 32 * 1024
"""Bytes that are read at once. Larger pieces give as many more cards at once."""
_BACK: Final = 256
_AGENTS: Final = 64

_ZEROS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_WIDE: Final = {"UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be", "UTF-16": "utf-16-le"}


class CardReader:
    """Reads the cards of a file that comes piece by piece, from its start or from where another reader stopped.

    It holds one card of the greatest length at most, and the last piece. `encoding` is needed only to go on inside a
    file in UTF-16, of which the start tells otherwise.
    """

    def __init__(self, offset: int = 0, number: int = 0, encoding: str | None = None) -> None:
        self._number = number
        self._wide = _WIDE.get(encoding.upper()) if encoding else None
        self._unpack = codecs.getincrementaldecoder(self._wide)("replace") if self._wide else None
        self._sniffed = encoding is not None or offset > 0
        self._data = bytearray()
        self._on_line = True  # Whether the data's first byte begins a line.
        self._unread = 0
        self._scan = 0  # Up to here all edges are known.
        self._place, self._offset = 0, offset  # An index of the data, and the byte of the file there.
        self._open = False
        self._from = 0  # Where the open card begins: in the data, in the file.
        self._began = offset
        self._agents: list[tuple[int, int]] = []
        self._depth = 0
        self._over: str | None = None  # The first line of a card of which the rest is passed over.
        self._cards: list[Card] = []

    def feed(self, piece: bytes) -> list[Card]:
        """Take the next bytes of the file; gives the cards that are whole, once BLOCK bytes have gathered."""
        self._take(piece)
        return self._read(ended=False) if self._unread >= BLOCK else []

    def finish(self) -> list[Card]:
        """The last cards, when all of the file has been fed."""
        self._sniffed = True
        self._take(b"", ended=True)
        return self._read(ended=True)

    def _take(self, piece: bytes, *, ended: bool = False) -> None:
        self._unread += len(piece)
        self._data += self._unpack.decode(piece, ended).encode() if self._unpack else piece
        if not self._sniffed and len(self._data) > 1:
            self._sniff()

    def _sniff(self) -> None:
        """See by the first two bytes whether that is UTF-16: each sign of ASCII has a zero byte there."""
        self._sniffed = True
        first, second = self._data[:2]
        by_zeros = "utf-16-le" if first and not second else "utf-16-be" if second and not first else None
        self._wide = _ZEROS.get(bytes(self._data[:2])) or by_zeros
        if self._wide:
            self._unpack = codecs.getincrementaldecoder(self._wide)("replace")
            self._data = bytearray(self._unpack.decode(bytes(self._data)).encode())

    def _read(self, *, ended: bool) -> list[Card]:
        self._unread = 0
        cut = len(self._data) if ended else self._last_line_end()
        for mark in MARK.finditer(self._data, self._scan, cut):
            self._edge(mark.start(), cut)
        self._scan = max(self._scan, cut)
        if ended:
            self._close(len(self._data))
        self._trim()
        cards, self._cards = self._cards, []
        return cards

    def _last_line_end(self) -> int:
        """Where the last line ends of which the end is certain: a line feed may follow two carriage returns."""
        data = self._data
        return max(data.rfind(b"\n", self._scan), data.rfind(b"\r", self._scan, len(data) - 2), self._scan - 1) + 1

    def _edge(self, mark: int, cut: int) -> None:
        """Look at the line in which `mark` is the colon: it may begin a card, or end one."""
        data, low = self._data, max(mark - LONGEST_EDGE, 0)
        start = max(data.rfind(b"\n", low, mark), data.rfind(b"\r", low, mark), low - 1) + 1
        found = EDGE.match(data, start, cut)
        if not found or not (data[start - 1] in b"\r\n" if start else self._on_line):
            return
        if not found[2]:
            self._end(found.end())
        elif self._open and (found[1] or is_agent(data[max(start - _BACK, 0) : start])):
            self._depth += 1
            if self._depth == 1:
                self._begin_agent(start)
        elif not found[1]:
            self._close(start)
            self._open, self._from, self._began = True, start, self._at(start)

    def _begin_agent(self, start: int) -> None:
        """A card begins inside the open one. Of very many the last ones are left out with what is between them."""
        if len(self._agents) < _AGENTS:
            self._agents.append((start, -1))
        else:
            self._agents[-1] = (self._agents[-1][0], -1)

    def _end(self, end: int) -> None:
        if self._depth:
            self._depth -= 1
            if not self._depth:
                self._agents[-1] = (self._agents[-1][0], end)
        else:
            self._close(end)

    def _close(self, end: int) -> None:
        """The open card ends there."""
        if not self._open:
            return
        raw = b"" if self._over is not None else bytes(memoryview(self._data)[self._from : end])
        body = self._without_agents(raw) if self._agents else raw
        next_ = self._at(end)
        group = is_group(body)
        self._number += not group
        if self._over is not None or len(raw) > CARD_LIMIT:
            failure: str | None = self._too_long(f"more than {CARD_LIMIT} bytes")
            raw = body = self._over.encode() if self._over is not None else first_line(raw).encode()
        else:
            many = not group and has_too_many_lines(body)
            failure = self._too_long(f"more than {LINES_LIMIT} lines") if many else None
        self._cards.append(Card(self._number, self._began, next_, raw, body, group, failure))
        self._open, self._over, self._depth = False, None, 0
        if self._agents:
            self._agents = []

    def _too_long(self, what: str) -> str:
        return f"too_long: record {self._number}, at byte {self._began}, has {what}."

    def _without_agents(self, raw: bytes) -> bytes:
        kept, place = [], 0
        for start, end in self._agents:
            kept.append(raw[place : start - self._from])
            place = end - self._from if end >= 0 else len(raw)
        return b"".join([*kept, raw[place:]])

    def _trim(self) -> None:
        """Forget what nobody needs any more: all before the open card, and a card that is longer than one may be."""
        data = self._data
        line = len(data) - self._scan
        if self._open and self._over is None:
            size = self._scan - self._from
            if size <= CARD_LIMIT and size + line <= CARD_LIMIT + LONGEST_EDGE:
                self._forget(self._from)
                return
            self._over = first_line(memoryview(data)[self._from : self._from + 2 * SHOWN].tobytes())
        # What is longer than any edge can be is none; its last byte tells that no line begins behind it.
        self._forget((self._scan if line <= LONGEST_EDGE else len(data)) - _BACK)

    def _forget(self, count: int) -> None:
        while self._wide and 0 < count < len(self._data) and self._data[count] & 0xC0 == 0x80:
            count -= 1
        if count <= 0:
            return
        self._at(count)
        self._on_line = self._data[count - 1] in b"\r\n"
        del self._data[:count]
        self._place -= count
        self._scan = max(self._scan - count, 0)
        self._from -= count
        self._agents = [(start - count, end - count if end >= 0 else end) for start, end in self._agents]

    def _at(self, index: int) -> int:
        """The byte of the file that stands at an index of the data."""
        if index != self._place:
            low, high = sorted((self._place, index))
            size = high - low
            if self._wide:
                size = len(self._data[low:high].decode("utf-8", "replace").encode(self._wide))
            self._offset += size if index > self._place else -size
            self._place = index
        return self._offset
