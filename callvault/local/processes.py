"""Child processes that are started together, watched, and never left behind."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from callvault.errors import Unavailable
from callvault.local.logs import rotate
from callvault.local.signals import EndSignals

T = TypeVar("T")

LAUNCHER = Path(__file__).with_name("launch.py")
START_TIMEOUT = timedelta(seconds=60)
"""Generous: a cold Python or Node on a busy laptop takes its time."""
STOP_TIMEOUT = timedelta(seconds=10)
"""From SIGTERM to SIGKILL, for each process."""
POLL_INTERVAL = timedelta(milliseconds=20)
TAIL_LINES = 30
"""Lines of a log that an error message repeats."""


class PartFailed(Unavailable):
    """A child process has ended, or is not ready in time; the message has the end of its log."""

    owner = "callvault"


class Process:
    """A child process in a session and process group of its own, with one log for all it prints."""

    def __init__(self, name: str, log: Path, launch: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.log = log
        self._launch = launch
        self._ready: Callable[[], object | None] | None = None
        self._is_group_over = False
        self._child = launch()

    @property
    def pid(self) -> int:
        """Also the id of its process group."""
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    @property
    def is_ready(self) -> bool:
        """True once it is what was waited for first, in this life."""
        return self._ready is None or self._ready() is not None

    def check(self) -> None:
        """Raise `PartFailed` with the end of its log when it has ended."""
        if self.exit_status is not None:
            raise PartFailed(
                f"{self.name} has ended with exit status {self.exit_status}. "
                f"The end of its log {self.log}:\n{self.tail()}",
            )

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines it printed."""
        return "\n".join(self._printed()[-lines:])

    def announcement(self, key: str) -> dict[str, Any] | None:
        """Return the first line it printed that is a JSON object with ``key``, if there is one."""
        for line in self._printed():
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and key in said:
                    return said
        return None

    def wait_for(self, ready: Callable[[], T | None], timeout: timedelta = START_TIMEOUT) -> T:
        """Return what ``ready`` returns once it is not None.

        Raises `PartFailed` when the process ends before, or when it takes too long.
        """
        self._ready = self._ready or ready
        end = time.monotonic() + timeout.total_seconds()
        # `ready` comes first: `Supervisor.run` waits for the end, which `check` takes for a fault.
        while (result := ready()) is None:
            self.check()
            if time.monotonic() > end:
                raise PartFailed(
                    f"{self.name} was not ready within {timeout.total_seconds():g} s. "
                    f"The end of its log {self.log}:\n{self.tail()}",
                )
            time.sleep(POLL_INTERVAL.total_seconds())
        return result

    def wait_for_end(self, timeout: timedelta = START_TIMEOUT) -> int:
        """Return its exit status once it has ended; `PartFailed` when it takes too long."""
        try:
            return self._child.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            raise PartFailed(
                f"{self.name} did not end within {timeout.total_seconds():g} s"
            ) from None

    def stop(self, timeout: timedelta = STOP_TIMEOUT) -> None:
        """End it and everything in its process group: asked first, then killed."""
        if self.exit_status is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout.total_seconds())
        # After a good end, too: the process may have left others in its group.
        self.kill()
        self._child.wait()

    def kill(self) -> None:
        """Kill it and everything in its process group, and do not wait."""
        if not self._is_group_over:
            self._signal(signal.SIGKILL)
            # From then on another process may get the id.
            self._is_group_over = self.exit_status is not None

    def start_again(self) -> None:
        """Start the same program anew, after its end; only a supervisor may call this."""
        self._child, self._is_group_over = self._launch(), False

    def _signal(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the group is gone, or only zombies
            os.killpg(self.pid, signum)

    def _printed(self) -> list[str]:
        try:
            return self.log.read_text(errors="replace").splitlines()
        # Somebody has deleted it.
        except FileNotFoundError:
            return []


class Supervisor:
    """Starts child processes and stops them in reverse order at the end of its block.

    While the block is open, SIGINT, SIGTERM and SIGHUP raise `Interrupted` in it (SIGHUP not under
    `nohup`); they are deferred while a process is being started or stopped, so that none is left
    behind. A Ctrl-C while they are being stopped kills those that are left. No child ignores what
    its parent does. On Linux not even SIGKILL leaves a process behind, because the kernel then
    kills the children. The kernel does so too when the thread that started them ends: hence only
    the main thread may use a supervisor.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: list[Process] = []
        self._signals = EndSignals(self._kill)

    @property
    def processes(self) -> tuple[Process, ...]:
        """The processes in the order of their start."""
        return tuple(self._processes)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Process:
        """Start ``command`` and return at once; `Process.wait_for` tells when it is ready.

        It inherits this process's environment unless one is given. Its output goes to
        ``<logs>/<name>.log``; earlier logs of that name are kept, a few of them.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start processes from the main thread: they die with their thread")
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"

        def launch() -> subprocess.Popen[bytes]:
            rotate(log)
            with log.open("ab") as output:
                return _launch(command, environment, directory, output)

        # A signal between these lines would leave a process behind that no supervisor knows.
        with self._signals.deferred():
            process = Process(name, log, launch)
            self._processes.append(process)
        return process

    def start_again(self, process: Process) -> None:
        """Start a process of this supervisor anew, after its end; its log is a new one."""
        with self._signals.deferred():
            process.start_again()

    def run(
        self, name: str, command: Sequence[str | Path], *, environment: Mapping[str, str]
    ) -> None:
        """Start ``command`` and wait until it has done its work; `PartFailed` where it fails."""
        process = self.start(name, command, environment=environment)
        if process.wait_for(lambda: process.exit_status) != 0:
            process.check()
        process.stop()
        self._processes.remove(process)

    def check(self) -> None:
        """Raise `PartFailed` when any of the processes has ended."""
        for process in self._processes:
            process.check()

    def stop(self) -> None:
        """Stop every process, the youngest first."""
        with self._signals.deferred(is_ending=True):
            while self._processes:
                # Forgotten only once it has ended, for `atexit` may call this method again.
                self._processes[-1].stop()
                self._processes.pop()

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()

    def __enter__(self) -> Self:
        # For a signal that arrives just before __exit__ begins.
        atexit.register(self.stop)
        self._signals.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._signals.give_back()
            atexit.unregister(self.stop)


def _launch(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None,
    directory: Path | None,
    output: BinaryIO,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - programs of ours, no user input
        [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), *command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Ctrl-C reaches this program alone, which then stops the others in order.
        start_new_session=True,
    )
