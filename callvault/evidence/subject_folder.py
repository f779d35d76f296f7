"""One recording's folder in the export for a person."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from callvault.archive.names import folder_of
from callvault.archive.store import Archive, read_small
from callvault.contracts.access import AccessRecord
from callvault.contracts.manifest import ObjectReference
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import BrokenContent, ContentMissing
from callvault.evidence.cover import Listed
from callvault.evidence.document import Shown, evidence_page
from callvault.evidence.given import GivenFile, given_files
from callvault.evidence.masking import masked_json, masked_metadata
from callvault.evidence.media_copy import MediaCopy, NoCopy
from callvault.evidence.package import Package, PackedFile
from callvault.evidence.people import People
from callvault.evidence.proof_files import MANIFEST, proof_files
from callvault.evidence.recording import Hashes, RecordingFacts
from callvault.evidence.vcon import MAX_INLINE, Dialog, vcon_of

_ROOM = 256 * 1024
"""Bytes for the pages of one recording, about."""


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording that the person was in, and what of its media is given out."""

    archive: Archive
    entry: SubjectEntry
    manifest: ObjectReference
    copies: tuple[MediaCopy | NoCopy, ...]

    @property
    def needed(self) -> int:
        """Bytes that it takes, about: a small file is in the vCon, too, in base64."""
        sizes = [each.size for each in self.copies if isinstance(each, MediaCopy)]
        return _ROOM + sum(sizes) + sum(size * 4 // 3 for size in sizes if size <= MAX_INLINE)


@dataclass(frozen=True, slots=True)
class Person:
    """The person whom an export is for."""

    hashes: Sequence[str]
    """By the key of participants, and by earlier ones."""
    hashes_of: Hashes


class Folder:
    """The files of one recording, written one after the other, each told on the page."""

    def __init__(
        self,
        package: Package,
        path: str,
        found: FoundRecording,
        facts: RecordingFacts,
        person: Person,
        log: Sequence[AccessRecord],
    ) -> None:
        """``log`` are the records of the access log about it."""
        self._package = package
        self._path = path
        self._found = found
        self._all = facts
        self._person = person
        self._log = log
        self._given: list[GivenFile] = []
        self._dialogs: list[Dialog] = []

    def written(self, made_at: datetime, software: str) -> Listed:
        """Write everything, the page last; return how the cover tells of it."""
        for each in self._found.copies:
            self._write_media(each)
        self._write_metadata()
        self._write_facts()
        self._write_proof()
        self._write_vcon(made_at)
        facts = self._facts
        shown = Shown(facts, self._people, given_files(self._given, self._refused))
        self._add("evidence.html", [evidence_page([shown], made_at, software).encode()])
        return Listed.of(self._path, facts, self._ids.values(), self._refused)

    @cached_property
    def _facts(self) -> RecordingFacts:
        """The recording without the waveforms of what is not given out, and its place there."""
        given = [each for each in self._found.copies if isinstance(each, MediaCopy)]
        names = {each.media.object_name for each in given}
        channels = frozenset(each.channel for each in given if each.channel is not None)
        pictures = {name: p for name, p in self._all.pictures.items() if name in names}
        return replace(self._all, place=MANIFEST, pictures=pictures, channels=channels or None)

    @cached_property
    def _ids(self) -> dict[str, str]:
        """The person's ids, which alone are shown."""
        members = self._all.members
        return {m.participant: m.raw_id for m in members if m.participant in self._person.hashes}

    @cached_property
    def _people(self) -> People:
        return People(
            self._facts, subjects=self._person.hashes, known=self._ids, are_hashes_shown=False
        )

    @property
    def _refused(self) -> list[str]:
        return [
            f"Chunk {each.chunk.index} is not in this package: {each.reason}."
            for each in self._found.copies
            if isinstance(each, NoCopy)
        ]

    def _add(self, name: str, pieces: Iterable[bytes]) -> PackedFile:
        return self._package.add(f"{self._path}/{name}", pieces)

    def _give(self, name: str, about: str, text: str, original: str = "") -> None:
        file = self._add(name, [text.encode()])
        self._given.append(GivenFile(name, about, file, original))

    def _write_media(self, copy: MediaCopy | NoCopy) -> None:
        if isinstance(copy, NoCopy):
            self._dialogs.append(Dialog(copy.chunk))
            return
        kept = bytearray()
        file = self._add(copy.filename, _kept(copy.pieces(self._found.archive), kept, copy.size))
        about = "everybody's sound: the service mixed it"
        if copy.channel is None:
            self._require_same(copy, file)
        else:
            about = f"this person's channel alone ({copy.channel}), bit for bit"
        self._given.append(GivenFile(copy.filename, about, file, copy.media.sha256))
        own = [each for each in self._people.hashes if self._people.is_subject(each)]
        whose = self._people.hashes if copy.channel is None else own
        body = bytes(kept) if copy.size <= MAX_INLINE else None
        self._dialogs.append(Dialog(copy.chunk, copy.filename, file.sha512, [whose], body))

    def _require_same(self, copy: MediaCopy, file: PackedFile) -> None:
        report = self._all.report
        if report and report.ok and file.sha256 != copy.media.sha256:
            raise BrokenContent(
                f"{copy.media.object_name} was changed while it was copied: find out by whom",
                owner="archive",
            )

    def _write_metadata(self) -> None:
        for chunk in self._facts.manifest.chunks:
            if chunk.metadata is None:
                continue
            name = f"metadata-{chunk.index:04d}.json"
            try:
                content = read_small(self._found.archive, chunk.metadata.object_name)
                text = masked_metadata(content, self._people, self._person.hashes_of)
            except (BrokenContent, ContentMissing) as error:
                self._given.append(GivenFile(name, f"not in this package: {error}"))
                continue
            about = "the service's metadata, without the ids of others"
            self._give(name, about, text, chunk.metadata.sha256)

    def _write_facts(self) -> None:
        told = masked_json(self._own_facts(), self._people)
        self._give("facts.json", "stays, consents, pauses and silence, for programs", told)
        log = [_without_others(each, self._found.entry, self._person.hashes) for each in self._log]
        about = "who opened, exported or erased this recording before"
        self._give("access-log.json", about, masked_json(log, self._people))

    def _own_facts(self) -> dict[str, Any]:
        manifest = self._facts.manifest
        own = self._people.is_subject
        told = manifest.model_copy(
            update={
                "consents": tuple(c for c in manifest.consents if own(c.participant)),
                "marked": tuple(m for m in manifest.marked if own(m.participant)),
            }
        )
        kept = {"recording", "pauses", "silence", "consents", "marked"}
        stays = [s for s in manifest.consent.participants if own(s.participant)]
        return {
            **told.model_dump(mode="json", include=kept),
            "stays": [stay.model_dump(mode="json") for stay in stays],
            "heldForConsent": [hold.model_dump(mode="json") for hold in manifest.consent.holds],
        }

    def _write_proof(self) -> None:
        for name, about, data in proof_files(self._found.archive, self._facts):
            self._given.append(GivenFile(name, about, self._add(name, [data])))

    def _write_vcon(self, made_at: datetime) -> None:
        manifest = read_small(self._found.archive, self._facts.manifest.object_name).decode()
        vcon = vcon_of(self._facts, self._people, self._ids, self._dialogs, manifest, made_at)
        self._give("recording.vcon.json", "the recording as a vCon", json.dumps(vcon, indent=1))


def _kept(pieces: Iterable[bytes], kept: bytearray, size: int) -> Iterator[bytes]:
    """Pass pieces on, and keep them where there are few."""
    for piece in pieces:
        if size <= MAX_INLINE:
            kept += piece
        yield piece


def _without_others(
    record: AccessRecord, entry: SubjectEntry, hashes: Sequence[str]
) -> dict[str, Any]:
    """Leave out other recordings that a record of the access log names, and other people."""
    folder = entry.folder
    own = record.model_copy(
        update={
            "recordings": tuple(each for each in record.recordings if each == folder),
            "objects": tuple(each for each in record.objects if folder_of(each) == folder),
            "participant": record.participant if record.participant in hashes else None,
        }
    )
    return own.model_dump(mode="json")
