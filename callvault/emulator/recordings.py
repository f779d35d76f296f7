"""Recordings and their life: start, pause, resume, stop."""

from collections.abc import Callable
from datetime import timedelta

from callvault.emulator import errors
from callvault.emulator.behaviours import LiveBehaviours
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory
from callvault.emulator.model import (
    Call,
    CallKind,
    MediaState,
    Recording,
    RecordingOptions,
    SessionEnd,
)


class RecordingService:
    """The recordings and what is done to them; one that ended is unknown, as in the service."""

    def __init__(
        self,
        clock: EmulatorClock,
        ids: IdFactory,
        start_delay: timedelta,
        behaviours: LiveBehaviours,
        on_change: Callable[[Recording], None],
        on_end: Callable[[Recording], None],
    ) -> None:
        """Register the listeners.

        ``on_change`` is called after every start, pause, resume and end, ``on_end`` after ends.
        """
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
        """Recording id by the request id of a repeatable start."""
        return {key: each.recording_id for key, each in self._repeatable.items()}

    def restore(self, recordings: list[Recording]) -> None:
        """Add the recordings of an earlier run."""
        self._recordings.update((each.recording_id, each) for each in recordings)

    def restore_repeatable(self, repeatable: dict[str, str]) -> None:
        self._repeatable.update((key, self._recordings[one]) for key, one in repeatable.items())

    def start(
        self, call: Call | None, options: RecordingOptions, request_id: str | None = None
    ) -> Recording:
        """Begin recording; a repeated ``request_id`` is answered with the same recording."""
        # Before the checks: the recording that the first request began would refuse the second.
        if request_id and request_id in self._repeatable:
            return self._repeatable[request_id]
        recording = self._begin(_recordable(call, options), options)
        # Remembered without end: the service documents none.
        if request_id:
            self._repeatable[request_id] = recording
        return recording

    def get(self, recording_id: str) -> Recording:
        recording = self._recordings.get(recording_id)
        if recording is None or recording.ended_at:
            raise errors.recording_not_found()
        return recording

    def call_id_of(self, recording_id: str) -> str | None:
        """Return the callId of a recording, running or not; None if it is unknown."""
        recording = self._recordings.get(recording_id)
        return recording.call.call_id if recording else None

    def result(self, recording_id: str) -> Recording:
        """Return a recording, even an ended one, which only the ``result`` operation knows."""
        recording = self._recordings.get(recording_id)
        if recording is None or recording.failed_to_start:
            raise errors.recording_not_found()
        return recording

    def pause(self, recording_id: str) -> None:
        """Pause at once; pausing twice does what the behaviours say."""
        recording = self.get(recording_id)
        if recording.pause.is_on and self._behaviours.now.pause_twice == "400":
            raise errors.pause_not_allowed("Pausing")
        self._turn(recording, paused=True)

    def resume(self, recording_id: str) -> None:
        recording = self.get(recording_id)
        if not recording.pause.is_on and self._behaviours.now.resume_active == "400":
            raise errors.pause_not_allowed("Resuming")
        self._turn(recording, paused=False)

    def stop(self, recording_id: str) -> None:
        self._end(self.get(recording_id), SessionEnd.INITIATOR_LEFT)

    def end_all(self, call: Call) -> None:
        """End the recordings of a call that is over."""
        for recording in call.recordings:
            if not recording.ended_at:
                self._end(recording, SessionEnd.CALL_ENDED)

    def _begin(self, call: Call, options: RecordingOptions) -> Recording:
        now = self._clock.now()
        recording_id = self._ids.recording_id(call.call_connection_id)
        delay = self._start_delay if call.start_delay is None else call.start_delay
        recording = Recording(recording_id, call, options, now + delay)
        recording.pause.turn(options.pause_on_start, now)
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


def _recordable(call: Call | None, options: RecordingOptions) -> Call:
    if call is None:
        raise errors.unknown_call()
    if call.kind is CallKind.TEAMS_INTEROP:
        raise errors.teams_interop()
    if call.ended_at:
        raise errors.call_ended()
    running = (r for r in call.recordings if not r.ended_at)
    if any(r.options.media.kind == options.media.kind for r in running):
        raise errors.already_recording()
    return call
