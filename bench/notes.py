"""What the bench and its followers tell each other."""

import msgspec


class Plan(msgspec.Struct):
    """So many followers of these jobs in turn: their ids and their owners' tokens. They give up after `seconds`."""

    port: int
    followers: int
    polls: bool
    seconds: float
    jobs: list[tuple[str, str]]


class Ready(msgspec.Struct):
    """When the first knocked, and when the last saw its job's first state. All moments are in seconds since 1970."""

    began: float
    ready: float


class Reached(msgspec.Struct):
    """When the last of all followers saw this version, or a later one."""

    version: int
    at: float


class Seen(msgspec.Struct):
    """By job and version, when each follower saw it; when each was properly told of the end; and by the answer's status
    code, how many were refused and went away.
    """

    arrivals: dict[str, dict[int, list[float]]]
    ends: list[float]
    refused: dict[str, int]
