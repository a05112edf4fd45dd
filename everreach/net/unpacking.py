"""The body of a reply as it comes in: whole, unpacked, and never larger than it may be."""

import zlib
from collections.abc import AsyncIterable

from everreach.errors import OversizeError


async def unpacked(coding: str, received: AsyncIterable[bytes], limit: int) -> bytes:
    """The body that is `received` in pieces; `coding` is its Content-Encoding.

    Raises OversizeError as soon as more than `limit` bytes have come out of it, and ValueError for a packing that is
    not whole, is followed by something else, or is none that we asked for.
    """
    packing = _packing(coding)
    chunks, size = [], 0
    async for piece in received:
        chunk = _out_of(packing, piece, limit + 1 - size) if packing else piece
        size += len(chunk)
        if size > limit:
            raise OversizeError
        chunks.append(chunk)
    if packing and chunks and (not packing.eof or packing.unused_data):
        raise ValueError
    return b"".join(chunks)


def _packing(coding: str) -> "zlib._Decompress | None":
    if coding.strip().lower() in {"", "identity"}:
        return None
    if coding.strip().lower() not in {"gzip", "x-gzip"}:
        raise ValueError
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _out_of(packing: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return packing.decompress(piece, most)
    except zlib.error:
        raise ValueError from None
