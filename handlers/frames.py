"""The frames of a websocket's client, who has nothing to say: few, and masked as the protocol has it."""

import time
from typing import Final

from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

BURST: Final = 200
"""So many frames may come at once; a client answers pings, and some send their own."""

A_SECOND: Final = 1.0
"""So many more with each second."""

PROTOCOL_ERROR: Final = 1002
POLICY_VIOLATION: Final = 1008

_MASKED: Final = 0x80


class StrictProtocol(WebSocketProtocol13):
    """Ends a line that sends frames without end, be they empty, or frames that are not masked.

    https://www.rfc-editor.org/rfc/rfc6455#section-5.1
    """

    def __init__(self, handler: WebSocketHandler, params: _WebSocketParams) -> None:
        super().__init__(handler, False, params)
        self._began = time.monotonic()
        self._frames = 0
        self._at_head = False

    async def _receive_frame(self) -> None:
        self._frames += 1
        if self._frames > BURST + A_SECOND * (time.monotonic() - self._began):
            self._give_up(POLICY_VIOLATION, "A client has nothing to say here.")
            return
        self._at_head = True
        await super()._receive_frame()

    async def _read_bytes(self, n: int) -> bytes:
        read = await super()._read_bytes(n)
        if self._at_head and not read[1] & _MASKED:
            self._give_up(PROTOCOL_ERROR, "A client's frames have to be masked.")
        self._at_head = False
        return read

    def _give_up(self, code: int, reason: str) -> None:
        self.close(code, reason)
        self._abort()
