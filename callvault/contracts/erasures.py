"""Erasures: what is erased and why, as it stands in an archive for ever, and the orders for it.

A record keeps names, sizes and hashes of what was erased, and nothing of what it held. Names of
objects are made of ids that the service chose at random.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from callvault.contracts.base import CallerName, Message, ShortText
from callvault.contracts.manifest import (
    SCHEMA_VERSION,
    LinkReference,
    ObjectReference,
    Sha256,
    Signature,
)

MAX_ERASED = 5_000
"""Objects that one record can name: more than a recording has files, by far."""


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
    requested_by: ShortText
    authenticated_as: CallerName = ""
    reason: ShortText
    recorded_at: datetime
    software: str
    previous: LinkReference | None
    """The newest link of the archive's chain when this was recorded."""
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
