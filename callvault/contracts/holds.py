"""Legal holds as archives keep them: who wants a recording kept whatever else is decided."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from callvault.contracts.base import CallerName, Message
from callvault.contracts.hold_messages import HoldId, HoldReason, HoldTarget
from callvault.contracts.manifest import SCHEMA_VERSION, LinkReference, Signature


class HoldAction(StrEnum):
    """The two things that a record can tell of a hold."""

    PLACED = "placed"
    RELEASED = "released"


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
    resource: str | None = None
    """The ACS resource of what is held, where that was known."""
    reason: HoldReason
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    """The newest link of the archive's chain when this was recorded."""
    signature: Signature | None
