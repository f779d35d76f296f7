"""The export for a person: all that the archives hold of it, in one package."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from callvault.archive.access_log.search import Wanted
from callvault.archive.manifests.documents import Keyring, sha256
from callvault.archive.manifests.seal import StoredManifest, find_manifest
from callvault.archive.store import Archive
from callvault.archive.verify.chain_end import ChainEnd
from callvault.contracts.access import AccessRecord
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import CallvaultError
from callvault.evidence.cover import Listed, cover_page
from callvault.evidence.media_copy import MediaCopy, media_copies
from callvault.evidence.package import Package, PackageIndex, found_there, packed
from callvault.evidence.recording import newest_manifests, sealed_recording
from callvault.evidence.subject_folder import Folder, FoundRecording, Person

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """An export that is asked for."""

    person: Person
    keys: Mapping[str, Keyring]
    """The keys that may have signed, by archive."""
    logs: Mapping[str, Sequence[AccessRecord]]
    """The access logs, by archive."""
    ends: Mapping[str, ChainEnd]
    """The ends of the chains, by archive: each is read once for all recordings."""
    made_at: datetime
    software: str


@dataclass(frozen=True, slots=True)
class Exported:
    """The outcome of an export."""

    is_new: bool
    """False where it was there already."""
    problems: tuple[str, ...]
    """What was not as it was sealed when it was made."""


def recordings_of(
    archive: Archive, entry: SubjectEntry, person: Person
) -> Iterator[FoundRecording]:
    """Yield the sealed recordings of an index entry; none where nothing is sealed yet."""
    for name in newest_manifests(archive, entry.folder):
        stored = find_manifest(archive, name)
        # where ids are not known, several recordings lie in one folder
        if stored and _tells_of(stored, entry, person):
            copies = tuple(media_copies(archive, stored.manifest, entry))
            yield FoundRecording(archive, entry, stored.reference, copies)


def _tells_of(stored: StoredManifest, entry: SubjectEntry, person: Person) -> bool:
    metadata = {chunk.metadata.object_name for chunk in stored.manifest.chunks if chunk.metadata}
    told = stored.manifest.model_dump_json()
    return not metadata.isdisjoint(entry.evidence) or any(each in told for each in person.hashes)


def export(
    target: Path,
    order: ExportOrder,
    found: Sequence[FoundRecording],
    left_out: Sequence[str],
    before_it_appears: Callable[[], None],
) -> Exported:
    """Write the package, all of it or nothing; one that is there already stays as it is.

    ``left_out`` are sentences about recordings that are not in it. ``before_it_appears`` is called
    once it is whole; an error of it leaves nothing.
    """
    digest = _digest(order, found, left_out)
    if there := found_there(target, digest):
        return _exported(there, is_new=False)
    with packed(target, digest, sum(each.needed for each in found)) as package:
        told = [_written(package, order, each, n) for n, each in enumerate(found, 1)]
        listed = [each for each in told if isinstance(each, Listed)]
        missing = [*left_out, *(each for each in told if isinstance(each, str))]
        package.add_text("index.html", cover_page(listed, missing, order.made_at, order.software))
        index = package.index(digest)
        before_it_appears()
    return _exported(index, is_new=True)


def _written(
    package: Package, order: ExportOrder, found: FoundRecording, number: int
) -> Listed | str:
    """Prove a recording, and write its folder; a sentence where that cannot be done."""
    try:
        return _proven(package, order, found, f"{number:04d}")
    except (CallvaultError, OSError):
        raise
    # What nobody thought of costs this recording, never all of a person.
    except Exception as error:
        log.exception("recording not exported", folder=found.entry.folder)
        # Its kind alone: the text of an error may hold what is another person's.
        why = type(error).__name__
        sentence = (
            f"{number:04d}: the recording {found.entry.folder} could not be written whole ({why}),"
            " which is an error of Callvault's own: report it, and export again later"
        )
        package.problems.append(sentence)
        return sentence


def _proven(package: Package, order: ExportOrder, found: FoundRecording, path: str) -> Listed:
    archive, person = found.archive, order.person
    keys = order.keys[archive.name]
    end = order.ends[archive.name]
    facts = sealed_recording(archive, found.manifest.object_name, keys, person.hashes_of, end)
    wanted = Wanted(folders=frozenset([found.entry.folder]))
    about = list(filter(wanted.fits, order.logs[archive.name]))
    if facts.report:
        package.problems += [f"{r.object_name}: {r.text}" for r in facts.report.problems]
    folder = Folder(package, path, found, facts, person, about)
    return folder.written(order.made_at, order.software)


def _exported(index: PackageIndex, *, is_new: bool) -> Exported:
    return Exported(is_new, index.problems)


def _digest(order: ExportOrder, found: Sequence[FoundRecording], left_out: Sequence[str]) -> str:
    """Tell exports apart that would hold other things; the time and the access log do not count."""
    told = {
        "person": list(order.person.hashes),
        "recordings": [
            [each.archive.name, each.manifest.object_name, each.manifest.sha256, _media(each)]
            for each in found
        ],
        "leftOut": list(left_out),
        "software": order.software,
    }
    return sha256(json.dumps(told, sort_keys=True).encode())


def _media(found: FoundRecording) -> list[str]:
    return [one.filename if isinstance(one, MediaCopy) else one.reason for one in found.copies]
