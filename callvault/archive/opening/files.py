"""The files of a recording as an archive holds them, and why one of them cannot be opened."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from callvault.archive.manifests.documents import read_document
from callvault.archive.manifests.seal import listed_manifest
from callvault.archive.names import (
    ERASURES_PREFIX,
    folder_of,
    is_duty_record_name,
    is_erasure_record_name,
    is_manifest_name,
)
from callvault.archive.store import Archive, read_small
from callvault.contracts.duties import DutyRecord
from callvault.contracts.erasures import ErasureRecord
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.contracts.media import FormatType
from callvault.contracts.states import ChunkState
from callvault.errors import BrokenContent

MAX_ERASURES = 1_000
"""Records of erasures that are read for a recording that is not there: a request must end."""


class FileState(StrEnum):
    """The reason why a file can be opened, or cannot."""

    THERE = "there"
    LOST = "lost"
    """It never came into the archive."""
    ERASED = "erased"
    """It was deleted, and a record says why."""
    MISSING = "missing"
    """It was sealed, and is gone without a record."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One media file of a recording."""

    object_name: str
    """Empty for one that was lost."""
    index: int | None
    """Number of the chunk, from 0; None where no manifest tells it yet."""
    state: FileState
    size: int = 0
    sha256: str | None = None
    problem: str = ""
    """The reason why it cannot be opened, in a sentence."""

    @property
    def is_whole(self) -> bool:
        """True if it stands for all files of a recording, of which nothing else is left."""
        return self.index is None and not self.object_name

    @property
    def content_type(self) -> str:
        """The media type by the name that it was archived under."""
        extension = self.object_name.rpartition(".")[2]
        known = {each.value: each.content_type for each in FormatType}
        return known.get(extension, "application/octet-stream")


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """All files of the recordings in one folder."""

    folder: str
    resource: str | None
    """The ACS resource by the manifest; None where nothing was sealed yet."""
    files: tuple[RecordedFile, ...]


def files_of(archive: Archive, folder: str) -> RecordedFiles:
    """Find the media files in a folder, and those that its manifests name; in order."""
    names = sorted(archive.names(f"{folder}/"))
    manifests = list(_manifests(archive, names))
    erased = dict(_erased(archive, names))
    found: dict[str, RecordedFile] = {}
    for manifest in manifests:
        for chunk in manifest.chunks:
            # A later manifest completes or corrects what an earlier one says of the same file.
            found[f"{chunk.index}/{chunk.document_id}"] = _sealed(chunk, names, erased)
    # Those of earlier manifests, too: what was replaced is not given out beside what replaced it.
    named = {each.media.object_name for m in manifests for each in m.chunks if each.media}
    unsealed = [name for name in names if _is_media(name) and name not in named]
    files = (*found.values(), *(_unsealed(archive, name) for name in unsealed))
    resource = manifests[-1].recording.resource if manifests else None
    if not files and (said := _erased_whole(archive, folder)):
        files = (RecordedFile("", None, FileState.ERASED, problem=said),)
    return RecordedFiles(folder, resource, tuple(sorted(files, key=_order)))


def _manifests(archive: Archive, names: list[str]) -> Iterator[Manifest]:
    # The shorter name is that of the lower number.
    for name in sorted(filter(is_manifest_name, names), key=lambda name: (len(name), name)):
        with suppress(BrokenContent):  # reported by `callvault verify`
            if found := listed_manifest(archive, name):
                yield found.manifest


def _erased(archive: Archive, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each object that was erased, with the sentence of the record that says so."""
    for name in filter(is_duty_record_name, names):
        with suppress(BrokenContent):
            record = read_document(DutyRecord, read_small(archive, name))
            said = f"it was erased on {record.recorded_at:%Y-%m-%d}: {record.reason} (see {name})"
            yield from ((each.object_name, said) for each in record.erased)


def _erased_whole(archive: Archive, folder: str) -> str | None:
    """Find the record of an erasure that names an object of this folder; None without one."""
    records = sorted(filter(is_erasure_record_name, archive.names(ERASURES_PREFIX)))
    for name in records[:MAX_ERASURES]:
        # A certificate, which lies beside its records, is none.
        with suppress(BrokenContent):
            record = read_document(ErasureRecord, read_small(archive, name))
            if any(folder_of(erased.object_name) == folder for erased in record.erased):
                return (
                    f"it was erased on {record.recorded_at:%Y-%m-%d}: {record.reason} (see {name})"
                )
    return None


def _sealed(chunk: ManifestChunk, names: list[str], erased: dict[str, str]) -> RecordedFile:
    if chunk.media is None or chunk.state is not ChunkState.ARCHIVED:
        why = chunk.lost_reason or f"it was {chunk.state.value} when the recording was sealed"
        return RecordedFile("", chunk.index, FileState.LOST, problem=f"it is lost: {why}")
    media = chunk.media
    file = RecordedFile(
        media.object_name, chunk.index, FileState.THERE, size=media.size, sha256=media.sha256
    )
    if media.object_name in names:
        return file
    if said := erased.get(media.object_name):
        return replace(file, state=FileState.ERASED, problem=said)
    gone = "it was sealed, and is gone from the archive: `callvault verify` tells more"
    return replace(file, state=FileState.MISSING, problem=gone)


def _unsealed(archive: Archive, name: str) -> RecordedFile:
    found = archive.stat(name)
    if found is None:
        return RecordedFile(name, None, FileState.MISSING, problem="it has just been removed")
    return RecordedFile(name, None, FileState.THERE, size=found.size, sha256=found.sha256)


def _is_media(name: str) -> bool:
    return name.rpartition(".")[2] in {each.value for each in FormatType}


def _order(file: RecordedFile) -> tuple[bool, int, str]:
    return file.index is None, file.index or 0, file.object_name
