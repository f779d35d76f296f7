"""Examples of bodies and answers in the OpenAPI document: models, so that they are always valid."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.participants import participant_hash
from callvault.contracts.recording_events import (
    EventFile,
    EventKind,
    RecordingCloudEvent,
    RecordingEvent,
)
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.states import Actual, ChunkState, RecordingState, RequestState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from callvault.contracts.subjects import (
    SubjectChunk,
    SubjectEntry,
    SubjectRecordings,
    SubjectSource,
)
from callvault.gateway.messages import (
    CallList,
    EncodedPayload,
    EncodedPayloads,
    FindRequest,
    FoundPerson,
    OpenedFile,
    OpenedRecording,
    OpenRequest,
    RecordingConfirmed,
    RecordingStarted,
    RequestSent,
    SubscriptionValidated,
    ToldDecision,
)
from callvault.temporal.call_list import ListedCall

CALL = "aHR0cHM6Ly9leGFtcGxlLmNvbS9jYWxsLzE"
WORKFLOW = names.workflow_id(CALL)
RECORDING = "eyJQbGF0Zm9ybUVuZHBvaW50SWQiOiIxIn0"
BEGUN = datetime(2030, 3, 1, 9, 30, tzinfo=UTC)
SOON = timedelta(milliseconds=350)
PERSON = "4:+4930123456"
"""A ``rawId``, which the gateway takes in place of its hash."""

_STARTED = ControlRecord(
    operation=names.START,
    requested_by="crm",
    authenticated_as="key crm",
    reason="consented at the beginning of the call",
    requested_at=BEGUN,
    received_at=BEGUN,
    recording=1,
    recording_id=RECORDING,
    state=RequestState.CONFIRMED,
    accepted_at=BEGUN + SOON,
    settled_at=BEGUN + SOON,
)
_PAUSED = _STARTED.model_copy(
    update={"operation": names.PAUSE, "requested_by": "agent-7", "reason": "card number"}
)
_RECORDING = RecordingStatus(
    number=1,
    origin="requested",
    requested_by="crm",
    requested_at=BEGUN,
    state=RecordingState.RECORDING,
    wanted=Wanted.ACTIVE,
    actual=Actual.ACTIVE,
    recording_id=RECORDING,
    started_at=BEGUN + SOON,
    was_active=True,
)
_ARCHIVED = RecordingEvent(
    id=f"{WORKFLOW}/archived/5f1c0a52d8b64c1b9f3f5e4f6a7b8c9d",
    kind=EventKind.ARCHIVED,
    at=BEGUN + timedelta(minutes=12),
    sequence="20300301T094200.000000Z",
    resource="default",
    server_call_id=CALL,
    workflow_id=WORKFLOW,
    recording=1,
    recording_id=RECORDING,
    origin="requested",
    state=RecordingState.ARCHIVED,
    archive="main",
    files=(
        EventFile(
            index=0,
            document_id="0-weu-d1-8f5a",
            state=ChunkState.ARCHIVED,
            object_name="recordings/2030/03/01/8f5a/0.mp4",
            location="https://archive.example/recordings/recordings/2030/03/01/8f5a/0.mp4",
            size=8_388_608,
            sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
    ),
    is_final=True,
)
EVENT = RecordingCloudEvent(
    type="callvault.recording.archived",
    source="callvault/default",
    subject=WORKFLOW,
    id=_ARCHIVED.id,
    time=_ARCHIVED.at,
    sequence=_ARCHIVED.sequence,
    data=_ARCHIVED,
)
_LISTED = ListedCall(
    workflow_id=WORKFLOW,
    state=RecordingState.RECORDING,
    status="running",
    expires_at=None,
    is_at_risk=False,
    resource="default",
    is_orphan=False,
    duties=0,
    recording_ids=(RECORDING,),
    call_ids=(),
    started_at=BEGUN,
    closed_at=None,
)

_FOUND = SubjectRecordings(
    archive="main",
    participants=(participant_hash(PERSON),),
    recordings=(
        SubjectEntry(
            participant=participant_hash(PERSON),
            archive="main",
            folder="recordings/2030/03/01/call-1/rec-1",
            recorded_on=BEGUN.date(),
            resource="default",
            recording_id=RECORDING,
            call_id="call-1",
            server_call_id=CALL,
            chunks=(
                SubjectChunk(
                    object_name="recordings/2030/03/01/call-1/rec-1/0000-0-eus-d1.wav", channel=1
                ),
            ),
            sources=(SubjectSource.METADATA, SubjectSource.CONSENT),
            evidence=(
                "recordings/2030/03/01/call-1/rec-1/0000-0-eus-d1.metadata.json",
                "recordings/2030/03/01/call-1/rec-1/manifest.json",
            ),
        ),
    ),
    access_record="8:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)

_PAYLOAD = EncodedPayload(
    metadata={"encoding": "anNvbi9wbGFpbg=="}, data="eyJyZWFzb24iOiJjYXJkIG51bWJlciJ9"
)

SENT: tuple[BaseModel, ...] = (
    RecordingRequest(server_call_id=CALL, requested_by="crm", request_id="order-42"),
    ControlRequest(requested_by="agent-7", reason="card number", request_id="order-42-card"),
    Acknowledge(requested_by="operator"),
    OpenRequest(id=RECORDING, reason="complaint 17", requested_by="anna"),
    FindRequest(participant=PERSON, reason="request 17", requested_by="dpo"),
    ToldDecision(
        participant=participant_hash(PERSON), given=False, method="spoken", requested_by="ivr"
    ),
)
"""Bodies: what they leave out has a default."""

ANSWERED: tuple[BaseModel, ...] = (
    RecordingConfirmed(
        workflow_id=WORKFLOW, is_new=True, recording=1, recording_id=RECORDING, record=_STARTED
    ),
    RecordingStarted(
        workflow_id=WORKFLOW, run_id="0199e7a8-52a1-7a39-9d0e-3f7f5f0d7c11", is_new=True
    ),
    _PAUSED,
    RequestSent(workflow_id=WORKFLOW, request=names.PAUSE),
    CallStatus(server_call_id=CALL, resource="default", recordings=[_RECORDING]),
    ConsentRecord(
        participant=participant_hash(PERSON), given=False, decided_at=BEGUN, received_at=BEGUN
    ),
    _LISTED,
    OpenedRecording(
        archive="main",
        folder="recordings/2030/03/01/call-1/rec-1",
        files=[
            OpenedFile(
                chunk=0,
                object_name="recordings/2030/03/01/call-1/rec-1/0000-0-eus-d1.mp4",
                content_type="video/mp4",
                size=1_048_576,
                sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                url="https://account.blob.core.windows.net/archive/recordings/2030/03/01/call-1"
                "/rec-1/0000-0-eus-d1.mp4?sp=r&sig=REDACTED",
            )
        ],
        missing=["chunk 1: it is lost: the service deleted it before it could be archived"],
        expires_at=BEGUN + timedelta(minutes=15),
        access_record="7:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    FoundPerson(archives=[_FOUND]),
    CallList(calls=[_LISTED], next_cursor="b1kQZ5mXr0sKDQ"),
    EncodedPayloads(payloads=[_PAYLOAD]),
    SubscriptionValidated(validation_response="512d38b6-c7b8-40c8-89fe-f46f9e9622b6"),
    EVENT,
)
"""Answers, which are always whole."""


def by_model() -> dict[str, Any]:
    """Return each example as JSON, by the name of its model."""
    sent = {type(each).__name__: each.model_dump(mode="json", exclude_unset=True) for each in SENT}
    sent[ToldDecision.__name__]["participant"] = PERSON
    return sent | {type(each).__name__: each.model_dump(mode="json") for each in ANSWERED}
