"""Recordings and their life; touched only on the server's event loop, which is its guard."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from callvault.emulator import errors as refusals
from callvault.emulator.behaviours import LiveBehaviours
from callvault.emulator.calls import Call, CallKind, Switch
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory
from callvault.emulator.storage import StoredChunk


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
    channels: tuple[str | None, ...] = ()
    """Raw ids for the first channels of an unmixed recording; None leaves a channel to others."""
    callback_uri: str | None = None
    """Where the service tells of the recording's states."""
    container_url: str | None = None
    """Storage of one's own, for media and metadata."""


class BlobLocations(NamedTuple):
    """URLs of a chunk's two blobs, without a signature."""

    content: str
    metadata: str


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
    twins: tuple[StoredChunk, ...] = ()
    """Other documents under the same indices, as a fail-over of the service leaves them."""
    failed_to_start: bool = False
    """Accepted, but it never came to be."""
    exported: tuple[BlobLocations, ...] = ()
    """Where each chunk is in storage of one's own."""
    export_error: str | None = None
    """Why nothing is there."""
    announced: bool = False
    """Its file event was published."""

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
        behaviours: LiveBehaviours,
        on_change: Callable[[Recording], None],
        on_end: Callable[[Recording], None],
    ) -> None:
        """``on_change`` hears of every start, pause, resume and end, ``on_end`` of ends only."""
        self._clock = clock
        self._ids = ids
        self._start_delay = start_delay
        self._behaviours = behaviours
        self._on_change = on_change
        self._on_end = on_end
        self._recordings: dict[str, Recording] = {}
        self._repeatable: dict[str, Recording] = {}

    @property
    def repeatable(self) -> dict[str, str]:
        """Which recording each repeatable start began."""
        return {key: each.recording_id for key, each in self._repeatable.items()}

    def restore(self, recordings: list[Recording]) -> None:
        """Take in the recordings of an earlier run."""
        self._recordings.update((each.recording_id, each) for each in recordings)

    def restore_repeatable(self, repeatable: dict[str, str]) -> None:
        self._repeatable.update((key, self._recordings[one]) for key, one in repeatable.items())

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

    def result(self, recording_id: str) -> Recording:
        """The recording, ended ones too: only the preview's ``result`` operation knows those."""
        recording = self._recordings.get(recording_id)
        if recording is None or recording.failed_to_start:
            raise refusals.recording_not_found()
        return recording

    def pause(self, recording_id: str) -> None:
        """Take effect at once; pausing twice does what the behaviours say."""
        recording = self.get(recording_id)
        if recording.pause.is_on and self._behaviours.now.pause_twice == "400":
            raise refusals.pause_not_allowed("Pausing")
        self._turn(recording, paused=True)

    def resume(self, recording_id: str) -> None:
        recording = self.get(recording_id)
        if not recording.pause.is_on and self._behaviours.now.resume_active == "400":
            raise refusals.pause_not_allowed("Resuming")
        self._turn(recording, paused=False)

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
        if self._fails():
            recording.failed_to_start, recording.ended_at = True, now
            recording.media_state = MediaState.NONE
        self._recordings[recording.recording_id] = recording
        call.recordings.append(recording)
        self._on_change(recording)
        return recording

    def _fails(self) -> bool:
        behaviours = self._behaviours.now
        return behaviours.start == "202" and behaviours.start_fails

    def _turn(self, recording: Recording, *, paused: bool) -> None:
        recording.pause.turn(paused, self._clock.now())
        self._on_change(recording)

    def _end(self, recording: Recording, reason: SessionEnd) -> None:
        recording.ended_at = self._clock.now()
        recording.session_end = reason
        self._on_change(recording)
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
