"""Child processes that are started together, watched, and never left behind."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from callvault.errors import Unavailable

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], Any] | int | None

LAUNCHER = Path(__file__).with_name("launch.py")
START_TIMEOUT = timedelta(seconds=60)
"""Generous: a cold Python or Node on a busy laptop takes its time."""
STOP_TIMEOUT = timedelta(seconds=10)
"""From SIGTERM to SIGKILL, for each process."""
POLL_INTERVAL = timedelta(milliseconds=20)
TAIL_LINES = 30
"""Lines of a log that an error message repeats."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a signal that asks to end; ``signum`` says which."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Process:
    """A child process in a session and process group of its own, with one log for all it prints."""

    def __init__(self, name: str, log: Path, child: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.log = log
        self._child = child

    @property
    def pid(self) -> int:
        """Also the id of its process group."""
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    def check(self) -> None:
        """Raise `Unavailable` with the end of its log when it has ended."""
        if self.exit_status is not None:
            raise Unavailable(
                f"{self.name} has ended with exit status {self.exit_status}. "
                f"The end of its log {self.log}:\n{self.tail()}",
                owner="callvault",
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

        Raises `Unavailable` when the process ends before, or when it takes too long.
        """
        end = time.monotonic() + timeout.total_seconds()
        # `ready` comes first: `Supervisor.run` waits for the end, which `check` takes for a fault.
        while (result := ready()) is None:
            self.check()
            if time.monotonic() > end:
                raise Unavailable(
                    f"{self.name} was not ready within {timeout.total_seconds():g} s. "
                    f"The end of its log {self.log}:\n{self.tail()}",
                    owner="callvault",
                )
            time.sleep(POLL_INTERVAL.total_seconds())
        return result

    def wait_for_end(self, timeout: timedelta = START_TIMEOUT) -> int:
        """Return its exit status once it has ended; `Unavailable` when it takes too long."""
        try:
            return self._child.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            raise Unavailable(
                f"{self.name} did not end within {timeout.total_seconds():g} s", owner="callvault"
            ) from None

    def stop(self, timeout: timedelta = STOP_TIMEOUT) -> None:
        """End it and everything in its process group: asked first, then killed."""
        if self.exit_status is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout.total_seconds())
        # After a good end, too: the process may have left others in its group.
        self._signal(signal.SIGKILL)
        self._child.wait()

    def _signal(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the group is gone, or only zombies
            os.killpg(self.pid, signum)

    def _printed(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


class Supervisor:
    """Starts child processes and stops them in reverse order at the end of its block.

    While the block is open, SIGINT, SIGTERM and SIGHUP raise `Interrupted` in it, except those that
    this program was started to ignore; they are deferred while a process is being started or
    stopped, so that none is left behind. No child ignores what its parent does. On Linux not even
    SIGKILL leaves a process behind, because the kernel then kills the children. The kernel does so
    too when the thread that started them ends: hence only the main thread may use a supervisor.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: list[Process] = []
        self._previous: dict[signal.Signals, Handler] = {}
        self._undisturbed = False
        self._pending: int | None = None

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
        ``<logs>/<name>.log``.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start processes from the main thread: they die with their thread")
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        # A signal between these lines would leave a process behind that no supervisor knows.
        with self._signals_wait(), log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - programs of ours, no user input
                [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), *command],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches this program alone, which then stops the others in order.
                start_new_session=True,
            )
            process = Process(name, log, child)
            self._processes.append(process)
        return process

    def run(
        self, name: str, command: Sequence[str | Path], *, environment: Mapping[str, str]
    ) -> None:
        """Start ``command`` and wait until it has done its work; `Unavailable` where it fails."""
        process = self.start(name, command, environment=environment)
        if process.wait_for(lambda: process.exit_status) != 0:
            process.check()
        process.stop()
        self._processes.remove(process)

    def check(self) -> None:
        """Raise `Unavailable` when any of the processes has ended."""
        for process in self._processes:
            process.check()

    def stop(self) -> None:
        """Stop every process, the youngest first."""
        with self._signals_wait():
            while self._processes:
                # Forgotten only once it has ended, for `atexit` may call this method again.
                self._processes[-1].stop()
                self._processes.pop()

    def __enter__(self) -> Self:
        # For a signal that arrives just before __exit__ begins.
        atexit.register(self.stop)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What is ignored stays so, as `nohup` and a background job of a script want it.
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._previous[signum] = signal.signal(signum, self._interrupt)
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
            for signum, handler in self._previous.items():
                # None stands for a handler that was not installed from Python.
                signal.signal(signum, handler or signal.SIG_DFL)
            atexit.unregister(self.stop)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._undisturbed:
            self._pending = signum
        else:
            raise Interrupted(signum)

    @contextmanager
    def _signals_wait(self) -> Iterator[None]:
        self._undisturbed = True
        try:
            yield
        finally:
            self._undisturbed = False
            pending, self._pending = self._pending, None
        # Not in `finally`: an error of the block is not to be replaced by a signal.
        if pending is not None:
            raise Interrupted(pending)
