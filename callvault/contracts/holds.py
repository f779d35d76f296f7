"""Legal holds: who wants a recording kept whatever else is decided, and until when."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from callvault.contracts.base import CallerName, Message, OpaqueId
from callvault.contracts.manifest import SCHEMA_VERSION, LinkReference, Signature

HoldId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]

_CALL_ID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|recording-[0-9a-f]{32}")

HoldReason = Annotated[
    str, StringConstraints(min_length=1, max_length=1_024, strip_whitespace=True)
]
"""A hold without a reason is none: it would keep a person's data for nothing."""


class HoldAction(StrEnum):
    """The two things that a record can tell of a hold."""

    PLACED = "placed"
    RELEASED = "released"


class HoldTarget(Message):
    """The recordings that are held: one of them, or all of a call, those that come later too."""

    server_call_id: OpaqueId | None = None
    recording_id: OpaqueId | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.server_call_id is None) is (self.recording_id is None):
            raise ValueError("name the call (serverCallId) or the recording (recordingId)")
        # Such a hold would lie on nothing, and nobody would notice.
        if _CALL_ID.fullmatch(self.server_call_id or ""):
            raise ValueError("this is a callId or a workflow id: give the serverCallId")
        return self


class HoldRecord(Message):
    """A signed record in the archive that a hold was placed or released."""

    schema_version: int = SCHEMA_VERSION
    object_name: str
    """This record's own name in its archive."""
    archive: str
    id: HoldId
    """The same in the record that releases the hold."""
    action: HoldAction
    target: HoldTarget
    requested_by: Annotated[str, Field(min_length=1, max_length=1_024)]
    authenticated_as: CallerName = ""
    """The key, the token or the operating system's user behind it."""
    reason: HoldReason
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    """The newest link of the archive's chain when this was recorded."""
    signature: Signature | None
