"""Is everybody indexed beside what is archived and sealed, and does nothing ever wait for it?"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import subjects
from activities.export import ExportActivities
from activities.seal import SealActivities
from activities.subjects import SubjectIndex
from callvault.archive.identity import make_identity
from callvault.archive.names import SUBJECTS_PREFIX, folder_of
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.search import find
from callvault.contracts.activity_io import ArchivedChunk, ExportInput, SealedRecording
from callvault.contracts.consent import Presence
from callvault.contracts.events import RecordingChunk
from callvault.contracts.media import FormatType
from callvault.contracts.participants import hiding
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import AccessDenied, ConfigurationError
from tests.archive.sealed import (
    NOON,
    SIGNER,
    announced,
    archived,
    recording,
    seal_input,
    wav,
)

HASH = hiding("key")
ANA, BEN = "8:acs:ana", "4:+49301234567"
DOCUMENT = "0-eus-d1-1"
METADATA = json.dumps(
    {"chunkDocumentId": DOCUMENT, "participants": [{"participantId": ANA, "channel": 1}]}
).encode()


class WithoutIndex(DirectoryArchive):
    """An archive that takes everything but entries of the index."""

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> Any:
        if object_name.startswith(SUBJECTS_PREFIX):
            raise AccessDenied("no right to write there", owner="archive")
        return super().begin(object_name, block_size=block_size, token=token)


def made(archive: Archive) -> Any:
    make_identity(archive, None, datetime.now(UTC))
    return archive


@pytest.fixture
def own(tmp_path: Path) -> DirectoryArchive:
    """A container that ACS has written a chunk to."""
    archive: DirectoryArchive = made(DirectoryArchive("own", tmp_path / "own"))
    folder = "20260302/call-1/rec-1aaa-guid"
    for name, content in (
        (f"{folder}/0-audiowav.{DOCUMENT}.wav", wav(0.2)),
        (f"{folder}/0-acsmetadata.{DOCUMENT}.json", METADATA),
    ):
        put_bytes(archive, name, content, content_type="audio/wav", metadata={})
    return archive


@pytest.fixture
def main(tmp_path: Path) -> DirectoryArchive:
    archive: DirectoryArchive = made(DirectoryArchive("main", tmp_path / "main"))
    return archive


def exported(*archives: Archive, to: str = "main", hash_of: Any = HASH) -> ArchivedChunk:
    by_name = {each.name: each for each in archives}
    index = SubjectIndex(hash_of)
    export = ExportActivities(lambda _: None, by_name.__getitem__, index=index)  # type: ignore[arg-type,return-value]
    chunk = RecordingChunk(document_id=DOCUMENT, index=0, end_reason="SessionEnded")
    input = ExportInput(
        resource="default",
        archive=to,
        server_call_id="server-call",
        call_id="call-1",
        recording_id="rec-1",
        recorded_on=NOON,
        recording_format_type=FormatType.WAV,
        chunk=chunk,
        expires_at=NOON + timedelta(hours=1),
        own_storage="own",
    )
    found: ArchivedChunk = ActivityEnvironment().run(export.export_chunk, input)
    return found


def sealed(archive: Archive, hash_of: Any = HASH, **facts: Any) -> SealedRecording:
    chunk = archived(archive, participants=[{"participantId": ANA}])
    index = SubjectIndex(hash_of)
    seal = SealActivities(lambda _: archive, lambda _: SIGNER, index)
    order = seal_input(archive, recording(chunk), participants=facts.pop("stays", ()))
    found: SealedRecording = ActivityEnvironment().run(seal.seal_recording, order)
    return found


def entries(archive: Archive, raw_id: str = ANA) -> list[SubjectEntry]:
    return list(find(archive, HASH(raw_id)))


def no_key(raw_id: str) -> str:
    raise ConfigurationError("the key of participants cannot be read")


def test_who_is_in_a_chunk_is_found_once_it_is_archived(
    own: DirectoryArchive, main: DirectoryArchive
) -> None:
    chunk = exported(own, main)
    [entry] = entries(main)
    assert entry.folder == folder_of(chunk.object_name)
    assert [(each.object_name, each.channel) for each in entry.chunks] == [(chunk.object_name, 1)]
    assert (entry.recording_id, entry.call_id) == ("rec-1", "call-1")
    assert (entry.server_call_id, entry.resource) == ("server-call", "default")
    assert not list(own.names(SUBJECTS_PREFIX))


def test_a_chunk_that_acs_wrote_into_the_archive_is_indexed_under_its_recording(
    own: DirectoryArchive,
) -> None:
    chunk = exported(own, to="own")
    assert chunk.object_name.startswith("20260302/")
    [entry] = entries(own)
    assert entry.folder == "recordings/2026/03/02/call-1/rec-1"
    status = archived(own).model_copy(update={"archived": chunk, "chunk": announced(0, DOCUMENT)})
    order = seal_input(
        own, recording(status), participants=(Presence(participant=HASH(ANA), told_at=NOON),)
    )
    seal = SealActivities(lambda _: own, lambda _: SIGNER, SubjectIndex(HASH))
    ActivityEnvironment().run(seal.seal_recording, order)
    [entry] = entries(own)
    assert len(entry.sources) == 2
    assert [each.object_name for each in entry.chunks] == [chunk.object_name]


@pytest.mark.parametrize("repeated", [1, 2])
def test_sealing_writes_what_no_metadata_file_tells(main: DirectoryArchive, repeated: int) -> None:
    stay = Presence(participant=HASH(BEN), told_at=NOON)
    for _ in range(repeated):
        found = sealed(main, stays=(stay,))
    [entry] = entries(main, BEN)
    assert entry.evidence == (found.object_name,)


def test_an_index_that_cannot_be_written_stops_no_export_and_the_seal_makes_it_good(
    own: DirectoryArchive, main: DirectoryArchive, tmp_path: Path
) -> None:
    refusing = WithoutIndex("main", tmp_path / "main")
    assert exported(own, refusing).sha256
    assert exported(own, main, hash_of=no_key).sha256
    assert not entries(main)
    sealed(main)
    assert len(entries(main)) == 1


def test_an_index_that_cannot_be_written_stops_no_seal(
    main: DirectoryArchive, tmp_path: Path
) -> None:
    refusing = WithoutIndex("main", tmp_path / "main")
    assert sealed(refusing).sequence == 1
    assert sealed(main, hash_of=no_key).sequence == 1
    assert not list(main.names(SUBJECTS_PREFIX))


@pytest.mark.parametrize("fault", [RuntimeError("8:acs:ana"), ValueError("8:acs:ana")])
def test_a_fault_of_our_own_stops_nothing_and_its_text_is_not_logged(
    own: DirectoryArchive,
    main: DirectoryArchive,
    fault: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(raw_id: str) -> str:
        raise fault

    assert exported(own, main, hash_of=broken).sha256
    assert "not indexed" in caplog.text
    assert "8:acs" not in str([vars(record) for record in caplog.records])


def test_an_index_that_takes_too_long_is_given_up(
    own: DirectoryArchive, main: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "INDEX_TIMEOUT", timedelta(seconds=-1))
    assert exported(own, main).sha256
    assert sealed(main).sequence == 1
    assert not list(main.names(SUBJECTS_PREFIX))
