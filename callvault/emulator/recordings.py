"""Recordings and their life; touched only on the server's event loop, which is its guard."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from . import refusals
from .calls import Call, CallKind, Switch
from .clock import EmulatorClock
from .ids import IdFactory
from .storage import StoredChunk


class SessionEnd(StrEnum):
    """``sessionEndReason`` of the file event."""

    CALL_ENDED = "CallEnded"
    INITIATOR_LEFT = "InitiatorLeft"


class MediaState(StrEnum):
    """What became of the file."""

    AWAITED = "awaited"
    RENDERING = "rendering"
    READY = "ready"
    NONE = "none"
    FAILED = "failed"


class MediaFormat(NamedTuple):
    """What is recorded, in the words of the REST API."""

    content: str
    channel: str
    container: str

    @property
    def kind(self) -> tuple[str, str]:
        """A call holds one recording of a kind at a time; the container does not count."""
        return self.content, self.channel


@dataclass(frozen=True, slots=True)
class Order:
    """What a start asks for, checked."""

    media: MediaFormat
    pause_on_start: bool = False
    channels: tuple[str, ...] = ()
    """Raw ids for the first channels of an unmixed recording."""


@dataclass
class Recording:
    recording_id: str
    call: Call
    order: Order
    active_at: datetime
    pause: Switch = field(default_factory=Switch)
    ended_at: datetime | None = None
    session_end: SessionEnd | None = None
    media_state: MediaState = MediaState.AWAITED
    chunks: tuple[StoredChunk, ...] = ()

    def phase(self, now: datetime) -> str:
        """The truth, which the service does not tell: starting, active, paused or stopped."""
        if self.ended_at:
            return "stopped"
        if now < self.active_at:
            return "starting"
        return "paused" if self.pause.is_on else "active"

    def wire_state(self, now: datetime) -> str:
        """What the service tells: a paused recording looks like one that has not begun."""
        return "active" if self.phase(now) == "active" else "inactive"


class RecordingService:
    """Start, pause, resume, stop; a recording that ended is unknown, as in the service."""

    def __init__(
        self,
        clock: EmulatorClock,
        ids: IdFactory,
        start_delay: timedelta,
        on_end: Callable[[Recording], None],
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._start_delay = start_delay
        self._on_end = on_end
        self._recordings: dict[str, Recording] = {}
        self._repeatable: dict[str, Recording] = {}

    def start(self, call: Call | None, order: Order, request_id: str | None = None) -> Recording:
        """Begin recording; a repeated ``request_id`` is answered with the same recording."""
        if request_id and request_id in self._repeatable:
            return self._repeatable[request_id]
        recording = self._begin(_recordable(call, order), order)
        if request_id:
            self._repeatable[request_id] = recording
        return recording

    def get(self, recording_id: str) -> Recording:
        recording = self._recordings.get(recording_id)
        if recording is None or recording.ended_at:
            raise refusals.recording_not_found()
        return recording

    def pause(self, recording_id: str) -> None:
        """Take effect at once; pausing twice changes nothing."""
        self._turn(recording_id, paused=True)

    def resume(self, recording_id: str) -> None:
        self._turn(recording_id, paused=False)

    def stop(self, recording_id: str) -> None:
        self._end(self.get(recording_id), SessionEnd.INITIATOR_LEFT)

    def end_all(self, call: Call) -> None:
        """The call is over, and with it what was recorded of it."""
        for recording in call.recordings:
            if not recording.ended_at:
                self._end(recording, SessionEnd.CALL_ENDED)

    def _begin(self, call: Call, order: Order) -> Recording:
        now = self._clock.now()
        recording = Recording(self._ids.recording_id(), call, order, now + self._start_delay)
        recording.pause.turn(order.pause_on_start, now)
        self._recordings[recording.recording_id] = recording
        call.recordings.append(recording)
        return recording

    def _turn(self, recording_id: str, *, paused: bool) -> None:
        self.get(recording_id).pause.turn(paused, self._clock.now())

    def _end(self, recording: Recording, reason: SessionEnd) -> None:
        recording.ended_at = self._clock.now()
        recording.session_end = reason
        self._on_end(recording)


def _recordable(call: Call | None, order: Order) -> Call:
    if call is None:
        raise refusals.unknown_call()
    if call.kind is CallKind.TEAMS_INTEROP:
        raise refusals.teams_interop()
    if call.ended_at:
        raise refusals.call_ended()
    running = (r for r in call.recordings if not r.ended_at)
    if any(r.order.media.kind == order.media.kind for r in running):
        raise refusals.already_recording()
    return call
