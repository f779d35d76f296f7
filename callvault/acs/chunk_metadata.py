"""The metadata file that ACS puts beside each chunk (``…/content/acsmetadata``).

Real files of 2021 and of today differ in spelling, carry seven-digit fractions and durations as
integers or floats, so they are read with tolerance. Only the fields that Callvault needs to check a
chunk are read; the file itself is archived byte for byte.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FiniteFloat, ValidationError
from pydantic.alias_generators import to_camel

from callvault.contracts.base import explain
from callvault.contracts.events import ServiceTime
from callvault.errors import BrokenContent


class PauseResumeInterval(BaseModel):
    """A pause within the chunk: its beginning and its length, not its end."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    start_time: ServiceTime
    # Finite: a workflow could not read a result with NaN or infinity in it.
    duration: FiniteFloat | None = None
    """Milliseconds; None where the file does not say."""


class ChunkMetadata(BaseModel):
    """The fields of the metadata file that concern time."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    chunk_document_id: str | None = None
    chunk_start_time: ServiceTime | None = None
    chunk_duration: FiniteFloat | None = None
    """Milliseconds."""
    pause_resume_intervals: Annotated[
        tuple[PauseResumeInterval, ...], BeforeValidator(lambda value: value or ())
    ] = ()


def parse_chunk_metadata(content: bytes) -> ChunkMetadata:
    """Read a metadata file; raise `BrokenContent` if it is none."""
    try:
        return ChunkMetadata.model_validate_json(content)
    except ValidationError as error:
        raise BrokenContent(
            f"the chunk's metadata file cannot be read: {explain(error)}"
        ) from error
