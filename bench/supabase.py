"""A Supabase project with the keys that nobody signs with: it counts how often they are fetched."""

import asyncio
from typing import Self

_KEYS = b'{"keys":[]}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"


class Supabase:
    """Answers everybody the same."""

    def __init__(self) -> None:
        self.fetches = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.issuer = f"{self.url}/auth/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"jwks" in await reader.readuntil(b"\r\n\r\n"):
            self.fetches += 1
        writer.write(_ANSWER % (len(_KEYS), _KEYS))
        writer.close()
