"""Duties: what people must do about a recording, and the signed record of what they did."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from callvault.contracts.base import Message, ShortText
from callvault.contracts.manifest import (
    SCHEMA_VERSION,
    LinkReference,
    ObjectReference,
    Signature,
)

MAX_NAMED = 1_000
"""Duties, and erased objects, that one record can name."""


class DutyKind(StrEnum):
    """The kind of a duty."""

    DELETE = "delete"
    """Delete what was recorded in this time: consent was withdrawn or refused."""
    REVIEW = "review"
    """Listen to what was recorded in this time, and decide: it may hold what must not be there."""


class Outcome(StrEnum):
    """The end of a duty."""

    ERASED = "erased"
    """Objects were deleted from the archive."""
    KEPT = "kept"
    """It was looked at, and everything stays: for the reason that the record gives."""


class Duty(Message):
    """One thing that people must do about a recording."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """The same in every manifest of the recording, whatever its end is told to be."""
    kind: DutyKind
    since: datetime | None
    until: datetime | None
    """None where it lasts to the recording's end."""
    reason: str
    participant: str = ""
    """The keyed hash of the one who withdrew consent, if that is why."""


class DutyRecord(Message):
    """The signed record of what was done about duties: a link of the archive's chain names it."""

    schema_version: int = SCHEMA_VERSION
    object_name: str
    """This record's own name in its archive."""
    archive: str
    manifest: ObjectReference
    """The manifest from which the duties follow."""
    duties: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_NAMED)]
    """Their ids."""
    ends: dict[str, datetime | None] = {}
    """Until when each of them lasted, by its id: it does not settle what a later manifest tells of
    a longer time. In a record of older software there is none: its manifest tells, while it is
    there."""
    outcome: Outcome
    erased: Annotated[tuple[ObjectReference, ...], Field(max_length=MAX_NAMED)] = ()
    """The objects that were deleted, as the manifest names them: `callvault verify` does not miss
    them."""
    done_by: ShortText
    reason: ShortText
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    """The newest link of the archive's chain when this was recorded."""
    signature: Signature | None
