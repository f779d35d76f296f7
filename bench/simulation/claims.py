"""The promises that silence is claimed where it is proven, and nowhere else.

- A reading says ``inactive``, is told to the workflow alone, and was sent when nothing that was
  asked of ACS could make a sound any more: then silence is claimed since it was back. An account
  that is always in doubt would break no other promise. Held against recordings whose start was
  answered; what a start that nobody answered has begun, and when, is not to be known.
- A reading whose answer was long on its way, and which proves a silence, is made again.
- A pause is confirmed by a reading that was sent after it had come.
- A pause counts as overdue no sooner than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.simulation import protocol
from bench.simulation.instance import Broken
from bench.simulation.protocol import Job
from bench.simulation.server import Activity
from callvault.contracts.activity_io import ACS_TIMEOUT, ControlResult
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord, RecordingStatus
from workflows.call.commands import Operation
from workflows.call.lifecycle import Lifecycle

_ARRIVES_WITHIN = ACS_TIMEOUT + timedelta(seconds=5)
"""Time for which a request that was given up may still arrive."""

_BEGINS_WITHIN = timedelta(seconds=30)
"""Time for which a recording may be starting that was accepted."""

_SLOW = timedelta(milliseconds=500)
"""Time in which somebody else may have resumed before the answer to a reading is back."""

_NEVER = datetime.max.replace(tzinfo=UTC)

_SOUNDS = ("start_recording", "resume_recording")
_READINGS = ("confirm_active", "read_state", "poll_state", "pause_recording")


@dataclass
class _Asked:
    """An activity that asks ACS, and the recording that it asks for."""

    activity: Activity
    number: int
    was_silent: bool
    """True if silence was claimed as it was begun."""

    @property
    def kind(self) -> str:
        return self.activity.kind


class Claims:
    """The moments from which on a reading proves silence, by recording."""

    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}
        """By the number of the activity, in the run that is open."""
        self._arrives_until: dict[int, datetime] = {}
        """Until when a sound that was asked for may still come; not there before a start."""
        self._begins_until: dict[int, datetime] = {}
        """Until when a recording that was accepted may be starting."""
        self._read_at: dict[int, datetime] = {}
        """When the last reading was sent that is known to have said ``inactive``."""
        self._confirmed: set[str] = set()
        self._overdue: set[str] = set()
        """Pauses, by the ids of their requests."""

    def begin_run(self) -> None:
        """Forget what was under way: no run leaves anything but polls to the next one."""
        self._asked.clear()

    def asks(self, activity: Activity, recording: RecordingStatus) -> None:
        """Take note of an activity that is begun."""
        if activity.kind in (*_SOUNDS, *_READINGS):
            was_silent = _is_claimed(recording)
            self._asked[activity.seq] = _Asked(activity, recording.number, was_silent)

    def check(
        self,
        jobs: Sequence[Job],
        told: Sequence[RecordingStateChanged],
        call: Lifecycle,
        now: datetime,
    ) -> None:
        """Fold what ACS has answered, and told, and look at what is claimed since."""
        for event in told:
            # Whatever was read before may be from before that sound.
            self._may_arrive(event.recording, now)
        for job in jobs:
            asked = self._asked.pop(job.resolve_activity.seq, None)
            if asked is None:
                continue
            # The answer to a start that was called off may not be waited for.
            is_called_off = asked.kind == "start_recording" and asked.activity.is_cancelled
            seen = None if is_called_off else _result(job)
            if seen is not None and len(jobs) == 1 and self._is_proof(asked, seen):
                _check_claimed(call, call.recording(asked.number), seen)
            self._fold(asked, seen, now)
        for key, record in call.status.requests.items():
            if record.operation == Operation.PAUSE:
                self._check_pause(key, record, call, now)

    def _check_pause(self, key: str, record: ControlRecord, call: Lifecycle, now: datetime) -> None:
        recording = call.recording(record.recording)
        if record.state is RequestState.CONFIRMED and key not in self._confirmed:
            self._confirmed.add(key)
            read_at = self._read_at.get(recording.number)
            is_read = read_at is not None and read_at >= record.received_at
            begun_at = recording.sound.begun_at
            # What has not begun is silent, also if that was what its start had waited for.
            has_begun = begun_at is not None and begun_at < (record.settled_at or now)
            if has_begun and not is_read:
                raise Broken("a pause is confirmed that nobody has read")
        if record.is_overdue and key not in self._overdue:
            self._overdue.add(key)
            due_at = record.requested_at + call.guards_of(recording).pause_confirm_within
            if record.state is RequestState.PENDING and now < due_at:
                raise Broken("a pause counts as overdue before its time")

    def _is_proof(self, asked: _Asked, seen: ControlResult) -> bool:
        if seen.state != "inactive" or asked.kind not in _READINGS:
            return False
        number, sent_at = asked.number, seen.read_at
        is_asking = (
            each.number == number and each.kind in _SOUNDS for each in self._asked.values()
        )
        known = (times.get(number, _NEVER) for times in (self._arrives_until, self._begins_until))
        return sent_at is not None and sent_at >= max(known) and not any(is_asking)

    def _fold(self, asked: _Asked, seen: ControlResult | None, now: datetime) -> None:
        """Take note of what may make a sound from now on."""
        number, received_at = asked.number, (seen and seen.received_at) or now
        is_active = seen is not None and seen.state == "active"
        if asked.kind == "start_recording":
            self._may_arrive(number, received_at if seen else _NEVER)
            self._begins_until[number] = received_at + _BEGINS_WITHIN
        elif asked.kind == "resume_recording" and not (is_active and asked.was_silent):
            self._may_arrive(number, received_at + _ARRIVES_WITHIN)
        if seen is not None and seen.unanswered_at and asked.kind in _SOUNDS:
            self._may_arrive(number, seen.unanswered_at + _ARRIVES_WITHIN)
        if seen is not None and asked.kind in _READINGS:
            read_at = seen.read_at if seen.state == "inactive" else seen.inactive_at
            if read_at is not None:
                self._read_at[number] = max(self._read_at.get(number, read_at), read_at)
        if is_active:
            self._begins_until[number] = received_at
            self._may_arrive(number, received_at)

    def _may_arrive(self, number: int, until: datetime) -> None:
        self._arrives_until[number] = max(self._arrives_until.get(number, until), until)


def _check_claimed(call: Lifecycle, recording: RecordingStatus, seen: ControlResult) -> None:
    sound = recording.sound
    # What was asked for next has ended the silence.
    if sound.over_at is not None or sound.is_sound_asked:
        return
    if not _is_claimed(recording):
        raise Broken("silence is proven, and is not claimed")
    is_new = recording.silence.silent[-1].since == seen.received_at
    took = seen.received_at - seen.read_at if seen.received_at and seen.read_at else timedelta()
    if is_new and took > _SLOW and not (recording.needs_read or call.in_flight):
        raise Broken("what a slow reading proves is not read again")


def _result(job: Job) -> ControlResult | None:
    result = job.resolve_activity.result
    if not result.HasField("completed"):
        return None
    seen: ControlResult = protocol.value_of(result.completed.result, ControlResult)
    return seen


def _is_claimed(recording: RecordingStatus) -> bool:
    silent = recording.silence.silent
    return bool(silent) and silent[-1].until is None
