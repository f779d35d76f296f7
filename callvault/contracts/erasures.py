"""Erasures: what is erased and why, as it stands in an archive for ever, and the orders for it.

A record keeps names, sizes and hashes of what was erased, and nothing of what it held. Names of
objects are made of ids that the service chose at random.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from callvault.contracts.base import CallerName, Message, OpaqueId, ShortText
from callvault.contracts.manifest import (
    SCHEMA_VERSION,
    LinkReference,
    ObjectReference,
    Sha256,
    Signature,
)
from callvault.contracts.participants import ParticipantHash
from callvault.contracts.requests import ResourceName

MAX_ERASED = 5_000
"""Objects that one record can name: more than a recording has files, by far."""

MAX_REASON = 300
"""Characters of the reason for which something is held back, in a plan and in a status."""


class ErasureCause(StrEnum):
    """The cause of an erasure."""

    PERSON = "person"
    """A person asked for the erasure of the recordings with them."""
    RECORDING = "recording"
    """Somebody asked for the erasure of this recording."""
    RETENTION = "retention"
    """The retention is over."""


class ErasureRecord(Message):
    """A signed record of what is erased, written before the first object is deleted.

    A link of the archive's chain names it: `callvault verify` does not miss what it names.
    """

    schema_version: int = SCHEMA_VERSION
    object_name: str
    """This record's own name in its archive."""
    archive: str
    erasure: Sha256
    """The token of the plan."""
    cause: ErasureCause
    decision: ShortText
    """The reason of the decision: why nothing stood against it."""
    erased: Annotated[tuple[ObjectReference, ...], Field(min_length=1, max_length=MAX_ERASED)]
    """Every object, the manifests too. Hashes and sizes are all that is kept of them."""
    workflows: tuple[str, ...] = ()
    """Ids of the workflows that kept it: a reconciliation does not miss their recordings. Such an
    id is a hash of the call's."""
    requested_by: ShortText
    authenticated_as: CallerName = ""
    reason: ShortText
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    """The newest link of the archive's chain when this was recorded."""
    signature: Signature | None


class ErasedDocument(Message):
    """A file of the service that was erased, by the ids under which it is announced."""

    document_id: str
    index: int


class Tombstone(Message):
    """A signed note beside an erasure: the recording, or these files of it, must not come again.

    It lies in every archive of the settings, since a late event, a failback or a restored workflow
    may bring a recording into another one than it was erased from.
    """

    schema_version: int = SCHEMA_VERSION
    object_name: str
    archive: str
    erasure: Sha256
    """The token of the plan."""
    documents: Annotated[tuple[ErasedDocument, ...], Field(max_length=MAX_ERASED)] = ()
    """The files that must not come again; none where no file of the recording may."""
    last_manifest: Annotated[int, Field(ge=0)] = 0
    """Highest number of an erased manifest: no later one may take the name of one of them."""
    recorded_at: datetime
    software: str
    signature: Signature | None


class ErasureCertificate(Message):
    """The signed certificate that everything that an erasure's records name is gone."""

    schema_version: int = SCHEMA_VERSION
    object_name: str
    archive: str
    erasure: Sha256
    records: Annotated[tuple[ObjectReference, ...], Field(min_length=1)]
    """The records of this erasure in this archive."""
    objects: Annotated[int, Field(ge=1)]
    """Number of objects that they name; each was looked for, and not found."""
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    signature: Signature | None


class ErasureTarget(Message):
    """The recordings that an erasure is about: a person's, one, or all whose retention is over."""

    participant: ParticipantHash | None = None
    """Keyed hash of the person."""
    recording_id: OpaqueId | None = None
    channel_only: bool = False
    """Of unmixed recordings take out that person's channel, and keep the rest."""
    resources: Annotated[tuple[ResourceName, ...], Field(max_length=100)] = ()
    """The resources of which alone recordings are erased; none for all."""

    @model_validator(mode="after")
    def _is_one_at_most(self) -> Self:
        if self.participant is not None and self.recording_id is not None:
            raise ValueError("name a participant or a recording, not both")
        if self.channel_only and self.participant is None:
            raise ValueError("a channel is a person's: name the participant")
        return self

    @property
    def cause(self) -> ErasureCause:
        """The cause of such an erasure."""
        if self.participant is not None:
            return ErasureCause.PERSON
        return ErasureCause.RETENTION if self.recording_id is None else ErasureCause.RECORDING


class PlannedRecording(Message):
    """One recording in one archive, and what becomes of it."""

    archive: str
    folder: str
    erases: bool
    verdict: str
    """Of `callvault.retention.decision`, or ``protected`` where the storage account keeps it."""
    reason: ShortText
    until: datetime | None = None
    objects: int
    size: int
    """Bytes of all its objects."""
    index_entries: int = 0
    channels: dict[str, int] = {}
    """The channel that is made silent in each media file; none where the whole recording goes."""
    content: Sha256
    """SHA-256 over the names and hashes of its objects: the plan is stale once that differs."""
    workflows: tuple[str, ...] = ()
    """Ids of workflows whose closed histories tell of it."""
    ids: tuple[str, ...] = ()
    """The ids of the recording and its call, by which undelivered events are known."""
    sealed_in: str = ""
    """The other archive in which it is sealed, where these are files beside that: of an archive
    that the recording has left, or of a failback that was interrupted."""


class PlannedLetter(Message):
    """One letter of the quarantine or of dead letters that tells of what is erased."""

    place: str
    name: str
    erases: bool
    reason: ShortText


class ErasurePlan(Message):
    """Everything that an erasure would do, and what is held back from it and why."""

    target: ErasureTarget
    recordings: tuple[PlannedRecording, ...] = ()
    letters: tuple[PlannedLetter, ...] = ()
    not_searched: tuple[str, ...] = ()
    """Places that could not be searched, with the reasons."""
    left_over: int = 0
    """Recordings to erase beyond the limit of one plan: erase these, then plan again."""
    kept_more: int = 0
    """Recordings that stay beyond those that are named."""

    @property
    def erasable(self) -> tuple[PlannedRecording, ...]:
        """The recordings that it erases."""
        return tuple(each for each in self.recordings if each.erases)


class ErasureInput(Message):
    """Input of ``ErasureWorkflow``."""

    target: ErasureTarget = ErasureTarget()
    token: Sha256 | None = None
    """The token of the plan that somebody has read; only where the retention is over none is
    needed, as the settings say what is erased."""
    dry_run: bool = False
    """Plan, and erase nothing."""
    requested_by: ShortText = ""
    authenticated_as: CallerName = ""
    reason: ShortText = ""

    @model_validator(mode="after")
    def _has_a_plan(self) -> Self:
        needs_token = self.target.cause is not ErasureCause.RETENTION and not self.dry_run
        if needs_token and self.token is None:
            raise ValueError("an erasure needs the token of its plan: `callvault erasures plan`")
        return self


class PlannedErasure(Message):
    """A plan with its token."""

    token: Sha256
    plan: ErasurePlan


class EraseRecording(Message):
    """Input of the activities that erase one recording."""

    erasure: Sha256
    number: Annotated[int, Field(ge=1)]
    """Its place in the plan, which names the record of its erasure."""
    recording: PlannedRecording
    order: ErasureInput


class RecordedErasure(Message):
    """The outcome of deciding about one recording for the last time."""

    record: str | None
    """Name of the signed record; none where it was held back after all."""
    reason: ShortText


class EraseHistories(Message):
    """Input of the activity that deletes the histories of a recording's workflows."""

    workflows: tuple[str, ...]


class KeptHistories(Message):
    """The workflows whose histories could not be deleted, as they are open."""

    workflows: tuple[str, ...] = ()


class EraseLetters(Message):
    """Input of the activity that deletes letters."""

    letters: tuple[PlannedLetter, ...]


class CertifyErasure(Message):
    """Input of the activity that looks whether all is gone, and certifies it."""

    erasure: Sha256
    archive: str


class ErasureStatus(Message):
    """The progress of an erasure, and its result."""

    token: str = ""
    step: str = "planning"
    """The step in words: what it is doing now, or ``done``."""
    recordings: int = 0
    """Recordings that are to be erased."""
    erased: int = 0
    held_back: tuple[str, ...] = ()
    """Recordings, histories and letters that stay, each with its reason."""
    certificates: tuple[str, ...] = ()
    """Places of the signed certificates, one for each archive."""
    dry_run: bool = False
