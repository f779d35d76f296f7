"""Helpers of the state machine's tests: requests, answers of ACS, announced files."""

from datetime import UTC, datetime, timedelta
from typing import Any

from callvault.contracts.activity_io import ArchivedChunk, ControlResult
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.participants import ParticipantChanged, participant_hash
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from tests.policies import a_policy
from workflows.call import acs_answers, callbacks
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey
from workflows.call.commands import Command, Operation
from workflows.call.consent_gate import ConsentGate
from workflows.call.lifecycle import Lifecycle

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(hours=48)
SECOND = timedelta(seconds=1)
POLICY = a_policy(export_window=WINDOW)


ALL = "all_parties"


def hashed(who: str) -> str:
    """Return the hash of a participant, as a workflow has it."""
    return participant_hash(who, "key")


def chunk(index: int = 0, *, reason: str = "SessionEnded", document: str = "") -> RecordingChunk:
    """Make a chunk of an event; without another end reason it ends its recording."""
    document = document or f"0-eus-d1-{index:032x}"
    return RecordingChunk(
        document_id=document,
        index=index,
        end_reason=reason,
        content_location=f"https://us-storage.asm.skype.com/v1/objects/{document}/content/video",
    )


def more(index: int = 0, **facts: Any) -> RecordingChunk:
    """Make a chunk that is followed by another one."""
    return chunk(index, reason="ChunkMaximumSizeExceeded", **facts)


def event(
    *chunks: RecordingChunk,
    of: str | None = "recording-1",
    at: datetime = NOON,
    ended: str = "CallEnded",
    **facts: Any,
) -> FileStatusUpdated:
    """Make an event about chunks of the recording with the id ``of``."""
    return FileStatusUpdated(
        event_time=at, recording_id=of, chunks=chunks, session_end_reason=ended, **facts
    )


def archived(size: int = 10, at: datetime = NOON) -> ArchivedChunk:
    return ArchivedChunk(
        archive="main",
        object_name="recordings/1/0.mp4",
        location="/archive/recordings/1/0.mp4",
        size=size,
        sha256="0" * 64,
        verified_at=at,
    )


class Call:
    """A call whose clock advances one second with every action."""

    def __init__(self, **request: Any) -> None:
        self.now = NOON
        self.life = Lifecycle.begin(
            RecordingRequest.model_validate(
                {"server_call_id": "call-1", "requested_by": "backend", **request}
            ),
            NOON,
        )
        self.life.policy_known(POLICY)
        self.life.settle_all(NOON)
        self.alarms = Alarms(self.life.status, "workflow")
        self.gate = ConsentGate(self.life, self.alarms)
        self.starts = 0

    # Actions.

    def asks(self, operation: str, **request: Any) -> ControlRecord:
        """Fold a request of a backend."""
        model = StartRequest if operation == Operation.START else ControlRequest
        if operation == Operation.RESUME and self.holder:
            request.setdefault("requested_by", self.holder)
        return self.life.request(Operation(operation), model.model_validate(request), self.ticks())

    def is_asked(self, operation: str) -> Command:
        """Send the next command, which must be this one."""
        command = self.life.next_command()
        assert command is not None, f"nothing is to be asked, not even to {operation}"
        assert command.operation == operation
        self.life.command_sent(command, self.now)
        return command

    def answers(self, command: Command, state: str = "inactive") -> None:
        """Fold the answer of ACS to the command in flight."""
        self.starts += command.operation is Operation.START
        known = self.life.recording(command.recording).recording_id
        outcome = ControlResult.model_validate(
            {"recording_id": known or f"recording-{self.starts}", "state": state}
        )
        acs_answers.answered(self.life, command, outcome, self.ticks())

    def confirms(self, *verbs: str) -> "Call":
        """Send these commands, one after the other, and fold a confirmation of each."""
        for operation in verbs:
            self.answers(self.is_asked(operation))
        return self

    def reads(self, state: str, command: Command | None = None) -> str | None:
        """Send the reading that is due, unless it is under way, and fold what it says."""
        command = command or self.is_asked("read")
        self.answers(command, state)
        return callbacks.observed(self.life, self.recording, seen(state), self.ticks())

    def polls(self, state: str, after: timedelta = timedelta()) -> str | None:
        """Fold what a poll has found a while later."""
        self.now += after
        return callbacks.observed(self.life, self.recording, seen(state), self.ticks())

    def gives_up(self, command: Command) -> None:
        acs_answers.given_up(self.life, command, self.ticks())

    def refuses(self, command: Command, problem: str = "the key is not accepted") -> None:
        """Fold a final refusal of ACS."""
        acs_answers.failed(self.life, command, problem, self.ticks())

    def announced(self, *chunks: RecordingChunk, **facts: Any) -> None:
        self.life.files_announced(event(*chunks, **facts), self.ticks())

    def decides(self, who: str, given: bool, **facts: Any) -> ConsentRecord | None:
        """Fold the decision of a participant."""
        decision = ConsentDecision.model_validate(
            {"participant": hashed(who), "given": given, **facts}
        )
        return self.gate.decided(decision, self.ticks())

    def agrees(self, *people: str, **facts: Any) -> None:
        for who in people:
            self.decides(who, True, **facts)

    def withdraws(self, who: str, **facts: Any) -> None:
        self.decides(who, False, **facts)

    def joins(self, *people: str, **facts: Any) -> None:
        for who in people:
            self._moves(who, True, facts)

    def leaves(self, *people: str, **facts: Any) -> None:
        for who in people:
            self._moves(who, False, facts)

    def _moves(self, who: str, joined: bool, facts: dict[str, Any]) -> None:
        change = {"participant": hashed(who), "joined": joined, **facts}
        self.gate.participant_changed(ParticipantChanged.model_validate(change), self.ticks())

    def ends(self) -> None:
        self.life.call_ended(CallEnded(reason="everybody left"), self.ticks())

    def archives(self, chunk: RecordingChunk) -> None:
        self.life.chunk_archived(ChunkKey.of(chunk), archived(at=self.now), self.ticks())

    def loses(self, chunk: RecordingChunk, reason: str = "404 for an hour") -> None:
        self.life.chunk_lost(ChunkKey.of(chunk), reason, self.ticks())

    def ticks(self) -> datetime:
        self.now += SECOND
        return self.now

    # State.

    @property
    def recording(self) -> RecordingStatus:
        """Return the first recording of the call."""
        return self.life.recording(1)

    @property
    def has_paused(self) -> bool:
        """Tell if the last decision may be answered."""
        return self.gate.has_paused(self.life.status.consents[-1].received_at)

    @property
    def confirmed_pauses(self) -> list[PauseRecord]:
        return [pause for pause in self.recording.pauses if pause.confirmed_at is not None]

    @property
    def holder(self) -> str | None:
        """Return who asked for the newest pause that is still held."""
        current = self.life.current
        held = [pause for pause in current.pauses if pause.is_open] if current else []
        return held[-1].requested_by if held else None

    @property
    def next(self) -> str | None:
        """Return the operation that would be sent to ACS now."""
        command = self.life.next_command()
        return command.operation if command else None

    @property
    def timeline(self) -> str:
        return "\n".join(entry.what for entry in self.life.status.timeline)


def seen(state: str) -> ControlResult:
    return ControlResult.model_validate({"recording_id": "recording-1", "state": state})


def recording_call(**request: Any) -> Call:
    """Make a call that is being recorded."""
    return Call(**request).confirms("start", "confirm")


def paused_call() -> Call:
    call = recording_call()
    call.asks("pause", requested_by="agent", reason="card number")
    return call.confirms("pause")


def awaiting(policy: str = ALL, *people: str, **terms: Any) -> Call:
    """A call that nobody has agreed to have recorded; these people are in it."""
    participants = [hashed(who) for who in people]
    if policy == "named":
        terms["consent_participants"] = participants
    return Call(consent_policy=policy, participants=participants, **terms)


def agreed(policy: str = ALL, **terms: Any) -> Call:
    """A call of Ana and Ben, who both agree, and which is recorded."""
    call = awaiting(policy, "ana", "ben", **terms)
    call.agrees("ana", "ben")
    return call.confirms("start", "confirm")


def stopped_call() -> Call:
    """Make a call whose recording was stopped and whose files are not announced yet."""
    call = recording_call()
    call.asks("stop")
    return call.confirms("stop")
