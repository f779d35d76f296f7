"""The guards of a call: what Callvault does by itself while recordings are on.

A pause that ACS does not confirm in time fails closed: an alarm, and what the request or the
resource says (stop, go on asking, mark as doubtful). A pause that lasts too long is resumed or
alarmed. A recording that lasts too long is stopped.
"""

from collections.abc import Iterator
from datetime import datetime

from callvault.contracts.activity_io import ResourceGuards
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.base import shorten
from callvault.contracts.requests import ControlRequest, OnMaxPause, OnPauseFailure
from callvault.contracts.silence import UnconfirmedInterval
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.lifecycle import GUARD, Lifecycle


class Watchdog:
    """The guards of one call's recordings."""

    def __init__(self, call: Lifecycle, alarms: Alarms) -> None:
        self._call = call
        self._alarms = alarms

    def next_due(self) -> datetime | None:
        """Return when something is to be done next; None while nothing is."""
        moments = [
            *(moment for moment, _, _ in self._unconfirmed()),
            *(moment for moment, _, _ in self._long_pauses()),
            *(moment for moment, _ in self._long_recordings()),
            # No timer tells that a doubt is settled: its end is due at once.
            *(interval.since for interval in self._settled_intervals()),
        ]
        return min(moments, default=None)

    def act(self, now: datetime) -> None:
        """Do everything that has fallen due."""
        for moment, recording, record in list(self._unconfirmed()):
            if moment <= now:
                self._pause_failed(recording, record, "it is not confirmed yet", now)
        for moment, recording, pause in list(self._long_pauses()):
            if moment <= now:
                self._end_pause(recording, pause, now)
        for moment, recording in list(self._long_recordings()):
            if moment <= now:
                self._ask(Operation.STOP, f"recording {recording.number} reached its maximum", now)
        for interval in self._settled_intervals():
            interval.until = now

    def pause_refused(self, recording: RecordingStatus, why: str, now: datetime) -> None:
        """React to a pause that ACS has refused for good just now."""
        # Several requests may have waited for it: one alarm is enough for all of them, and none is
        # needed if the pause was alarmed before, because it took too long.
        failed = _failed_pauses(recording, self._call.status.requests, now)
        is_new = not any(record.is_overdue for record in failed)
        for record in failed:
            record.is_overdue = True
        if failed and is_new:
            self._pause_failed(recording, failed[0], why, now)

    def _settled_intervals(self) -> list[UnconfirmedInterval]:
        """Return the doubts that end: ACS is known to be silent, or is asked to record again."""
        # A pause that ACS refuses for good ends no doubt: what it should protect may still be said.
        return [
            interval
            for recording in self._call.status.recordings
            for interval in recording.silence.unconfirmed
            if interval.until is None
            and (
                not self._call.may_record(recording)
                or self._is_allowed_again(recording, interval.since)
            )
        ]

    def _is_allowed_again(self, recording: RecordingStatus, since: datetime) -> bool:
        """Tell if sound was asked for since then, and nothing holds it back."""
        return recording.target is Wanted.ACTIVE and any(
            record.operation == Operation.RESUME and record.requested_at >= since
            for record in self._call.status.requests.values()
            if record.recording == recording.number
        )

    def _pause_failed(
        self, recording: RecordingStatus, record: ControlRecord, why: str, now: datetime
    ) -> None:
        """Fail closed: ACS may be recording what it must not."""
        reaction = self._of(recording).on_pause_failure
        record.is_overdue = True
        record.problem = record.problem or shorten(f"{why}: {_REACTIONS[reaction]}")
        what = f"the pause asked by {record.requested_by} failed ({why}): {_REACTIONS[reaction]}"
        self._alarms.add(AlarmKind.PAUSE_UNCONFIRMED, Severity.CRITICAL, what, recording, now)
        # A later recording of the call is not stopped for an earlier one's pause.
        if reaction is OnPauseFailure.STOP and recording is self._call.current:
            self._ask(Operation.STOP, "a pause could not be confirmed", now)
        elif reaction is OnPauseFailure.MARK:
            recording.silence.unconfirmed.append(
                UnconfirmedInterval(since=record.requested_at, reason=why, is_finding=True)
            )

    def _end_pause(self, recording: RecordingStatus, pause: PauseRecord, now: datetime) -> None:
        pause.is_too_long = True
        if self._of(recording).on_max_pause is OnMaxPause.RESUME:
            self._ask(Operation.RESUME, "the pause lasted longer than it may", now)
            return
        what = f"paused by {pause.requested_by} since {pause.confirmed_at:%H:%M:%S} UTC"
        self._alarms.add(AlarmKind.PAUSE_TOO_LONG, Severity.WARNING, what, recording, now)

    def _ask(self, operation: Operation, reason: str, now: datetime) -> None:
        self._call.request(operation, ControlRequest(requested_by=GUARD, reason=reason), now)

    def _of(self, recording: RecordingStatus) -> ResourceGuards:
        """Return the guards of a recording: what its request says, else what its resource says."""
        own = recording.guards.model_dump(exclude_none=True, by_alias=False)
        return self._call.policy.guards.model_copy(update=own)

    def _live(self) -> Iterator[RecordingStatus]:
        for recording in self._call.status.recordings:
            if recording.origin == "requested" and recording.actual is not Actual.STOPPED:
                yield recording

    def _unconfirmed(self) -> Iterator[tuple[datetime, RecordingStatus, ControlRecord]]:
        for recording in self._live():
            timeout = self._of(recording).pause_confirm_within
            for record in self._call.requests.pending(recording):
                # Before a recording begins there is nothing to fear, unless it may just begin.
                may_record = recording.actual is not Actual.NONE or self._call.may_record(recording)
                if record.operation == Operation.PAUSE and not record.is_overdue and may_record:
                    yield record.requested_at + timeout, recording, record

    def _long_pauses(self) -> Iterator[tuple[datetime, RecordingStatus, PauseRecord]]:
        for recording in self._live():
            longest = self._of(recording).max_pause
            pause = recording.pauses[-1] if recording.pauses else None
            if longest is None or pause is None or pause.resumed_at or pause.is_too_long:
                continue
            if recording.wanted is Wanted.PAUSED and not recording.is_held:
                yield _since(recording, pause) + longest, recording, pause

    def _long_recordings(self) -> Iterator[tuple[datetime, RecordingStatus]]:
        for recording in self._live():
            longest = self._of(recording).max_duration
            if longest is None or recording.started_at is None:
                continue
            if recording is self._call.current and recording.wanted is not Wanted.STOPPED:
                yield recording.started_at + longest, recording


def _since(recording: RecordingStatus, pause: PauseRecord) -> datetime:
    """Return when a pause began to count."""
    # The time for which consent held the recording back is no pause of a backend's to limit.
    held_until = recording.holds[-1].until if recording.holds else None
    return max(pause.confirmed_at, held_until or pause.confirmed_at)


def _failed_pauses(
    recording: RecordingStatus, records: dict[str, ControlRecord], now: datetime
) -> list[ControlRecord]:
    """Return the requests to pause a recording that have failed at this moment, oldest first."""
    return [
        record
        for record in records.values()
        if record.recording == recording.number
        and record.operation == Operation.PAUSE
        and record.state is RequestState.FAILED
        and record.settled_at == now
    ]


_REACTIONS = {
    OnPauseFailure.STOP: "the recording is stopped",
    OnPauseFailure.ALARM: "it may still record, and is asked again",
    OnPauseFailure.MARK: "what it records meanwhile is marked as doubtful",
}
