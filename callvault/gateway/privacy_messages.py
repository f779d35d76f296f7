"""Bodies and answers of the routes for holds, erasures, exports, evidence and access logs."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from callvault.contracts.access import AccessAction, AccessRecord
from callvault.contracts.base import CallerMessage, OpaqueId, ShortText, State
from callvault.contracts.erasures import ErasureCertificate, ErasurePlan, ErasureStatus
from callvault.contracts.events import ServiceTime
from callvault.contracts.hold_messages import HoldReason
from callvault.contracts.holds import HoldRecord
from callvault.contracts.participant_ids import MAX_RAW_ID
from callvault.evidence.account import RecordingEvidence

MAX_ARCHIVE_NAMES = 100
"""Archives that a body can name."""

MAX_ACCESS_RECORDS = 200
"""Records of one answer."""

AnyParticipant = Annotated[str, Field(max_length=MAX_RAW_ID)]

RequiredReason = Annotated[
    str, StringConstraints(min_length=1, max_length=1_024, strip_whitespace=True)
]


class PlaceHold(CallerMessage):
    """Body of a request to place a legal hold, on a call or on one recording."""

    server_call_id: OpaqueId | None = None
    """All recordings of this call are held, those to come too."""
    recording_id: OpaqueId | None = None
    """This recording alone is held."""
    reason: HoldReason
    """The reason: a hold without one keeps a person's data for nothing."""
    recorded_on: date | None = None
    """The day on which it was recorded, in UTC: needed once Temporal has forgotten the call."""


class ReleaseHold(CallerMessage):
    """Body of a request to release a legal hold, for good."""

    reason: HoldReason
    """The reason."""


class HoldRecords(State):
    """Answer to a request to place or release a hold: the signed record of each archive."""

    records: list[HoldRecord]
    """Each archive's own; a hold has one id in all of them."""
    workflow_id: str | None
    """The workflow of the call, if it is open: its status shows the hold, too."""


class ListedHold(State):
    """A hold of one archive."""

    placed: HoldRecord
    released: HoldRecord | None
    """None while it holds."""


class HoldList(State):
    """Answer to a request for the holds of all archives."""

    holds: list[ListedHold]
    """Those of resources that are not for the caller are left out."""


class ErasureAsked(CallerMessage):
    """Base of bodies that say what is to be erased: exactly one of three."""

    participant: AnyParticipant | None = None
    """All recordings of this person: a `rawId` in any spelling, or the participant's hash."""
    recording_id: OpaqueId | None = None
    """This recording alone."""
    retention: bool = False
    """True: every recording whose retention is over."""
    channel_only: bool = False
    """True: of unmixed recordings the person's channel is made silent, and the rest stays."""


class PlanErasure(ErasureAsked):
    """Body of a request to plan an erasure: what would be deleted, and what is held back."""


class RunErasure(ErasureAsked):
    """Body of a request to carry out a plan: the same as what was planned, and the plan's token."""

    plan: Annotated[str, Field(max_length=200)]
    """The token of the plan, which somebody has read."""
    reason: RequiredReason
    """The reason: it stands in the signed record for ever, so it names nobody."""


class Planned(State):
    """Answer to a request for a plan."""

    plan_id: str
    """Its name, under which it can be asked for again."""
    state: Literal["planning", "planned"]
    token: str | None
    """Stands for exactly this plan; none while it is being made."""
    plan: ErasurePlan | None


class ErasureStanding(State):
    """Answer to the question where an erasure stands."""

    erasure_id: str
    """The token of its plan."""
    workflow_id: str
    state: Literal["running", "done", "failed"]
    status: ErasureStatus | None
    """What is done, and what stays and why; none if it failed: then nothing was erased."""
    problem: str
    """The reason why it failed."""


class Certificates(State):
    """Answer to a request for the certificates of an erasure, one for each archive."""

    certificates: list[ErasureCertificate]


class ExportRequest(CallerMessage):
    """Body of a request to export all recordings of a person, as a zip."""

    participant: AnyParticipant
    """A `rawId` in any spelling, or the participant's hash."""
    archives: Annotated[tuple[str, ...], Field(max_length=MAX_ARCHIVE_NAMES)] = ()
    """Names of the archives that are searched; by default all of them."""
    since: date | None = None
    until: date | None = None
    """First and last day of the recordings, in UTC: what is too much for one export is exported
    month by month."""
    reason: ShortText = ""
    """The reason, for the archives' access logs."""


class EvidenceRequest(CallerMessage):
    """Body of a request for the evidence of a call's recordings."""

    id: OpaqueId
    """Any id of the call or of a recording; for a page also the recording's folder."""
    participant: AnyParticipant | None = None
    """A person: consent of this one alone; on a page, marked in it."""
    at: ServiceTime | None = None
    """A moment, in UTC where it names no time zone: who was in the call then, and who of them had
    agreed. Not on a page."""
    recorded_on: date | None = None
    """The day on which it was recorded, in UTC: for a page of a call that Temporal forgot."""
    reveal: bool = False
    """True: a page shows the `rawId` of participants."""
    reason: ShortText = ""
    """The reason, for the archive's access log."""


class Evidence(State):
    """Answer to a request for the evidence of a call's recordings."""

    recordings: list[RecordingEvidence]


class AccessSearch(CallerMessage):
    """Body of a search in an archive's access log, the newest record first."""

    archive: Annotated[str, Field(max_length=200)] | None = None
    """The archive's name; needed where there are several."""
    recording: OpaqueId | None = None
    """Only about this recording: any id of it or its call, its folder, or an object in it."""
    recorded_on: date | None = None
    """The day on which that was recorded, in UTC, where Temporal has forgotten the call: needed by
    callers that are bound to resources alone."""
    participant: AnyParticipant | None = None
    """Only about this person."""
    action: AccessAction | None = None
    """Only this."""
    who: ShortText = ""
    """Only by whom: part of the name, or of the key or token, in any case of letters."""
    before: Annotated[int, Field(ge=1)] | None = None
    """The `nextBefore` of the answer before."""
    limit: Annotated[int, Field(ge=1, le=MAX_ACCESS_RECORDS)] = 50
    """At most so many records."""
    reason: ShortText = ""
    """The reason, for the access log itself."""


class AccessRecords(State):
    """Answer to a search in an access log."""

    archive: str
    records: list[AccessRecord]
    """May be fewer than ``limit``, or none, although there are more."""
    problems: list[str]
    """A sentence about each record that cannot be read."""
    next_before: int | None
    """The ``before`` that goes on; null at the beginning of the log."""
