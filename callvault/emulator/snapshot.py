"""State that outlives the process in ``--state-dir``: calls, recordings, files, keys, clock."""

from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict

from callvault.emulator.calls import CallRegistry
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.credentials import AccessKeys, KeyName
from callvault.emulator.model import (
    BlobLocations,
    Call,
    CallKind,
    MediaState,
    Participant,
    Recording,
    RecordingOptions,
    SessionEnd,
    Toggle,
)
from callvault.emulator.recordings import RecordingService
from callvault.emulator.storage import StoredChunk, TemporaryStorage


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SavedParticipant(_Saved):
    raw_id: str
    display_name: str
    voice: int
    participant_id: str
    presence: tuple[datetime, ...]
    speech: tuple[datetime, ...]
    tells_time: bool = False

    @classmethod
    def of(cls, who: Participant) -> Self:
        return cls(
            raw_id=who.raw_id,
            display_name=who.display_name,
            voice=who.voice,
            participant_id=who.participant_id,
            presence=who.presence.edges,
            speech=who.speech.edges,
            tells_time=who.tells_time,
        )

    def restored(self) -> Participant:
        return Participant(
            self.raw_id,
            self.display_name,
            self.voice,
            self.participant_id,
            Toggle(self.presence),
            Toggle(self.speech),
            self.tells_time,
        )


class SavedRecording(_Saved):
    recording_id: str
    options: RecordingOptions
    active_at: datetime
    pause: tuple[datetime, ...]
    ended_at: datetime | None
    session_end: SessionEnd | None
    media_state: MediaState
    chunks: tuple[StoredChunk, ...]
    failover_duplicates: tuple[StoredChunk, ...]
    failed_to_start: bool
    exported: tuple[BlobLocations, ...]
    export_error: str | None
    announced: bool

    @classmethod
    def of(cls, recording: Recording) -> Self:
        plain = {name: getattr(recording, name) for name in cls.model_fields if name != "pause"}
        return cls(**plain, pause=recording.pause.edges)

    def restored(self, call: Call) -> Recording:
        plain = {name: getattr(self, name) for name in type(self).model_fields if name != "pause"}
        return Recording(**plain, call=call, pause=Toggle(self.pause))


class SavedCall(_Saved):
    call_id: str
    server_call_id: str
    group_call_id: str
    call_connection_id: str
    room_id: str
    media_bytes: int | None
    clock_offset: timedelta = timedelta()
    start_delay: timedelta | None = None
    kind: CallKind
    started_at: datetime
    ended_at: datetime | None
    participants: list[SavedParticipant]
    recordings: list[SavedRecording]

    @classmethod
    def of(cls, call: Call) -> Self:
        return cls(
            **{name: getattr(call, name) for name in _CALL_FIELDS},
            # Of copies: jobs save in threads of their own while the server changes the call.
            participants=[SavedParticipant.of(each) for each in list(call.participants.values())],
            recordings=[SavedRecording.of(each) for each in list(call.recordings)],
        )

    def restored(self) -> Call:
        call = Call(**{name: getattr(self, name) for name in _CALL_FIELDS})
        call.participants = {each.raw_id: each.restored() for each in self.participants}
        call.recordings = [each.restored(call) for each in self.recordings]
        return call


_CALL_FIELDS = tuple(
    name for name in SavedCall.model_fields if name not in {"participants", "recordings"}
)


class SavedState(_Saved):
    run: int
    """Number of this run of the emulator on the directory, from 0."""
    clock_advanced: timedelta
    key_generations: dict[KeyName, int]
    calls: list[SavedCall]
    repeatable: dict[str, str]
    available: list[str]
    """Document ids of the chunks that can still be fetched."""


class Services(Protocol):
    """The parts of an emulator whose state is saved."""

    clock: EmulatorClock
    keys: AccessKeys
    calls: CallRegistry
    recordings: RecordingService
    storage: TemporaryStorage


class UnreadableState(ValueError):
    """The state directory holds something else, or the state of another version."""


class StateFile:
    """The file with the state, replaced as a whole, so that a killed process leaves the last one.

    The text of a call that is over is kept in memory, so that a thousand of them cost little.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "state.json"
        self._lock = Lock()
        self.loaded = self._load()
        self.run = self.loaded.run + 1 if self.loaded else 0
        self._over: dict[str, str] = {}

    def save(self, services: Services) -> None:
        # Read within the lock, too: an older state must not replace a newer one.
        with self._lock:
            beside = self._path.with_suffix(".new")
            beside.write_text(self._text(services), encoding="utf-8")
            beside.replace(self._path)

    def forget(self) -> None:
        with self._lock:
            self._path.unlink(missing_ok=True)
            self.loaded = None
            self._over.clear()

    def _text(self, services: Services) -> str:
        calls = ",".join(self._call(call) for call in services.calls.all())
        rest = self._rest(services).model_dump_json(exclude={"calls"})
        return f'{rest[:-1]},"calls":[{calls}]}}'

    def _call(self, call: Call) -> str:
        if call.call_id in self._over:
            return self._over[call.call_id]
        is_over = _is_over(call)  # before the text: a call may end while it is being written
        text = SavedCall.of(call).model_dump_json()
        if is_over:
            self._over[call.call_id] = text
        return text

    def _rest(self, services: Services) -> SavedState:
        return SavedState(
            run=self.run,
            clock_advanced=services.clock.advanced,
            key_generations=services.keys.generations,
            calls=[],
            repeatable=services.recordings.repeatable,
            available=[chunk.document_id for chunk in services.storage.available()],
        )

    def _load(self) -> SavedState | None:
        if not self._path.exists():
            return None
        try:
            return SavedState.model_validate_json(self._path.read_text(encoding="utf-8"))
        except ValueError as error:
            why = str(error).partition("\n")[0]
            raise UnreadableState(
                f"{self._path} is not the state of an emulator of this version ({why}): "
                "move the directory away to begin anew"
            ) from None


def _is_over(call: Call) -> bool:
    """Return True if a call can change no more."""
    return call.ended_at is not None and all(
        each.announced or each.media_state in {MediaState.NONE, MediaState.FAILED}
        for each in list(call.recordings)
    )
