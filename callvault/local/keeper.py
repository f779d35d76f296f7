"""Parts of a stack that are kept running: what ends is started again, what is asked for is done."""

import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from callvault.local.dev_home import PartRequest, PartState, PartStatus
from callvault.local.logs import bound
from callvault.local.processes import Process, Supervisor

MAX_RESTARTS = 5
"""In a row; then a part stays down until somebody starts it."""

STABLE_AFTER = timedelta(seconds=60)
"""An end counts as the first one if the part has run for so long."""

FIRST_BACKOFF = timedelta(seconds=1)
"""From the first end to the next start; doubled with every further end in a row."""

SHOWN_LINES = 10
"""Lines of its log that are told of a part that has ended."""

Tell = Callable[[str], None]


class Part:
    """A part of the stack, and how often it has ended in a row."""

    def __init__(self, process: Process, supervisor: Supervisor, tell: Tell) -> None:
        self.process = process
        self.state = PartState.RUNNING
        self._supervisor = supervisor
        self._tell = tell
        self._ends = 0
        self._restarts = 0
        self._since = time.monotonic()
        self._again_at = 0.0

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def status(self) -> PartStatus:
        """The part as others see it."""
        process = self.process
        return PartStatus(
            name=process.name,
            state=self.state,
            pid=process.pid,
            log=process.log,
            restarts=self._restarts,
        )

    def look(self) -> bool:
        """Do what is due; return True if it has just become ready again."""
        if self.state is PartState.WAITING and time.monotonic() >= self._again_at:
            self._restarts += 1
            self._start()
        elif self.state in (PartState.STARTING, PartState.RUNNING):
            if self.process.exit_status is not None:
                self._has_ended()
            elif self.state is PartState.STARTING and self.process.is_ready:
                self.state = PartState.RUNNING
                self._tell(f"{self.name} is ready again.")
                return True
        return False

    def obey(self, request: PartRequest) -> None:
        """Stop the part, start it, or both; what is so already is left as it is."""
        is_up = self.state in (PartState.STARTING, PartState.RUNNING)
        if request is not PartRequest.START:
            self.process.stop()
            self.state = PartState.STOPPED
            self._tell(f"{self.name} was stopped, as asked.")
        if request is PartRequest.RESTART or (request is PartRequest.START and not is_up):
            self._ends = 0
            self._start()

    def _start(self) -> None:
        self._supervisor.start_again(self.process)
        self._since = time.monotonic()
        self.state = PartState.STARTING

    def _has_ended(self) -> None:
        # At once: what it has left in its process group would go on beside its successor.
        self.process.kill()
        lasted = time.monotonic() - self._since
        self._ends = 1 if lasted >= STABLE_AFTER.total_seconds() else self._ends + 1
        if self._ends > MAX_RESTARTS:
            self.state = PartState.DOWN
            then = f"That was the {self._ends}th time in a row: it stays down until it is started."
        else:
            wait = FIRST_BACKOFF * 2 ** (self._ends - 1)
            self.state = PartState.WAITING
            self._again_at = time.monotonic() + wait.total_seconds()
            then = (
                f"It is started again in {wait.total_seconds():g} s"
                f" ({self._ends} of {MAX_RESTARTS})."
            )
        self._tell(f"{self._describe_end()}\n{then}")

    def _describe_end(self) -> str:
        status = self.process.exit_status or 0
        how = (
            f"was killed by {signal.Signals(-status).name}"
            if status < 0
            else f"has ended with exit status {status}"
        )
        lines = self.process.tail(SHOWN_LINES).splitlines()
        shown = "\n".join(["", *(f"  | {line}" for line in lines)])
        return f"{self.name} {how}. The end of its log, {self.process.log}:{shown}"


class Keeper:
    """All parts of a stack."""

    def __init__(self, supervisor: Supervisor, tell: Tell, on_ready: Callable[[str], None]) -> None:
        self.parts = [Part(process, supervisor, tell) for process in supervisor.processes]
        self._on_ready = on_ready

    @property
    def statuses(self) -> tuple[PartStatus, ...]:
        """All parts as others see them."""
        return tuple(part.status for part in self.parts)

    def look(self, requests: Iterable[tuple[str, PartRequest]]) -> None:
        """Do what is due and what is asked."""
        for name, request in requests:
            for part in self.parts:
                if part.name == name:
                    part.obey(request)
        for part in self.parts:
            bound(part.process.log)
            if part.look():
                self._on_ready(part.name)
