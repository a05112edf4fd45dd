"""Files that come packed, unpacked as they come: never more at a time than a piece, however small it was packed."""

import zlib
from collections.abc import Iterator
from typing import Final

from everreach.errors import BadRequestError

MAGIC: Final = b"\x1f\x8b"
"""How what gzip packed begins, https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1."""

UNPACKED_BYTES: Final = 256 * 1024
"""The most that comes out at a time."""


class Gunzip:
    """Unpacks what gzip packed, in one or several members behind each other."""

    def __init__(self) -> None:
        self._member = _new()
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the next bytes hold, in pieces of UNPACKED_BYTES at the most. Raises BadRequestError for nonsense."""
        while packed:
            if self._member.eof:
                packed = packed.lstrip(b"\0")  # Tapes and some tools fill the end up.
                if not packed:
                    return
                self._member, self._begun = _new(), False
            self._begun = True
            yield from self._unpacked(packed)
            packed = self._member.unused_data if self._member.eof else b""

    def _unpacked(self, packed: bytes) -> Iterator[bytes]:
        while True:
            try:
                data = self._member.decompress(packed, UNPACKED_BYTES)
            except zlib.error:
                raise BadRequestError("The file was packed by gzip and cannot be unpacked.") from None
            if data:
                yield data
            packed = self._member.unconsumed_tail
            if self._member.eof or not (packed or len(data) == UNPACKED_BYTES):
                return

    def finish(self) -> None:
        """Nothing more comes. Raises BadRequestError where something is missing."""
        if self._begun and not self._member.eof:
            raise BadRequestError("The file was packed by gzip and is not whole.")


def _new() -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)
