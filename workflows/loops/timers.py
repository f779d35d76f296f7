"""The timers loop: acts on all that falls due in the life of a call."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from temporalio import workflow

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.states import RecordingState
from callvault.contracts.status import RecordingStatus
from workflows.call.alarms import Alarms
from workflows.call.chunks import next_awaited
from workflows.call.consent_gate import ConsentGate
from workflows.call.deadlines import LOOK_TIMEOUT
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle
from workflows.loops.clock import Moment
from workflows.loops.loop import Run


class Source(NamedTuple):
    """One source of moments at which something is to be done."""

    next_due: Callable[[], datetime | None]
    act: Callable[[datetime], None]
    """Does all that is due at a moment; nothing may be due."""
    summary: str
    """The name of its timer, for a person who looks at the Web UI."""


class TimersLoop:
    """Minds missing files, the escalation, the guards, and consent that is never given."""

    is_interruptible = True
    is_idle = True
    is_done = True
    """What is due keeps its recording from its end, or is done as the loops end."""

    def __init__(
        self, run: Run, call: Lifecycle, alarms: Alarms, watchdog: Watchdog, gate: ConsentGate
    ) -> None:
        self._run = run
        missing = MissingFiles(call, alarms)
        self._sources = (
            Source(
                missing.next_due,
                missing.act,
                "last moment for a file of this recording to be announced",
            ),
            Source(
                alarms.next_due, alarms.raise_due, "the next alarm, unless all is archived by then"
            ),
            Source(watchdog.next_due, watchdog.act, "a pause or a recording reaches its limit"),
            Source(gate.next_due, gate.act, "until then consent may still be given"),
        )

    async def run(self) -> None:
        """Act on every source when it is due."""
        while not self._run.is_finished:
            # All moments, not the nearest alone: the clock keeps a timer that one of them needs.
            await self._run.clock.changed(self._looked_at, *self._moments())
            self.act(workflow.now())

    def act(self, now: datetime) -> None:
        """Do all that is due at this moment; nothing may be due."""
        for source in self._sources:
            source.act(now)

    def _looked_at(self) -> tuple[object, ...]:
        return self._run.is_finished, *(source.next_due() for source in self._sources)

    def _moments(self) -> list[Moment]:
        due = ((source.next_due(), source.summary) for source in self._sources)
        return [Moment(at, summary) for at, summary in due if at is not None]


class MissingFiles:
    """Closes the export window on recordings whose files were not all announced in time."""

    def __init__(self, call: Lifecycle, alarms: Alarms) -> None:
        self._call = call
        self._alarms = alarms

    def next_due(self) -> datetime | None:
        """Return the end of the nearest wait for files; None while none are awaited."""
        awaited = next_awaited(self._call.status)
        moments = [at for at, _ in self._undecided()]
        return min([*moments, awaited[0]] if awaited else moments, default=None)

    def act(self, now: datetime) -> None:
        """Close every window whose end has come."""
        while (awaited := next_awaited(self._call.status)) is not None and awaited[0] <= now:
            self._close_window(awaited[1], now)
        for at, recording in list(self._undecided()):
            if at <= now:
                why = ("`callvault recordings explain` tells the error", None)
                self._alarms.undecided(recording, "it", why, now)

    def _undecided(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        """Yield the recordings that only an archive could tell of, until that is alarmed."""
        for recording in self._call.status.recordings:
            since = recording.undecided_since
            if since is not None and not self._alarms.is_undecided(recording):
                yield since + LOOK_TIMEOUT, recording

    def _close_window(self, number: int, now: datetime) -> None:
        recording = self._call.recording(number)
        # Before something is told as lost, the archives are looked into, if they can be.
        is_searched = recording.looked_up >= max(recording.escalations, 1)
        may_be_lost = recording.recording_id is not None and not recording.state.is_final
        if may_be_lost and not is_searched:
            recording.undecided_since = now
            return
        self._call.window_closed(number, now)
        if recording.state is RecordingState.LOST:
            self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, recording.problem, recording, now)
