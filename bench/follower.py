"""Makes followers: `python -m bench.follower PLAN` opens many connections, holds them, and notes when each state came.

Prints a line of JSON when all are there, one whenever all have seen a new version, and at last what every one saw.
"""

import asyncio
import signal
import sys
import time
from abc import abstractmethod
from collections import Counter, defaultdict
from functools import lru_cache, partial
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.notes import Plan, Reached, Ready, Seen
from bench.wire import CLOSE, PING, PONG, TEXT, answer, frame, frames, get, only_text, upgrade

PENDING = 64
"""So many knock at once: the listening sockets keep no more than 128 waiting."""


class _State(msgspec.Struct):
    version: int
    completed_at: str | None


@lru_cache(maxsize=256)
def _read_state(body: bytes) -> _State:
    # All followers of a job are sent the same bytes.
    return msgspec.json.decode(body, type=_State)


class _Crew:
    """All followers of this process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen = Seen(defaultdict(lambda: defaultdict(list)), [], Counter())
        self._reached: Counter[int] = Counter()
        self.over = asyncio.Event()
        self._knocking = asyncio.Semaphore(PENDING)
        self._left = plan.followers

    async def gather(self) -> None:
        """Open every connection."""
        loop, kind = asyncio.get_running_loop(), _Poll if self.plan.polls else _Socket
        began = time.time()
        for number in range(self.plan.followers):
            await self._knocking.acquire()
            job_id, token = self.plan.jobs[number % len(self.plan.jobs)]
            await loop.create_connection(partial(kind, self, job_id, token), "127.0.0.1", self.plan.port)
        for _ in range(PENDING):
            await self._knocking.acquire()
        _say(Ready(began, time.time()))

    def came(self, job_id: str, version: int, *, first: bool) -> None:
        """Note that a follower sees a version that it has not seen before."""
        now = time.time()
        self.seen.arrivals[job_id][version].append(now)
        self._reached[version] += 1
        if first:
            self.let_in()
        elif self._reached[version] == self.plan.followers:
            _say(Reached(version, now))

    def let_in(self) -> None:
        """Let the next one knock."""
        self._knocking.release()

    def left(self) -> None:
        """Note a connection's end; nothing remains to be seen after the last."""
        self._left -= 1
        if not self._left:
            self.over.set()


class _Follower(asyncio.Protocol):
    """One connection."""

    def __init__(self, crew: _Crew, job_id: str, token: str) -> None:
        self._crew, self._job_id, self._token = crew, job_id, token
        self._buffer = bytearray()
        self._version: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.look()

    def connection_lost(self, error: Exception | None) -> None:
        if self._version is None:
            self._crew.let_in()
        self._crew.left()

    @abstractmethod
    def request(self) -> bytes:
        """What is said first."""

    @abstractmethod
    def look(self) -> None:
        """See what came."""

    def took(self, body: bytes) -> _State:
        state = _read_state(body)
        # A long-poll that was held for a minute says once more what was known.
        if state.version != self._version:
            self._crew.came(self._job_id, state.version, first=self._version is None)
            self._version = state.version
        return state

    def refused(self, answered: bytes) -> None:
        self._crew.seen.refused[answered.decode()] += 1
        self._transport.close()

    def end(self) -> None:
        self._crew.seen.ends.append(time.time())
        self._transport.close()


class _Socket(_Follower):
    _upgraded = False

    def request(self) -> bytes:
        return upgrade(f"/status/{self._job_id}/ws", self._token)

    def data_received(self, data: bytes) -> None:
        if self._upgraded and not self._buffer and (body := only_text(data)):
            self.took(body)
        else:
            super().data_received(data)

    def look(self) -> None:
        if not self._upgraded and (found := answer(bytes(self._buffer))):
            self._upgraded = found[0] == b"101"
            del self._buffer[: -len(found[1]) or None]
            if not self._upgraded:
                self.refused(found[0])
        if self._upgraded:
            for opcode, payload in frames(self._buffer):
                self._take(opcode, payload)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.took(payload)
        elif opcode == PING:
            self._transport.write(frame(PONG))
        elif opcode == CLOSE and int.from_bytes(payload[:2]) == 1000:
            self._transport.write(frame(CLOSE, payload[:2]))
            self.end()


class _Poll(_Follower):
    def request(self) -> bytes:
        return get(f"/status/{self._job_id}", self._token)

    def look(self) -> None:
        found = answer(bytes(self._buffer))
        if found is None:
            return
        self._buffer.clear()
        if found[0] != b"200":
            self.refused(found[0])
            return
        state = self.took(found[1])
        if state.completed_at:
            self.end()
        else:
            self._transport.write(get(f"/status/{self._job_id}?since={state.version}&wait=45", self._token))


def _say(line: msgspec.Struct) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


async def main(plan: Plan) -> None:
    """Follow until every connection has ended, the time is up, or a signal says that it is enough."""
    crew = _Crew(plan)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, crew.over.set)
    loop.call_later(plan.seconds, crew.over.set)
    gathering = asyncio.create_task(crew.gather())
    await crew.over.wait()
    gathering.cancel()
    _say(crew.seen)


if __name__ == "__main__":
    todo = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(todo))
