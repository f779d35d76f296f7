"""The index of an archive by person: an entry for each recording that a person was in."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from callvault.contracts.base import Message

SCHEMA_VERSION = 1
"""Grows when a reader of older entries could misunderstand a newer one."""

MAX_CHUNKS = 10_000
"""Chunks that one entry names; a recording has far fewer."""

IndexedParticipant = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The `participant_hash` of a person, as consents and presences carry it."""


class SubjectSource(StrEnum):
    """The account by which a person belongs to a recording."""

    METADATA = "metadata"
    """The service's metadata file of a chunk names the person."""
    PRESENCE = "presence"
    """The manifest tells of a stay of the person in the call."""
    CONSENT = "consent"
    """The manifest holds a decision of the person about being recorded."""
    NAMED = "named"
    """The manifest's terms name the person among those who must agree: not a proof of presence."""


class SubjectChunk(Message):
    """A chunk that the person was in, or may have been in."""

    object_name: str
    """The media file."""
    channel: Annotated[int | None, Field(ge=0)] = None
    """The person's channel of an unmixed file, as the metadata file numbers it; None where that
    does not say, as of every mixed file."""


class SubjectEntry(Message):
    """A recording that a person was in.

    In the archive each account of it is an object of its own, so that it can be written once and
    never has to be changed; `callvault.archive.subjects.search.find` puts them together.
    """

    schema_version: int = SCHEMA_VERSION
    participant: IndexedParticipant
    archive: str
    """The archive's name when this was written."""
    folder: str
    """The recording's folder, in which its manifest lies or will lie."""
    recorded_on: date
    """The day of the recording, in UTC."""
    resource: str | None = None
    """The ACS resource of the call, by its configured name."""
    recording_id: str | None = None
    call_id: str | None = None
    server_call_id: str | None = None
    """Ids, as far as they were known when this was written, as the resource."""
    chunks: Annotated[tuple[SubjectChunk, ...], Field(max_length=MAX_CHUNKS)] = ()
    """The chunks whose metadata files name the person, and those whose participants no metadata
    file tells: the person may be in any of these."""
    sources: Annotated[tuple[SubjectSource, ...], Field(min_length=1)]
    evidence: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the objects that say so: metadata files and manifests of the same archive."""


class IndexFault(Message):
    """An object of the index, or one that it is made of, that cannot be believed."""

    object_name: str
    text: str


class SubjectRecordings(Message):
    """The recordings of one archive in which a person was."""

    archive: str
    participants: tuple[IndexedParticipant, ...]
    """The person's hashes: by the key of participants, and by earlier ones."""
    recordings: tuple[SubjectEntry, ...]
    """The oldest first."""
    faults: tuple[IndexFault, ...] = ()
    """Damaged or planted entries: while there are any, recordings may be missing."""
    access_record: str = ""
    """The record of the search in the archive's access log, ``SEQUENCE:SHA256``."""
