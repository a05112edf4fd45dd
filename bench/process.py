"""A child process that ends with the bench, and what the kernel knows of it."""

import asyncio
import atexit
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Self


def reserved_port() -> socket.socket:
    """Return a socket whose port the kernel gives to nobody until it is closed; whoever is told of it may listen there.

    A port that is looked for, let go and taken later can be another process's by then. Two sockets may share one on
    Linux where both say so and only one listens, and every server here does: Tornado's, asyncio's and mongod.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def free_port() -> int:
    """Return a port on which nobody listens, and which nobody is given as long as this process lives."""
    holder = reserved_port()
    atexit.register(holder.close)
    return int(holder.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have spent, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """A child that is ended with the bench, whatever happens to it in between."""

    def __init__(self, module: str, *arguments: str, **environment: str) -> None:
        self._command: tuple[str, ...] = (sys.executable, "-m", module, *arguments)
        self._environment = {**os.environ, **environment}
        self._errors = asyncio.subprocess.DEVNULL

    def confine(self, files: int) -> None:
        """Have it start with half of so many files as its limit, which it may raise to all of them."""
        limited = f'ulimit -Sn {files // 2}; ulimit -Hn {files}; exec "$0" "$@"'
        self._command = ("/bin/sh", "-c", limited, *self._command)

    def log_to(self, file: int) -> None:
        """Have it write what it complains of there, and not nowhere."""
        self._errors = file

    async def __aenter__(self) -> Self:
        self.child = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=self._errors
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(signal.SIGTERM)

    async def end(self, number: signal.Signals) -> int:
        """Send the signal, unless the child is gone, and wait for its end. Returns its exit code."""
        if self.child.returncode is None:
            self.child.send_signal(number)
            # A stopped child would keep the signal waiting, but for the one that waits for nobody.
            if number != signal.SIGKILL:
                self.child.send_signal(signal.SIGCONT)
        return await self.child.wait()

    async def line(self) -> bytes:
        """The next line that the child says. Raises EOFError where there is none."""
        assert self.child.stdout
        if line := await self.child.stdout.readline():
            return line
        raise EOFError

    async def rest(self) -> bytes:
        """Everything that it says until its end."""
        assert self.child.stdout
        return await self.child.stdout.read()

    def peak_mib(self) -> float:
        """The most memory that the child ever had resident."""
        return self._kib("VmHWM") / 1024

    def resident_kib(self) -> int:
        """How much it has resident now."""
        return self._kib("VmRSS")

    def files(self) -> int:
        """How many it has open, connections and all."""
        return len(list(Path(f"/proc/{self.child.pid}/fd").iterdir()))

    def cpu_seconds(self) -> float:
        """What all its threads have spent, in user and system mode."""
        return cpu_seconds(self.child.pid)

    def _kib(self, name: str) -> int:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
