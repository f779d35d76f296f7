"""One person taken out of an unmixed recording: their channel silent, the rest sealed anew.

The files of the channel are replaced by copies under other names, the manifest by a later one that
names them and knows the person no more. What they replace is erased then, by a record like any.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callvault.archive.blocks import BLOCK_SIZE
from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import Keyring, sha256, signed
from callvault.archive.manifests.evidence import properties_of
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.manifest import silent_since
from callvault.archive.manifests.seal import (
    StoredManifest,
    find_manifest,
    next_manifest_name,
    publish_key,
    software,
    vouched_for,
)
from callvault.archive.media.check import Expected, check_media
from callvault.archive.media.seekable import open_object
from callvault.archive.names import is_manifest_name, metadata_object_name
from callvault.archive.store import Archive, StoredObject, put_bytes, read_small
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.index import write
from callvault.contracts.chunk_metadata import members_of
from callvault.contracts.manifest import (
    ArchivedObject,
    Manifest,
    ManifestChunk,
    SilencedChannel,
)
from callvault.contracts.media import ChannelType
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import BrokenContent, InvalidRequest, ObjectExists
from callvault.retention.inventory import Inventory
from callvault.retention.wav_channels import Samples, samples_of, silenced

Channels = Mapping[str, int]
"""The person's channel in each media file, by object name."""


@dataclass(frozen=True)
class Removal:
    """One person to be taken out of one recording, by one erasure."""

    archive: Archive
    erasure: str
    participant: str
    channels: Channels
    hash_of: Hash
    signer: Signer | None
    keys: Keyring
    """Keys that are believed to have signed in the archive."""
    now: Callable[[], datetime]

    @property
    def mark(self) -> str:
        """The part of the names of new files that says which erasure made them."""
        return self.erasure[:16]

    def seal(self, inventory: Inventory) -> Manifest:
        """Write the files without the person and seal them; the same again finds what is there."""
        newest = newest_of(inventory)
        found = self._sealed(inventory) or self._seal(newest, inventory)
        append(self.archive, found.reference, self.signer, after=found.manifest.previous)
        people = entries_of_recording(
            self.archive, found.manifest, self.hash_of, lambda problem: None
        )
        write(self.archive, people)
        return found.manifest

    def own(self, inventory: Inventory) -> set[str]:
        """Return the names of all that this erasure has made of the recording so far."""
        sealed = self._sealed(inventory)
        files = {each.name for each in inventory.objects if f".{self.mark}." in each.name}
        return files | ({sealed.reference.object_name} if sealed else set())

    def replaced(self, before: Inventory) -> list[StoredObject]:
        """Return what is erased then: the files of the channels, and every earlier manifest."""
        files = {*self.channels, *map(metadata_object_name, self.channels)}
        return [each for each in before.objects if each.name in files or _is_manifest(each)]

    def order(self, folder: str) -> str:
        """Return the digest by which its manifest is known again."""
        return sha256(f"{self.erasure}\n{folder}".encode())

    def _sealed(self, inventory: Inventory) -> StoredManifest | None:
        own = self.order(inventory.folder)
        return next((m for m in inventory.manifests if m.manifest.input_sha256 == own), None)

    def _seal(self, newest: StoredManifest, inventory: Inventory) -> StoredManifest:
        if self.signer:
            publish_key(self.archive, self.signer)
        chunks = tuple(self._chunk(chunk, newest.manifest) for chunk in newest.manifest.chunks)
        known = without_person(newest.manifest, self.participant)
        name = next_manifest_name(inventory.folder, inventory.manifests)
        manifest = known.model_copy(
            update={
                "object_name": name,
                "chunks": chunks,
                "findings": (*known.findings, *silent_since(chunks, self.erasure)),
                "software": software(),
                "sealed_at": self.now(),
                "input_sha256": self.order(inventory.folder),
                "earlier": newest.reference,
                "previous": head(self.archive),
                "signature": None,
            }
        )
        with suppress(ObjectExists):  # looked at below: it may be this one's, of another attempt
            put_bytes(
                self.archive,
                name,
                signed(manifest, self.signer),
                content_type="application/json",
                metadata={},
            )
        found = find_manifest(self.archive, name)
        there = vouched_for(self.archive, [found] if found else [], self.signer, self.keys)
        if not there or there[0].manifest.input_sha256 != manifest.input_sha256:
            raise BrokenContent(f"{name} was written by somebody else: try again", owner="archive")
        return there[0]

    def _chunk(self, chunk: ManifestChunk, manifest: Manifest) -> ManifestChunk:
        if chunk.media is None or chunk.media.object_name not in self.channels:
            return chunk
        channel = self.channels[chunk.media.object_name]
        media = self._media(chunk.media, channel)
        metadata = self._metadata(chunk.metadata, media.object_name) if chunk.metadata else None
        of = manifest.recording
        expected = Expected(
            of.recording_format_type,
            of.recording_content_type,
            of.recording_channel_type,
            chunk.check.facts.expected_duration_ms if chunk.check else None,
            sum(pause.duration_ms for pause in chunk.service_pauses),
        )
        check = check_media(self.archive, media.object_name, media.size, expected)
        silenced = SilencedChannel(channel=channel, erasure=self.erasure, sha256=chunk.media.sha256)
        return chunk.model_copy(
            update={
                "media": media,
                "metadata": metadata,
                "check": check,
                "silenced": (*chunk.silenced, silenced),
            }
        )

    def _media(self, sealed: ArchivedObject, channel: int) -> ArchivedObject:
        samples = _samples(self.archive, sealed.object_name)
        stem, _, extension = sealed.object_name.rpartition(".")
        name = f"{stem}.{self.mark}.{extension}"
        found = self.archive.stat(sealed.object_name)
        pieces = silenced(self.archive.read(sealed.object_name), samples, channel)
        return self._store(name, pieces, "audio/wav", found.metadata if found else {})

    def _metadata(self, sealed: ArchivedObject, media_name: str) -> ArchivedObject:
        told = members_of(read_small(self.archive, sealed.object_name))
        people = told.get("participants") or []
        listed = people if isinstance(people, list) else [people]
        told["participants"] = [each for each in listed if not self._is_person(each)]
        content = json.dumps(told).encode()
        name = metadata_object_name(media_name)
        return self._store(name, iter([content]), "application/json", {})

    def _is_person(self, told: Any) -> bool:
        named = told.get("participantId") if isinstance(told, dict) else None
        return isinstance(named, str) and self.hash_of(named) == self.participant

    def _store(
        self, name: str, pieces: Iterator[bytes], content_type: str, metadata: Mapping[str, str]
    ) -> ArchivedObject:
        with (
            WholeDigest() as digest,
            self.archive.begin(name, block_size=BLOCK_SIZE) as upload,
        ):
            for index, block in enumerate(_blocks(pieces)):
                upload.put(index, block)
                digest.update(block)
            stored = upload.commit(size=digest.size, content_type=content_type, metadata=metadata)
        return ArchivedObject(
            object_name=name,
            size=digest.size,
            sha256=digest.sha256,
            sha512=digest.sha512,
            properties=properties_of(self.archive, self.archive.stat(name) or stored),
        )


def channels_of(archive: Archive, inventory: Inventory, participant: str) -> dict[str, int]:
    """Return the person's channel in each file; `InvalidRequest` where no channel is theirs alone.

    So it is where a file has no such channel that could be made silent. ``participant`` is the
    keyed hash.
    """
    newest = newest_of(inventory).manifest
    if newest.recording.recording_channel_type is not ChannelType.UNMIXED:
        raise InvalidRequest("it is mixed: nobody's voice can be taken out of it, erase it whole")
    media = {chunk.media.object_name for chunk in newest.chunks if chunk.media}
    theirs = _told(inventory, media, lambda entry: entry.participant == participant)
    others = _told(inventory, media, lambda entry: entry.participant != participant)
    if not theirs:
        raise InvalidRequest("no file of it names a channel of that person: erase it whole")
    for name, channels in theirs.items():
        if len(channels) != 1 or None in channels or channels & others.get(name, set()):
            raise InvalidRequest(f"{name}: no channel is known to be that person's alone")
    found = {name: channel for name, (channel,) in theirs.items() if channel is not None}
    for name, channel in found.items():
        try:
            _samples(archive, name).require(channel)
        except InvalidRequest as error:
            raise InvalidRequest(f"{name}: {error}") from error
    return found


def _samples(archive: Archive, object_name: str) -> Samples:
    stored = archive.stat(object_name)
    if stored is None:
        raise InvalidRequest("it is not there")
    with open_object(archive, object_name, stored.size) as file:
        return samples_of(file, stored.size)


def _told(
    inventory: Inventory, media: Collection[str], is_wanted: Callable[[SubjectEntry], bool]
) -> dict[str, set[int | None]]:
    """Return the channels that the index tells of people, by media file."""
    found: dict[str, set[int | None]] = {}
    for entry in filter(is_wanted, inventory.entries):
        for chunk in entry.chunks:
            if chunk.object_name in media:
                found.setdefault(chunk.object_name, set()).add(chunk.channel)
    return found


def newest_of(inventory: Inventory) -> StoredManifest:
    """Return the manifest that no later one completes; `InvalidRequest` where there are several."""
    earlier = {m.manifest.earlier.object_name for m in inventory.manifests if m.manifest.earlier}
    newest = [m for m in inventory.manifests if m.reference.object_name not in earlier]
    if len(newest) != 1:
        raise InvalidRequest(f"{inventory.folder} holds {len(newest)} recordings: erase them whole")
    return newest[0]


def without_person(manifest: Manifest, participant: str) -> Manifest:
    """Return a manifest in which somebody stands where this person stood."""
    text = manifest.model_dump_json().replace(participant, UNKNOWN_PARTICIPANT)
    return Manifest.model_validate_json(text)


def _is_manifest(found: StoredObject) -> bool:
    return is_manifest_name(found.name)


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Put pieces together into blocks, of which the last may be shorter."""
    block = bytearray()
    for piece in pieces:
        block += piece
        while len(block) >= BLOCK_SIZE:
            yield bytes(block[:BLOCK_SIZE])
            del block[:BLOCK_SIZE]
    if block:
        yield bytes(block)
