"""The index by person, written beside what is archived and sealed: nothing else waits or fails."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from temporalio import activity

from activities.export_metadata import Archived
from activities.export_names import object_name
from activities.heartbeat import background_heartbeat
from callvault.archive.manifests.seal import find_manifest
from callvault.archive.names import day_of, folder_of
from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import IndexProblem, entries_of_recording
from callvault.archive.subjects.entries import Hash, IndexedRecording, entries_of_metadata
from callvault.archive.subjects.index import write
from callvault.contracts.activity_io import ExportInput
from callvault.errors import CallvaultError, InvalidRequest
from callvault.telemetry.metrics import index_failures

INDEX_TIMEOUT = timedelta(minutes=1)
"""Time that an attempt gives the index: an export or a seal must not wait longer for it."""


class SubjectIndex:
    """Writes index entries. A failure is logged and counted, and never passed on.

    What an export could not write is written by the seal; what that could not write is found by
    `callvault index check`.
    """

    def __init__(self, hash_of: Hash) -> None:
        """``hash_of`` hides a ``rawId`` with the key of the moment; it may raise our errors."""
        self._hash_of = hash_of

    def add_chunk(
        self, archive: Archive, input: ExportInput, media_name: str, metadata: Archived
    ) -> None:
        """Index the people whom a chunk's metadata file names."""
        if metadata.object_name is None:
            return
        with _harmless(archive, metadata.object_name), background_heartbeat():
            recording = IndexedRecording(
                archive.name,
                _folder(input, media_name),
                input.resource,
                input.recording_id,
                input.call_id,
                input.server_call_id,
            )
            people = metadata.facts.participants
            entries = entries_of_metadata(
                recording, metadata.object_name, media_name, people, self._hash_of
            )
            write(archive, entries, within=INDEX_TIMEOUT)

    def add_recording(self, archive: Archive, manifest_name: str) -> None:
        """Index the people of a sealed recording: of its manifest, and of its metadata files."""
        with _harmless(archive, manifest_name):
            stored = find_manifest(archive, manifest_name)
            if stored is not None:
                entries = entries_of_recording(
                    archive, stored.manifest, self._hash_of, lambda problem: _tell(archive, problem)
                )
                write(archive, entries, within=INDEX_TIMEOUT)


def _folder(input: ExportInput, media_name: str) -> str:
    """Return the folder in which the chunk lies or, of a file that ACS wrote, would lie."""
    with suppress(InvalidRequest):
        folder = folder_of(media_name)
        day_of(folder)
        return folder
    return folder_of(object_name(input, input.recording_format_type))


@contextmanager
def _harmless(archive: Archive, object_name: str) -> Iterator[None]:
    """Let no error leave the block: what goes before it is archived, or sealed."""
    try:
        yield
    except CallvaultError as error:
        _tell(archive, IndexProblem(object_name, str(error)))
    except Exception as error:
        # Its text may quote what is personal.
        _tell(archive, IndexProblem(object_name, f"unexpected {type(error).__name__}"))


def _tell(archive: Archive, problem: IndexProblem) -> None:
    activity.logger.error(
        "people of a recording are not indexed: mend the cause, then `callvault index rebuild`",
        extra={"archive": archive.name, "object": problem.object_name, "problem": problem.text},
    )
    index_failures(activity.metric_meter()).add(1, {"archive": archive.name})
