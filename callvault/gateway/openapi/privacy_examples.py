"""Examples of bodies and answers about holds, erasures, exports, evidence and access logs."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from callvault.contracts import names
from callvault.contracts.access import AccessAction, AccessRecord
from callvault.contracts.consent import ConsentTerms
from callvault.contracts.erasures import (
    ErasureCertificate,
    ErasurePlan,
    ErasureStatus,
    ErasureTarget,
    PlannedRecording,
)
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.holds import HoldAction, HoldRecord
from callvault.contracts.manifest import ObjectReference
from callvault.contracts.silence import SilenceAccount
from callvault.evidence.account import RecordingEvidence
from callvault.evidence.consent_account import ConsentEvidence
from callvault.gateway.openapi.examples import BEGUN, CALL, PERSON, RECORDING, WORKFLOW
from callvault.gateway.privacy_messages import (
    AccessRecords,
    AccessSearch,
    Certificates,
    ErasureStanding,
    Evidence,
    EvidenceRequest,
    ExportRequest,
    HoldList,
    HoldRecords,
    ListedHold,
    PlaceHold,
    PlanErasure,
    Planned,
    ReleaseHold,
    RunErasure,
)

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
FOLDER = "recordings/2030/03/01/call-1/rec-1"
SOFTWARE = "callvault 1"

_HOLD = HoldRecord(
    object_name="holds/4dc6fac55f8b05f7.json",
    archive="main",
    id="4dc6fac55f8b05f7",
    action=HoldAction.PLACED,
    target=HoldTarget(server_call_id=CALL),
    requested_by="counsel-1",
    authenticated_as="key legal",
    resource="default",
    reason="case 7",
    recorded_at=BEGUN,
    software=SOFTWARE,
    previous=None,
    signature=None,
)
_PLAN = ErasurePlan(
    target=ErasureTarget(recording_id=RECORDING),
    recordings=(
        PlannedRecording(
            archive="main",
            folder=FOLDER,
            erases=True,
            verdict="erase",
            reason="its erasure was asked for, and it has no retention",
            objects=3,
            size=1_052_000,
            index_entries=2,
            content=DIGEST,
            workflows=(WORKFLOW,),
            ids=(RECORDING, CALL),
        ),
    ),
)
_STATUS = ErasureStatus(
    token=DIGEST, step="recording 1 of 1: main: " + FOLDER, recordings=1, erased=0
)
_CERTIFICATE = ErasureCertificate(
    object_name=f"erasures/{DIGEST}/certificate.json",
    archive="main",
    erasure=DIGEST,
    records=(
        ObjectReference(object_name=f"erasures/{DIGEST}/000001.json", size=2_048, sha256=DIGEST),
    ),
    objects=3,
    recorded_at=BEGUN,
    software=SOFTWARE,
    previous=None,
    signature=None,
)
_EVIDENCE = RecordingEvidence(
    number=1,
    recording_id=RECORDING,
    state="archived",
    requests=(),
    pauses=(),
    silence=SilenceAccount(),
    consent=ConsentEvidence(
        terms=ConsentTerms(),
        consented_at=None,
        announcement=None,
        declined="",
        decisions=(),
        participants=(),
        holds=(),
        marked=(),
    ),
)
_ACCESS = AccessRecord(
    action=AccessAction.OPENED,
    by="anna",
    authenticated_as="key claims",
    recordings=(),
    objects=(f"{FOLDER}/0000-0-eus-d1.mp4",),
    reason="complaint 17",
    expires_at=BEGUN + timedelta(minutes=15),
    archive="main",
    sequence=7,
    id="0af7651916cd43dd8448eb211c80319c",
    at=BEGUN,
    software=SOFTWARE,
    previous=None,
    signature=None,
)

SENT: tuple[BaseModel, ...] = (
    PlaceHold(server_call_id=CALL, requested_by="counsel-1", reason="case 7"),
    ReleaseHold(requested_by="counsel-1", reason="settled"),
    PlanErasure(participant=PERSON, requested_by="officer-1"),
    RunErasure(participant=PERSON, plan=DIGEST, requested_by="officer-1", reason="request 17"),
    ExportRequest(participant=PERSON, requested_by="officer-1", reason="request 17"),
    EvidenceRequest(id=CALL, requested_by="auditor-1", reason="audit 2030"),
    AccessSearch(archive="main", recording=RECORDING, requested_by="auditor-1"),
)
"""Bodies: what is set is what the example shows."""

ANSWERED: tuple[BaseModel, ...] = (
    HoldRecords(records=[_HOLD], workflow_id=WORKFLOW),
    HoldList(holds=[ListedHold(placed=_HOLD, released=None)]),
    Planned(plan_id="0af7651916cd43dd8448eb211c80319c", state="planned", token=DIGEST, plan=_PLAN),
    ErasureStanding(
        erasure_id=DIGEST,
        workflow_id=names.erasure_id(DIGEST),
        state="running",
        status=_STATUS,
        problem="",
    ),
    Certificates(certificates=[_CERTIFICATE]),
    Evidence(recordings=[_EVIDENCE]),
    AccessRecords(archive="main", records=[_ACCESS], problems=[], next_before=7),
)
"""Answers, which are always whole."""


def by_model() -> dict[str, Any]:
    """Return each example as JSON, by the name of its model."""
    sent = {type(each).__name__: each.model_dump(mode="json", exclude_unset=True) for each in SENT}
    return sent | {type(each).__name__: each.model_dump(mode="json") for each in ANSWERED}
