"""One step behind: it runs in the background while the next is made ready, and its errors are not lost."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self


class BackgroundStep:
    """Holds at most one step. Use as an async context manager: a step that was begun is finished.

    Only whoever is cancelled, because a process has to end in time, breaks it off: the database may hang.
    """

    def __init__(self) -> None:
        self._step: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._step and kind and issubclass(kind, asyncio.CancelledError):
            self._step.cancel()
        await self.done()

    async def follow(self, step: Coroutine[Any, Any, None]) -> None:
        """Wait for the step before, then begin this one."""
        try:
            await self.done()
        except BaseException:
            step.close()
            raise
        self._step = asyncio.create_task(step)

    async def done(self) -> None:
        """Wait for the step that was begun; raises what it raised."""
        step, self._step = self._step, None
        try:
            if step:
                await step
        finally:
            # What it raised holds this frame, and the frame must not hold what raised it: see Turn.during.
            del step
