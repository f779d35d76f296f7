"""The names under which a chunk lies in an archive, or may lie there."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from callvault.archive.names import chunk_object_name, day_prefix, is_folder_of_recording
from callvault.archive.store import Archive
from callvault.contracts.activity_io import ExportInput
from callvault.contracts.media import FormatType

MAX_DAYS_EARLIER = 3
"""Days by which a recording may have begun before its polled result counts: it is polled for the 48
hours of the service's retention, and may have gone on over midnight."""


def possible_names(archive: Archive, input: ExportInput) -> Iterator[str]:
    """Yield the names under which an earlier attempt may have archived the file.

    The archive is searched at the end alone, and only where the call's id is not known.
    """
    formats = FormatType if input.is_kind_assumed else (input.recording_format_type,)
    # Unlike an event, a polled result names no callId: an export that began with such a result
    # has archived the file under another name.
    for known in (input, input.model_copy(update={"call_id": None})):
        for format_type in formats:
            yield object_name(known, format_type)
    # After a restore it may be the other way round: the event is forgotten, and the result is
    # polled of what an export has archived under the call's id.
    if input.call_id is None and input.recording_id is not None:
        yield from _names_under_call_ids(archive, input, formats)


def _names_under_call_ids(
    archive: Archive, input: ExportInput, formats: Iterable[FormatType]
) -> Iterator[str]:
    files = {object_name(input, each).rpartition("/")[2] for each in formats}
    # An event tells when the recording began; a result may be polled on a later day.
    for days in range(MAX_DAYS_EARLIER + 1):
        for name in archive.names(day_prefix(input.recorded_on - timedelta(days=days))):
            is_its_file = name.rpartition("/")[2] in files
            if is_its_file and is_folder_of_recording(name, input.recording_id or ""):
                yield name


def object_name(input: ExportInput, format_type: FormatType) -> str:
    """Build the name of a chunk that has this format."""
    return chunk_object_name(
        recorded_on=input.recorded_on,
        call_id=input.call_id,
        server_call_id=input.server_call_id,
        recording_id=input.recording_id,
        index=input.chunk.index,
        document_id=input.chunk.document_id,
        extension=format_type,
    )
