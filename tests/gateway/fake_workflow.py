"""A workflow with the names of the production one, which only records its messages."""

from datetime import UTC, datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from callvault.contracts import names
from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.events import (
    FileStatusUpdated,
    RecordingChunk,
    RecordingStateChanged,
)
from callvault.contracts.hold_messages import HoldRequest, ReleaseRequest
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import CallEnded, ControlRequest, RecordingRequest, StartRequest
from callvault.contracts.results import CallResult, ChunkResult, RecordingResult
from callvault.contracts.states import ChunkState, RecordingState, RequestState, Wanted
from callvault.contracts.status import (
    CallStatus,
    ChunkStatus,
    ControlRecord,
    PauseHolder,
    RecordingStatus,
)
from tests.policies import a_policy

RECORDING_ID = "recording-of-acs"
POLICY = a_policy()
HELD_SINCE = datetime(2026, 3, 2, 12, tzinfo=UTC)
KNOWS = "knows "
"""Prefix of a reason: the recording id after it becomes a search attribute."""

HOLDS = "holds "
"""Prefix of a reason: a recording id, an archive and an object in it, which is its only file."""

ANSWERS: dict[str, dict[str, Any]] = {
    "superseded": {
        "state": RequestState.SUPERSEDED,
        "problem": "superseded by the resume of ben",
        "may_be_recording": True,
    },
    "still paused": {
        "state": RequestState.SUPERSEDED,
        "problem": "released yours; it stays paused by ben",
        "held_by": [PauseHolder(requested_by="ben", reason="diagnosis", since=HELD_SINCE)],
    },
    "overdue": {
        "state": RequestState.SUPERSEDED,
        "is_overdue": True,
        "problem": "it is not confirmed yet",
        "may_be_recording": True,
    },
    "pending": {
        "state": RequestState.PENDING,
        "problem": "it is not confirmed yet: it may still take effect",
        "may_be_recording": True,
    },
    "expired": {
        "state": RequestState.FAILED,
        "problem": "it expired before ACS had confirmed it",
        "expires_at": HELD_SINCE,
        "settled_at": HELD_SINCE,
    },
    "failed": {
        "state": RequestState.FAILED,
        "problem": "pause failed: access denied",
        "may_be_recording": True,
    },
}
"""What becomes of requests with these reasons."""

ARCHIVES = "archives"
"""Suffix of a reason: the workflow ends as if every announced file were archived."""


@workflow.defn(name=names.WORKFLOW_TYPE)
class FakeRecordingWorkflow:
    @workflow.init
    def __init__(self, payload: Any, carried: Any = None, earlier: Any = None) -> None:
        self.request = RecordingRequest.model_validate(payload)
        self.earlier = earlier
        self.carried = carried
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.answered: dict[tuple[str, str | None], ControlRecord] = {}
        self.stopped = False
        self.ended = False

    @workflow.run
    async def run(
        self, payload: Any, carried: Any = None, earlier: Any = None
    ) -> CallResult | None:
        request = self.request
        workflow.upsert_search_attributes([names.RESOURCE.value_set(request.resource)])
        if request.reason.startswith(KNOWS):
            recording_id = request.reason.removeprefix(KNOWS).removesuffix(f" {ARCHIVES}")
            workflow.upsert_search_attributes([names.RECORDING_IDS.value_set([recording_id])])
        await workflow.wait_condition(lambda: self.ended)
        return self._result() if request.reason.endswith(ARCHIVES) else None

    @workflow.signal(name=names.FILE_STATUS_UPDATED)
    def files(self, event: FileStatusUpdated) -> None:
        self._receive(names.FILE_STATUS_UPDATED, event.model_dump(mode="json"))

    @workflow.signal(name=names.CALL_ENDED)
    def call_ended(self, ended: CallEnded) -> None:
        self._receive(names.CALL_ENDED, ended.model_dump(mode="json"))
        self.ended = True

    @workflow.signal(name=names.RECORDING_STATE_CHANGED)
    def state_changed(self, changed: RecordingStateChanged) -> None:
        self._receive(names.RECORDING_STATE_CHANGED, changed.model_dump(mode="json"))

    @workflow.signal(name=names.ACKNOWLEDGE)
    def acknowledge(self, acknowledge: Acknowledge) -> None:
        self._receive(names.ACKNOWLEDGE, acknowledge.model_dump(mode="json"))

    @workflow.signal(name=names.PLACE_HOLD)
    def place_hold(self, request: HoldRequest) -> None:
        self._receive(names.PLACE_HOLD, request.model_dump(mode="json"))

    @workflow.signal(name=names.RELEASE_HOLD)
    def release_hold(self, request: ReleaseRequest) -> None:
        self._receive(names.RELEASE_HOLD, request.model_dump(mode="json"))

    @workflow.signal(name=names.START)
    def start(self, request: StartRequest) -> None:
        self._receive(names.START, request.model_dump(mode="json"))

    @workflow.update(name=names.START)
    async def request_start(self, request: StartRequest) -> ControlRecord:
        record = self._confirm(names.START, request, failed=request.reason == "ACS says no")
        return record.model_copy(update={"recording_id": RECORDING_ID})

    @request_start.validator
    def refuse_start(self, request: StartRequest) -> None:
        if self.stopped:
            raise ApplicationError("The call is over: nothing more can be recorded in it.")
        if request.reason == "another":
            raise ApplicationError("The requestId was used.", type=names.REQUEST_ID_REUSED)
        if request.request_id != self.request.request_id:
            raise ApplicationError("Recording 1 of this call is still recording.")

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: ControlRequest) -> None:
        self._receive(names.PAUSE, request.model_dump(mode="json"))

    @workflow.signal(name=names.RESUME)
    def resume(self, request: ControlRequest) -> None:
        self._receive(names.RESUME, request.model_dump(mode="json"))

    @workflow.signal(name=names.STOP)
    def stop(self, request: ControlRequest) -> None:
        self._receive(names.STOP, request.model_dump(mode="json"))

    @workflow.signal(name=names.PARTICIPANT_CHANGED)
    def participant_changed(self, change: ParticipantChanged) -> None:
        self._receive(names.PARTICIPANT_CHANGED, change.model_dump(mode="json"))

    @workflow.signal(name=names.CONSENT)
    def consent(self, decision: ConsentDecision) -> None:
        self._receive(names.CONSENT, decision.model_dump(mode="json"))

    @workflow.update(name=names.CONSENT)
    async def decide(self, decision: ConsentDecision) -> ConsentRecord:
        self._receive(f"{names.CONSENT} and wait", decision.model_dump(mode="json"))
        now = workflow.now()
        return ConsentRecord(
            participant=decision.participant, given=decision.given, decided_at=now, received_at=now
        )

    @decide.validator
    def refuse_decision(self, decision: ConsentDecision) -> None:
        if self.stopped:
            raise ApplicationError("The call is over: nothing more is decided about recording it.")

    @workflow.update(name=names.PAUSE)
    async def request_pause(self, request: ControlRequest) -> ControlRecord:
        return self._confirm(names.PAUSE, request)

    @request_pause.validator
    def refuse_pause(self, request: ControlRequest) -> None:
        if self.stopped:
            raise ApplicationError("Recording 1 is stopped, and a stop is final.")

    @workflow.update(name=names.RESUME)
    async def request_resume(self, request: ControlRequest) -> ControlRecord:
        if request.reason == "ACS answers after a pause":
            await workflow.wait_condition(lambda: bool(self.received))
        return self._confirm(names.RESUME, request, failed=request.reason == "ACS says no")

    @workflow.update(name=names.STOP)
    async def request_stop(self, request: ControlRequest) -> ControlRecord:
        self.stopped = True
        return self._confirm(names.STOP, request)

    @workflow.query(name=names.STATUS)
    def status(self) -> CallStatus:
        recording = RecordingStatus(
            number=1,
            origin="requested",
            requested_at=workflow.info().start_time,
            wanted=Wanted.STOPPED if self.stopped else Wanted.ACTIVE,
            recording_id=RECORDING_ID,
        )
        if self.request.reason.startswith(HOLDS):
            recording_id, archive, name = self.request.reason.removeprefix(HOLDS).split()
            recording.recording_id = recording_id
            recording.chunks = [_archived_chunk(archive, name)]
        return CallStatus(
            server_call_id=self.request.server_call_id,
            resource=self.request.resource,
            recordings=[recording],
            policy=POLICY,
        )

    @workflow.query(name="received")
    def what_was_received(self) -> list[tuple[str, dict[str, Any]]]:
        return self.received

    @workflow.query(name="request")
    def what_was_asked(self) -> RecordingRequest:
        return self.request

    @workflow.query(name="carried")
    def what_was_carried(self) -> Any:
        return self.carried

    @workflow.query(name="earlier")
    def what_was_before(self) -> Any:
        return self.earlier

    def _result(self) -> CallResult:
        received = (
            received for name, received in self.received if name == names.FILE_STATUS_UPDATED
        )
        chunks = tuple(
            ChunkResult(
                index=chunk["index"],
                document_id=chunk["documentId"],
                state=ChunkState.ARCHIVED,
                archived=None,
                lost_reason="",
            )
            for files in received
            for chunk in files["chunks"]
        )
        recording = RecordingResult(
            number=1,
            recording_id=None,
            state=RecordingState.ARCHIVED,
            chunks=chunks,
            pauses=(),
            problem="",
        )
        return CallResult(
            server_call_id=self.request.server_call_id,
            resource=self.request.resource,
            outcome=RecordingState.ARCHIVED,
            recordings=(recording,),
        )

    def _receive(self, name: str, payload: dict[str, Any]) -> None:
        self.received.append((name, payload))

    def _confirm(
        self, operation: str, request: ControlRequest, *, failed: bool = False
    ) -> ControlRecord:
        key = (operation, request.request_id)
        if request.request_id and key in self.answered:
            return self.answered[key]
        self._receive(f"{operation} and wait", request.model_dump(mode="json"))
        answer = self._record(operation, request, failed)
        self.answered[key] = answer.model_copy(update=ANSWERS.get(request.reason, {}))
        return self.answered[key]

    def _record(self, operation: str, request: ControlRequest, failed: bool) -> ControlRecord:
        return ControlRecord(
            operation=operation,
            requested_by=request.requested_by,
            reason=request.reason,
            requested_at=request.requested_at or workflow.now(),
            received_at=workflow.now(),
            recording=1,
            state=RequestState.FAILED if failed else RequestState.CONFIRMED,
            problem="8573: not allowed" if failed else "",
        )


def _archived_chunk(archive: str, object_name: str) -> ChunkStatus:
    return ChunkStatus(
        chunk=RecordingChunk(document_id="d", index=0, end_reason="SessionEnded"),
        state=ChunkState.ARCHIVED,
        announced_at=HELD_SINCE,
        retention_starts_at=HELD_SINCE,
        archived=ArchivedChunk(
            archive=archive,
            object_name=object_name,
            location="",
            size=1,
            sha256="0" * 64,
            metadata_object_name=None,
            verified_at=HELD_SINCE,
        ),
    )
