"""The manifest: the signed record of what was archived of a recording, and the chain it hangs in.

Written as canonical JSON (RFC 8785); `docs/manifest.md` describes it for those who verify it.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.base import Message
from callvault.contracts.consent import (
    Announcement,
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    JoinerAnnouncement,
    Presence,
)
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck
from callvault.contracts.retention import Retention
from callvault.contracts.silence import SilenceAccount
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import (
    ControlRecord,
    PauseRecord,
    RecordingStatus,
)

SCHEMA_VERSION = 1
"""Grows when a reader of older manifests could misunderstand a newer one."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""Lower-case hexadecimal."""

Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
"""Lower-case hexadecimal."""


class SealInput(Message):
    """Input of sealing: all that is known of a recording. Repeated, it gives the same manifest."""

    archive: str
    resource: str
    server_call_id: str
    recorded_on: datetime
    """Gives the manifest its date, as it did the chunks; must not change between two orders."""
    recording: RecordingStatus
    requests: tuple[ControlRecord, ...] = ()
    """The control requests of this recording, in order."""
    consents: tuple[ConsentRecord, ...] = ()
    """Every decision of those in the call, in order."""
    participants: tuple[Presence, ...] = ()
    """The history of who was in the call, as far as it is known."""
    consents_left_out: int = 0
    participants_left_out: int = 0
    """Numbers of decisions, and of stays in the call, that are not kept: there were too many."""
    workflow_id: str
    run_id: str


SignatureAlgorithm = Literal["Ed25519", "ES256"]
"""ES256: ECDSA on P-256 with SHA-256, as RFC 7518 and Azure Key Vault write it."""


class Signature(Message):
    """Over the canonical JSON of the document without its ``signature`` member."""

    algorithm: SignatureAlgorithm = "Ed25519"
    """That of the key: a verifier goes by its key, and refuses any other."""
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """First 16 hexadecimal digits of the SHA-256 of the raw public key: 32 bytes of Ed25519, or the
    65 of an uncompressed point on P-256."""
    value: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
    """Hexadecimal, in lower case: base64 spells some signatures in several ways. 64
    bytes; of ES256 r and s, with the lower one of both s."""


class ObjectReference(Message):
    """An object of the same archive, byte for byte."""

    object_name: str
    size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: Sha256
    sha512: Sha512 | None = None
    """Computed from the same bytes; none of a file that was archived before it was computed."""


class ManifestReference(ObjectReference):
    """A manifest of another archive, byte for byte."""

    archive: str
    """The name under which it was sealed there."""


class ArchivedObject(ObjectReference):
    """An object, with what the store keeps beside it: its own record of the SHA-256, and ids."""

    properties: dict[str, str] = {}


class SourceAddress(Message):
    """The address that a file came from: never a query, which may hold a signature."""

    host: str
    path: str


class SilencedChannel(Message):
    """One person's channel that an erasure has made silent, in a copy of the sealed file."""

    channel: int
    erasure: Sha256
    """The token of the erasure's plan."""
    sha256: Sha256
    """The SHA-256 of the file as it was sealed before."""


class ManifestChunk(Message):
    """One chunk, as announced, and as archived or lost."""

    index: int
    document_id: str
    end_reason: str
    state: ChunkState
    source: SourceAddress
    metadata_source: SourceAddress | None
    announced_at: datetime
    retention_starts_at: datetime
    expires_at: datetime | None
    media: ArchivedObject | None
    metadata: ArchivedObject | None
    """The service's metadata file."""
    verified_at: datetime | None
    """Time at which it was read back and found equal to what the service sent."""
    response_headers: dict[str, str]
    """Headers of the service's answer that tell where the file came from."""
    service_start_time: datetime | None = None
    """As the service's metadata file tells it, by the service's clock."""
    duration_ms: float | None
    """As the service's metadata file tells it."""
    service_pauses: tuple[RecordedPause, ...]
    """As the service's metadata file tells them."""
    metadata_problem: str = ""
    """The reason why that file is not archived, or is incomplete."""
    check: MediaCheck | None
    lost_reason: str
    source_deleted: bool
    silenced: tuple[SilencedChannel, ...] = ()
    """Channels that erasures have made silent; its media is a copy then."""


class ManifestRecording(Message):
    """The recording, its ids and its times."""

    number: int
    recording_id: str | None
    call_id: str | None
    server_call_id: str
    resource: str
    origin: str
    state: RecordingState
    recording_content_type: ContentType
    recording_channel_type: ChannelType
    recording_format_type: FormatType
    requested_by: str
    authenticated_as: str = ""
    """The key or token behind the request, as the gateway found it."""
    requested_at: datetime
    started_at: datetime | None
    adopted_at: datetime | None = None
    """Time at which it was adopted: what was asked for and confirmed before then is unknown."""
    begun_at: datetime | None = None
    """Time at which its start was sent first: there was no sound before, unless it was adopted."""
    active_at: datetime | None = None
    """Time at which a reading first told that it recorded: there was sound by then."""
    stopped_at: datetime | None
    recording_start_time: datetime | None
    recording_duration_ms: float | None
    session_end_reason: str
    problem: str
    retention: Retention | None = None
    """The retention that its request asked for, beyond that of its resource."""


class Consent(Message):
    """A decision on consent, with its time and its evidence."""

    participant: str
    """Keyed hash: with the key it can be told whether it is a given person's."""
    given: bool
    at: datetime
    """Time of the decision."""
    evidence: str = ""
    """Reference to the proof."""
    method: str = ""
    jurisdiction: str = ""
    reason: str = ""
    reported_by: str = ""
    authenticated_as: str = ""
    """The key or token of who told it."""
    received_at: datetime | None = None
    counts: bool = True
    """False: a refusal or withdrawal that was decided later was known already."""


class ConsentEvidence(Message):
    """The consent that the recording needed, its holds for want of it, and the participants."""

    terms: ConsentTerms = ConsentTerms()
    consented_at: datetime | None = None
    """Time at which the terms were met for the first time."""
    holds: tuple[ConsentHold, ...] = ()
    participants: tuple[Presence, ...] = ()
    """The history of who was in the call, by keyed hash: each stay, by its connection."""
    participants_left_out: int = 0
    """Number of the oldest stays that are not kept."""
    consents_left_out: int = 0
    """Number of decisions that are not kept."""
    announcement: Announcement | None = None
    """The announcement before it began; none where its resource has none."""
    joiner_announcements: tuple[JoinerAnnouncement, ...] = ()
    """Those to participants who joined later."""


class WorkflowRun(Message):
    """The durable execution that kept the call; its history tells the rest."""

    workflow_id: str
    run_id: str


class LinkReference(Message):
    """A link of an archive's chain, byte for byte."""

    sequence: Annotated[int, Field(ge=1)]
    sha256: Sha256


class Manifest(Message):
    """The signed record of what was archived of one recording."""

    schema_version: int = SCHEMA_VERSION
    object_name: str
    """This manifest's own name in its archive."""
    archive: str
    recording: ManifestRecording
    requests: tuple[ControlRecord, ...]
    pauses: tuple[PauseRecord, ...]
    """As asked for and as the service confirmed them; its own account is with the chunks."""
    silence: SilenceAccount = SilenceAccount()
    """Times in which it is proven to be silent, and those in which it only should be."""
    consents: tuple[Consent, ...] = ()
    """Every decision of those in the call, in order."""
    consent: ConsentEvidence = ConsentEvidence()
    marked: tuple[DeletionMark, ...] = ()
    """Times whose recording people are to delete: consent was withdrawn. Callvault deletes nothing
    by itself."""
    chunks: tuple[ManifestChunk, ...]
    findings: tuple[str, ...]
    """Faults of the recording, in sentences; none where it is complete."""
    contradictions: tuple[str, ...] = ()
    """Those of them in which the service contradicts what was claimed."""
    workflow: WorkflowRun
    software: str
    sealed_at: datetime
    input_sha256: Sha256
    """SHA-256 of the order's canonical JSON: tells a repeated order from a new one."""
    earlier: ObjectReference | None
    """The manifest of the same recording that this one completes or corrects."""
    failed_back_from: ManifestReference | None = None
    """The fallback archive's manifest whose facts these are; none where this one is the first to
    tell them. Manifests that were sealed before failback existed do not have it."""
    previous: LinkReference | None
    """The newest link of the archive's chain when this was sealed; none in an empty archive."""
    signature: Signature | None


class ChainLink(Message):
    """One link of an archive's chain: the manifest that follows all those before it."""

    schema_version: int = SCHEMA_VERSION
    archive: str
    sequence: Annotated[int, Field(ge=1)]
    manifest: ObjectReference
    """The manifest, or the `DutyRecord` of what was done about one."""
    access: LinkReference | None = None
    """The newest record of the archive's access log when this was linked; none where there was
    none."""
    previous: LinkReference | None
    """The link before it; none for the first one."""
    set_back_from: LinkReference | None = None
    """The link that the manifest was sealed after, where the chain holds it no longer: the archive
    was set back since. Links of older software do not have it."""
    signature: Signature | None
