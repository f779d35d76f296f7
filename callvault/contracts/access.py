"""Access to recordings: what was done with them by whom, as the archive's access log keeps it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from callvault.contracts.base import CallerName, Message, ShortText
from callvault.contracts.manifest import SCHEMA_VERSION, LinkReference, Sha256, Signature

MAX_NAMED = 10_000
"""Objects, and recordings, that one record can name; who has more writes several records."""

ArchiveName = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
"""The name of an object, or of a recording's folder, within the archive."""


class AccessAction(StrEnum):
    """The kind of an access."""

    OPENED = "opened"
    """A link to a recording was given out, or its bytes."""
    FOUND = "found"
    """The recordings of a person were searched for."""
    EXPORTED = "exported"
    """Copies of recordings, or evidence about them, were given out."""
    HELD = "held"
    """Recordings were put under a legal hold."""
    RELEASED = "released"
    """A legal hold was taken back."""
    PLANNED = "planned"
    """The erasure of recordings was planned; nothing was deleted yet."""
    ERASED = "erased"
    """Recordings, or a part of them, were deleted."""
    READ = "read"
    """The access log, the holds or an erasure's certificate were read by way of the gateway."""


class Access(Message):
    """One access, as whoever grants it tells it."""

    action: AccessAction
    by: ShortText = ""
    """The person or program, as they call themselves."""
    authenticated_as: CallerName = ""
    """The key or token that was presented (``key crm``, ``token SUBJECT``), or the user of the
    operating system (``cli:NAME``)."""
    recordings: Annotated[tuple[ArchiveName, ...], Field(max_length=MAX_NAMED)] = ()
    """Folders of the recordings, as `names.folder_of` tells them."""
    objects: Annotated[tuple[ArchiveName, ...], Field(max_length=MAX_NAMED)] = ()
    """Single objects; all of the recordings where there are none."""
    participant: Sha256 | None = None
    """Keyed hash of the person about whom it was."""
    reason: ShortText = ""
    """The reason that was given for it."""
    expires_at: datetime | None = None
    """End of what was granted, as of a link."""


class AccessRecord(Access):
    """One access in the archive's log, which is a chain of its own."""

    schema_version: int = SCHEMA_VERSION
    archive: str
    sequence: Annotated[int, Field(ge=1)]
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """Random: two accesses that are alike in all else are still two."""
    at: datetime
    software: str
    previous: LinkReference | None
    """The record before it; none for the first one."""
    signature: Signature | None
