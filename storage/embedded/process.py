"""One mongod on one folder: start it, say why it ended, end it, and end what a killed parent left behind."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from everreach.errors import DatabaseError
from storage.embedded.binary import environment_of
from storage.embedded.log import last_complaint

HOST = "127.0.0.1"

PORT_TAKEN = 48
"""The exit code of a mongod that could not listen (https://www.mongodb.com/docs/manual/reference/exit-codes/)."""

GRACE_SECONDS = 5.0
"""Seconds between SIGTERM and SIGKILL. A clean end takes one; our own process has ten for everything."""

_NEWER = " If a newer MongoDB wrote these files, put that one on the PATH, or set EVERREACH_DATA_DIR to another folder."


def listens(port: int) -> bool:
    """Tell whether somebody takes connections at this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port(wanted: int) -> int:
    """Return `wanted` if nobody listens there, else (and for 0) one that the kernel picks."""
    with socket.socket() as probe:
        # As mongod does it: connections of the one before that are not forgotten yet are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except (OSError, OverflowError):
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class MongodProcess:
    """At most one mongod, its files in `folder/db`, its log in `folder/mongod.log` and links to its libraries in
    `folder/lib`.

    `folder` is absolute. Every method blocks, so call them in a thread.
    """

    def __init__(self, folder: Path) -> None:
        self.files = folder / "db"
        self.log = folder / "mongod.log"
        self._links = folder / "lib"
        self._identity = ["--dbpath", str(self.files), "--logpath", str(self.log), "--logappend"]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, binary: Path, options: list[str], parameters: Mapping[str, str]) -> None:
        """Start it with our paths, then `options`, then `parameters` as --setParameter; OSError if that cannot be."""
        self.files.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            self.log.replace(self.log.with_suffix(".log.1"))
        assignments = [part for name, value in parameters.items() for part in ("--setParameter", f"{name}={value}")]
        # What is said before the log is open (a missing library, an unknown option) goes to the log as well.
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program is the one that find_mongod chose.
                [str(binary), *self._identity, *options, *assignments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment_of(binary, self._links),
                # Ctrl-C reaches every process of the terminal's group; mongod has to outlive the server's drain.
                start_new_session=True,
            )

    def runs(self) -> bool:
        """Tell whether the process that we launched has not ended."""
        return self._process is not None and self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        """How it ended: mongod's code, a negative signal number, or None where it has not."""
        return self._process.poll() if self._process else None

    def end(self, seconds: float | None = None) -> None:
        """End it: SIGTERM, SIGKILL after so many seconds, or the grace time. Does nothing where none runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def failure(self) -> DatabaseError:
        """Put into one sentence why it ended by itself, in the words of its log."""
        code = self.exit_code or 0
        ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        reason = " ".join(last_complaint(self.log).split()).rstrip(".") or "it gave no reason"
        return DatabaseError(
            f"The embedded MongoDB could not start on {self.files}: {reason} ({ending}; its log is {self.log})."
            + (_NEWER if "version" in reason.lower() else "")
        )

    def end_orphans(self) -> None:
        """End each mongod that was started here by a process that was then killed.

        Call it only while holding the folder's lock, so that no living parent can own what is found. Raises
        DatabaseError where an orphan cannot be ended. It is ended, not adopted: only a child of ours has the parameters
        that we were given, shows us its end, and is sure to be the binary of this installation. The price is a second.
        The search is by command line and not by a stored pid, so a parent killed before it could store one is covered.
        """
        for entry in Path("/proc").glob("[0-9]*"):
            if self._is_ours(int(entry.name)):
                self._end_orphan(int(entry.name))

    def _is_ours(self, pid: int) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        # A mongod that a person started on our files by hand has another log, and is theirs to end.
        return [os.fsdecode(argument) for argument in arguments[1:6]] == self._identity

    def _end_orphan(self, pid: int) -> None:
        try:
            with suppress(ProcessLookupError):
                self._signal_until_gone(pid)
        except OSError as error:
            advice = f"({error.strerror}). Please end process {pid}, then start again."
            raise DatabaseError(f"A mongod left on {self.files} could not be ended {advice}") from error

    def _signal_until_gone(self, pid: int) -> None:
        # A pid may be given to another process at any moment; a pidfd cannot, so look once more after it is open.
        pidfd = os.pidfd_open(pid)
        try:
            if self._is_ours(pid):
                gone = select.poll()
                gone.register(pidfd, select.POLLIN)
                signal.pidfd_send_signal(pidfd, signal.SIGTERM)
                if not gone.poll(GRACE_SECONDS * 1000):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    gone.poll(GRACE_SECONDS * 1000)
        finally:
            os.close(pidfd)
