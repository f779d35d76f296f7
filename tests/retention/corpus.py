"""Two archives with recordings of known people, and everything else that tells of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.seal import seal
from callvault.archive.names import folder_of
from callvault.archive.store import Archive
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.index import write
from callvault.archive.subjects.search import refuse
from callvault.archive.verify.expectation import Expectation
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_archive
from callvault.contracts import names
from callvault.contracts.consent import ConsentRecord, Presence
from callvault.contracts.media import MediaCheck
from callvault.contracts.participants import hiding
from callvault.contracts.retention import RetentionTerms
from callvault.ingest.dead_letters import DELIVERED, DeadLetterContainer
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.quarantine_directory import QuarantineDirectory
from callvault.ingest.undelivered import KeptLetters
from callvault.retention.plan import Places
from tests.archive.sealed import SIGNER, archived, manifest_of, recording, seal_input, wav

HASH = hiding("the key of participants")
KEYS = Keyring([SIGNER.public])
SEALED_AT = datetime(2026, 3, 2, 13, tzinfo=UTC)
NOW = SEALED_AT + timedelta(days=2)
ARCHIVES = ("fallback", "main")
DEAD_LETTERS = "dead letters events"


@dataclass(frozen=True)
class Kept:
    """A sealed recording of the corpus."""

    archive: str
    folder: str
    recording_id: str
    server_call_id: str
    media: bytes

    @property
    def workflow_id(self) -> str:
        return names.workflow_id(self.server_call_id)

    @property
    def sample(self) -> bytes:
        """Bytes that stand in this recording alone."""
        return self.media[200:264]


@dataclass
class Corpus:
    """Archives in directories, a quarantine, and the settings' terms."""

    root: Path
    terms: dict[str, RetentionTerms] = field(default_factory=lambda: {"default": RetentionTerms()})
    archives: dict[str, Archive] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    reopen: Callable[[str], Archive] | None = None
    """Opens an archive that its user closes; one in a directory can be shared."""
    dead_letters: Callable[[], DeadLetterContainer] | None = None
    """Opens the container of Event Grid's dead letters, where there is one."""

    def __post_init__(self) -> None:
        for name in ARCHIVES:
            self.archives.setdefault(name, DirectoryArchive(name, self.root / name))
        for archive in self.archives.values():
            make_identity(archive, None, SEALED_AT)
        self.quarantine.mkdir(parents=True)

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def places(self) -> Places:
        return Places(
            archives={name: partial(self.opened, name) for name in self.archives},
            letters={"quarantine": self.open_quarantine}
            | ({DEAD_LETTERS: self.dead_letters} if self.dead_letters else {}),
            keys_of=lambda name: KEYS,
            terms_of=self.terms.get,
            hash_of=HASH,
        )

    def opened(self, name: str) -> Archive:
        return self.reopen(name) if self.reopen else self.archives[name]

    def open_quarantine(self) -> KeptLetters:
        return Quarantine(QuarantineDirectory(self.quarantine))

    def keep(
        self,
        *people: str,
        archive: str = "main",
        media: bytes | None = None,
        check: MediaCheck | None = None,
        participants: Any = None,
        resource: str = "default",
        **facts: Any,
    ) -> Kept:
        """Archive, seal and index a recording of these people."""
        number = len(self.kept)
        place, recording_id = self.archives[archive], f"rec-{number}"
        server_call_id = f"serverCall{number}x"
        media = media or wav(0.05, tone=200 + 37 * number)
        told = [{"participantId": who, "channel": n} for n, who in enumerate(people)]
        chunk = archived(
            place,
            media=media,
            check=check,
            duration_ms=50,
            recording_id=recording_id,
            participants=participants or told,
        )
        of = recording(chunk, recording_id=recording_id, **facts)
        order = seal_input(
            place,
            of,
            server_call_id=server_call_id,
            resource=resource,
            workflow_id=names.workflow_id(server_call_id),
            consents=[
                ConsentRecord(
                    participant=HASH(who), given=True, decided_at=SEALED_AT, received_at=SEALED_AT
                )
                for who in people
            ],
            participants=[Presence(participant=HASH(who), told_at=SEALED_AT) for who in people],
        )
        sealed = seal(place, order, SIGNER, lambda: SEALED_AT)
        manifest = manifest_of(place, sealed)
        write(place, entries_of_recording(place, manifest, HASH, refuse))
        kept = Kept(archive, folder_of(sealed.object_name), recording_id, server_call_id, media)
        self.kept.append(kept)
        return kept

    def letter(self, name: str, *events: Mapping[str, Any], delivered: bool = False) -> Path:
        """Put a letter into the quarantine."""
        folder = self.quarantine / "delivered" if delivered else self.quarantine
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.event"
        path.write_text(json.dumps(list(events)))
        return path

    def dead_letter(self, name: str, *events: Mapping[str, Any], delivered: bool = False) -> None:
        """Have Event Grid give up events; a sweep may have delivered them since."""
        assert self.dead_letters is not None
        with closing(self.dead_letters()) as store:
            marked = {DELIVERED: SEALED_AT.isoformat()} if delivered else {}
            told = [dict(each, deadLetterReason="MaxDeliveryAttempts") for each in events]
            path = f"TOPIC/SUB/2026/3/2/13/{name}.json"
            store._container.upload_blob(path, json.dumps(told), metadata=marked)

    def verify(self) -> list[Report]:
        anything = Expectation(may_be_empty=True)
        return [verify_archive(each, KEYS, expected=anything) for each in self.archives.values()]

    def places_with(self, *needles: bytes) -> list[str]:
        """Search every byte below the root, file names too, as one who knows nothing of it."""
        return [
            f"{place}: {needle!r}"
            for place, content in self.everything()
            for needle in needles
            if needle in place.encode() or needle in content
        ]

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file below the root, and every blob with its metadata, each read once."""
        for path in sorted(self.root.rglob("*")):
            yield str(path), path.read_bytes() if path.is_file() else b""
        for container in filter(None, map(container_of, self.archives.values())):
            yield from blobs(container)
        if self.dead_letters is not None:
            with closing(self.dead_letters()) as store:
                yield from blobs(store._container)


def container_of(archive: Archive) -> ContainerClient | None:
    return archive._container if isinstance(archive, BlobArchive) else None


def blobs(container: ContainerClient) -> Iterator[tuple[str, bytes]]:
    """Yield the name, the metadata and the bytes of every blob, of snapshots and versions too."""
    for blob in list(container.list_blobs(include=["metadata", "snapshots", "versions"])):
        content = container.download_blob(blob.name).readall()
        yield f"{container.container_name}/{blob.name}", content + str(blob.metadata).encode()


def event(kept: Kept, *people: str) -> dict[str, Any]:
    """Make an event of Event Grid about a recording and people."""
    return {
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "subject": f"/recording/call/call-1/serverCallId/{kept.server_call_id}/recordingId/"
        f"{kept.recording_id}",
        "data": {"people": [{"rawId": who} for who in people]},
    }


def folders(kept: Iterator[Kept] | list[Kept]) -> list[tuple[str, str]]:
    """Return archive and folder of each, in the order of a plan."""
    return sorted((each.archive, each.folder) for each in kept)
