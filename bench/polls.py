"""Status polls a second: ours, and a bare Tornado handler that verifies the same token and writes as many bytes."""

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from bench.poller import Plan, Polled
from bench.process import Process
from bench.processes import Bare, Bench
from bench.standing import stand
from handlers import BASE

CONNECTIONS = 16
ROUNDS = 5
REQUESTS = 3000
"""Of each round, in seconds about one."""

MANY = 600
"""People in all, so that under the usual limit each asks no more often than every two seconds: 30 times a minute."""
FEW = 200
LONGEST_SECONDS = 120.0
"""Of a round, before it counts as hung."""


class Target(NamedTuple):
    """One that is asked, and those who ask: ids of jobs and their owners' tokens."""

    server: Process
    port: int
    jobs: Sequence[tuple[str, str]]


class Round(NamedTuple):
    """Answers a second, and what each cost the server in microseconds of processor time."""

    rate: float
    cpu_us: float


class Polls(NamedTuple):
    """Of every round: the bare handler, ours with the limit of 60 a minute and many people, and ours with none."""

    bare: list[Round]
    limited: list[Round]
    unlimited: list[Round]

    def figures(self) -> dict[str, float]:
        """Medians. A ratio is that of a round to the bare one just before it."""
        rates = {f"{name}_rate": median(each.rate for each in getattr(self, name)) for name in self._fields}
        costs = {f"{name}_cpu_us": median(each.cpu_us for each in getattr(self, name)) for name in self._fields}
        ratios = {f"{name}_ratio": median(_ratios(getattr(self, name), self.bare)) for name in self._fields[1:]}
        return {**rates, **costs, **ratios}


def _ratios(ours: list[Round], bare: list[Round]) -> list[float]:
    return [one.rate / other.rate for one, other in zip(ours, bare, strict=True)]


async def measure(bench: Bench) -> Polls:
    """All three at once, asked in turn, so that whatever else the machine does hits each of them."""
    database = bench.database("polls")
    async with (
        bench.server(database.name, RATE_LIMIT_STATUS="60/minute") as limited,
        bench.server(database.name) as unlimited,
    ):
        await limited.ready(bench.http)
        await unlimited.ready(bench.http)
        jobs = await stand(bench, limited, database, MANY)
        length = await _length(bench, limited.port, *jobs[0])
        async with Bare(length) as bare:
            await bare.line()
            targets = [Target(bare, bare.port, jobs[:FEW]), Target(limited, limited.port, jobs)]
            targets.append(Target(unlimited, unlimited.port, jobs[:FEW]))
            # In the first round every token and every job is new to the server; a client asks hundreds of times.
            rounds = [[await _round(bench, target) for target in targets] for _ in range(1 + ROUNDS)][1:]
    await database.client.drop_database(database.name)
    return Polls(*map(list, zip(*rounds, strict=True)))


async def _length(bench: Bench, port: int, job_id: str, token: str) -> int:
    reply = await bench.http.get(
        f"http://127.0.0.1:{port}{BASE}/status/{job_id}", headers={"Authorization": f"Bearer {token}"}
    )
    return len(reply.body)


async def _round(bench: Bench, target: Target) -> Round:
    plan = Plan(target.port, CONNECTIONS, REQUESTS, list(target.jobs))
    spent = target.server.cpu_seconds()
    async with asyncio.timeout(LONGEST_SECONDS), Process("bench.poller", bench.plan(plan)) as poller:
        polled = msgspec.json.decode(await poller.line(), type=Polled)
    assert polled.answers == {"200": REQUESTS}, polled
    return Round(REQUESTS / polled.seconds, 1e6 * (target.server.cpu_seconds() - spent) / REQUESTS)
