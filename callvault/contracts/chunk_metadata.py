"""The metadata file that ACS puts beside each chunk (``…/content/acsmetadata``).

Real files of 2021 and of today differ in spelling, carry seven-digit fractions and durations as
integers or floats, and some come with a BOM, NULs behind the end, or half a character in a name.
They are read field by field: what Callvault needs of a chunk, as far as that can be read. The
file itself is archived byte for byte.

It is the only place of an archive that names the participants as the service does, by ``rawId``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from callvault.contracts.events import KnownTime
from callvault.contracts.media import MediaKind
from callvault.errors import BrokenContent

MAX_LENGTH_MS = 366 * 24 * 3_600_000
"""Milliseconds that a chunk or a pause can last: a chunk has four hours at most."""

MAX_PAUSES = 500
"""Pauses that are read of one file: all of them go into a workflow's history."""

MAX_PARTICIPANTS = 10_000
"""Participants that are read of one file; a call holds 350 at a time, and more one after the
other."""

_Value = TypeVar("_Value")
_TIME: TypeAdapter[datetime] = TypeAdapter(KnownTime)
_LENGTH: TypeAdapter[float] = TypeAdapter(
    Annotated[float, Field(ge=0, le=MAX_LENGTH_MS, allow_inf_nan=False)]
)
_ID: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(max_length=1_024)])
_RAW_ID: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(min_length=1, max_length=2_048)])
_CHANNEL: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=1_000)])
_AROUND = "\0\ufeff \t\r\n"
_LONGEST_INTEGER = 20


@dataclass(frozen=True, slots=True)
class PauseResumeInterval:
    """A pause within the chunk: its beginning and its length, not its end."""

    start_time: datetime
    duration: float | None = None
    """Milliseconds; None where the file does not say."""


@dataclass(frozen=True, slots=True)
class ChunkParticipant:
    """A participant of the chunk, by the service's account."""

    raw_id: str = field(repr=False)
    channel: int | None = None
    """The participant's channel of an unmixed file, as the service numbers it; None where the file
    does not say."""


@dataclass(frozen=True, slots=True)
class ChunkMetadata:
    """The fields of the metadata file that Callvault uses, as far as they could be read."""

    chunk_document_id: str | None = None
    chunk_start_time: datetime | None = None
    chunk_duration: float | None = None
    """Milliseconds."""
    pause_resume_intervals: tuple[PauseResumeInterval, ...] = ()
    kind: MediaKind = field(default_factory=MediaKind)
    """What it tells of content, channels and format."""
    participants: tuple[ChunkParticipant, ...] = field(default=(), repr=False)
    unread: tuple[str, ...] = ()
    """Names of the fields that are there and could not be read, as ``chunkDuration``."""


def parse_chunk_metadata(content: bytes) -> ChunkMetadata:
    """Read a metadata file; raise `BrokenContent` only if it is no JSON object at all."""
    fields = _Fields(members_of(content))
    return ChunkMetadata(
        chunk_document_id=fields.read("chunkDocumentId", _ID),
        chunk_start_time=fields.read("chunkStartTime", _TIME),
        chunk_duration=fields.read("chunkDuration", _LENGTH),
        pause_resume_intervals=_pauses(fields),
        kind=fields.kind("recordingInfo"),
        participants=_participants(fields),
        unread=tuple(fields.unread),
    )


class _Fields:
    """The members of a JSON object, read one by one."""

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        self.unread: list[str] = []
        self._members = members
        self.path = path

    def read(self, name: str, kind: TypeAdapter[_Value]) -> _Value | None:
        """Read a field; None where it is not there, or is noted as unread."""
        value = self._members.get(name)
        if value is None:
            return None
        try:
            return kind.validate_python(value)
        except (ValidationError, OverflowError):
            self.unread.append(f"{self.path}{name}")
            return None

    def kind(self, name: str) -> MediaKind:
        """Read what an object's members tell of the recording's kind."""
        info = self._members.get(name)
        return MediaKind.declared(*info.values()) if isinstance(info, dict) else MediaKind()

    def objects(self, name: str, limit: int) -> list["_Fields"]:
        """Return the objects of a list, as far as they are objects and no more than ``limit``."""
        value = self._members.get(name) or ()
        listed = value if isinstance(value, list | tuple) else (value,)
        known = [
            _Fields(each, f"{name}.{number}.")
            for number, each in enumerate(listed[:limit])
            if isinstance(each, dict)
        ]
        if len(known) < len(listed):
            self.unread.append(f"{name} ({len(listed) - len(known)} of {len(listed)})")
        return known


def _pauses(fields: _Fields) -> tuple[PauseResumeInterval, ...]:
    found = []
    for each in fields.objects("pauseResumeIntervals", MAX_PAUSES):
        start, duration = each.read("startTime", _TIME), each.read("duration", _LENGTH)
        if start is not None:
            found.append(PauseResumeInterval(start, duration))
        elif (name := f"{each.path}startTime") not in each.unread:
            each.unread.append(name)
        fields.unread += each.unread
    return tuple(found)


def _participants(fields: _Fields) -> tuple[ChunkParticipant, ...]:
    found = []
    for each in fields.objects("participants", MAX_PARTICIPANTS):
        raw_id, channel = each.read("participantId", _RAW_ID), each.read("channel", _CHANNEL)
        if raw_id is not None and raw_id.strip():
            found.append(ChunkParticipant(raw_id, channel))
        elif (name := f"{each.path}participantId") not in each.unread:
            # Somebody whom no search finds: it must be told.
            each.unread.append(name)
        fields.unread += each.unread
    return tuple(found)


def members_of(content: bytes) -> dict[str, Any]:
    """Read a metadata file as it is, whatever is around it; `BrokenContent` if it is no object."""
    text = content.decode(json.detect_encoding(content), "replace").strip(_AROUND)
    try:
        # not to the end: what follows the object is no matter
        found, _ = json.JSONDecoder(parse_int=_integer).raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise BrokenContent("the chunk's metadata file cannot be read: it is not JSON") from error
    if not isinstance(found, dict):
        raise BrokenContent("the chunk's metadata file cannot be read: it is no JSON object")
    return found


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
