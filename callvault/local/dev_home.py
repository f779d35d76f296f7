"""The folder of `callvault dev`: what it keeps, what runs, and what is asked of it.

One process keeps the parts, and has the folder's lock as long as it lives. Others read its
``state.json`` and leave requests, one file for each part.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

from callvault.contracts.base import Message
from callvault.errors import ConfigurationError


class PartState(StrEnum):
    """State of a part of the stack."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """It has ended, and is started again in a moment."""
    STOPPED = "stopped"
    """Somebody asked for it."""
    DOWN = "down"
    """It has ended too often in a row."""


class PartRequest(StrEnum):
    """The requests that a part can be given."""

    STOP = "stop"
    START = "start"
    RESTART = "restart"


class PartStatus(Message):
    """One part, as `callvault dev status` shows it."""

    name: str
    state: PartState
    pid: int
    log: Path
    restarts: int = 0
    """How often it was started again because it had ended."""


class DevState(Message):
    """The running stack, as other commands find it."""

    pid: int
    """Of `callvault dev` itself."""
    started_at: datetime
    addresses: dict[str, str]
    control: str
    """Base URL of the emulator's control API."""
    variables: dict[str, str]
    """Make a shell's commands talk to the stack."""
    parts: tuple[PartStatus, ...]

    def part(self, name: str) -> PartStatus:
        """Return the status of a part that is there."""
        return next(part for part in self.parts if part.name == name)


class DevHome:
    """The folder: logs and keys stay, all else is made anew at each start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self.data = self.directory / "data"
        """Of Temporal, Azurite and the emulator: so that each can be started again."""
        self._requests = self.directory / "requests"
        self._state = self.directory / "state.json"
        self._lock_file = self.directory / "callvault-dev.lock"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Have the folder for this process alone; `ConfigurationError` where that cannot be."""
        with self._made() as lock:
            if not _locked(lock, fcntl.LOCK_EX):
                raise ConfigurationError(
                    f"`callvault dev` runs already, in {self.directory}: end it, or give this one a"
                    " folder of its own, `callvault dev --home DIRECTORY`"
                )
            self._forget()
            try:
                yield
            finally:
                self._forget()

    def _made(self) -> IO[str]:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What is deleted at each start must never be somebody's own.
            if any(self.directory.iterdir()) and not self._lock_file.exists():
                raise FileExistsError(errno.ENOTEMPTY, "it holds other files")
            return self._lock()
        except OSError as error:
            raise ConfigurationError(
                f"{self.directory} cannot be used: {error.strerror}. Give another folder,"
                " `callvault dev --home DIRECTORY`"
            ) from None

    def _forget(self) -> None:
        for folder in (self.data, self._requests):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        self._state.unlink(missing_ok=True)

    def _lock(self) -> IO[str]:
        # It is left to no child: files of Python are closed in them.
        return self._lock_file.open("a")

    def state(self) -> DevState:
        """Read the state of what runs; `ConfigurationError` where nothing does."""
        with suppress(FileNotFoundError), self._lock_file.open() as lock:
            # Shared: those who look do not take each other for the one who keeps the parts.
            if not _locked(lock, fcntl.LOCK_SH):
                return DevState.model_validate_json(self._state.read_bytes())
        raise ConfigurationError(
            f"`callvault dev` does not run in {self.directory}, or is not ready yet: start it in"
            " another terminal"
        )

    def write_state(self, state: DevState) -> None:
        """Tell others what runs."""
        _write(self._state, state.model_dump_json(indent=2))

    def ask(self, part: str, request: PartRequest) -> None:
        """Leave a request for the process that keeps the parts."""
        _write(self._requests / part, request)

    def is_asked(self, part: str) -> bool:
        """Tell if a request was left and not read yet."""
        return (self._requests / part).exists()

    def requests(self) -> Iterator[tuple[str, PartRequest]]:
        """Yield the requests that were left, each of them once."""
        for file in sorted(self._requests.iterdir()):
            if not file.suffix:
                request = PartRequest(file.read_text())
                yield file.name, request
                # Behind its carrying out: until then others see that it was not.
                file.unlink()


def default_home() -> Path:
    """Return the folder where programs keep what they need beyond a restart (XDG)."""
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            "nobody's home is known to keep anything in: set HOME, or XDG_STATE_HOME"
        ) from error
    return Path(state) / "callvault" / "dev"


def _locked(lock: IO[str], how: int) -> bool:
    """Lock a file until it is closed, unless another process has locked it."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all, readable by us alone."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(file)
