"""Is every recording of a person found, each once, and nobody else's?"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.corpus.places import Container, Directory, File, Place
from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.failback.failback import Failback
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring, canonical
from callvault.archive.manifests.seal import seal
from callvault.archive.names import SUBJECTS_PREFIX, folder_of, metadata_object_name
from callvault.archive.store import Archive, StoredObject, put_bytes
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import IndexProblem, entries_of_recording
from callvault.archive.subjects.entries import Hash, IndexedRecording, entries_of_metadata
from callvault.archive.subjects.index import entry_name, write
from callvault.archive.subjects.lookup import look_up
from callvault.archive.subjects.search import find, refuse
from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.chunk_metadata import ChunkParticipant
from callvault.contracts.consent import (
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    Presence,
)
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, hiding
from callvault.contracts.status import ChunkStatus
from callvault.contracts.subjects import SubjectChunk, SubjectEntry, SubjectSource
from callvault.errors import BrokenContent, ConfigurationError, InvalidRequest
from tests.archive.sealed import NOON, SIGNER, archived, manifest_of, recording, seal_input

HASH = hiding("the key of participants")
ANA, BEN, CLEO = "8:acs:ana", "4:+49301234567", "8:orgid:cleo"


def told(*people: str, **channels: int) -> list[dict[str, Any]]:
    """Write people as a metadata file does; those named by a channel last."""
    by_channel = [{"participantId": f"8:acs:{who}", "channel": n} for who, n in channels.items()]
    return [*({"participantId": raw_id} for raw_id in people), *by_channel]


def indexed(
    archive: Archive, *chunks: ChunkStatus, recording_id: str = "rec-1", **facts: Any
) -> str:
    """Seal a recording of these chunks and index it; return its folder."""
    of = recording(*chunks, recording_id=recording_id, consent=facts.pop("consent", {}))
    sealed = seal(archive, seal_input(archive, of, **facts), SIGNER, lambda: NOON)
    manifest = manifest_of(archive, sealed)
    write(archive, entries_of_recording(archive, manifest, HASH, refuse))
    return folder_of(sealed.object_name)


def found(archive: Archive, raw_id: str) -> list[SubjectEntry]:
    return list(find(archive, HASH(raw_id)))


def stay(raw_id: str) -> Presence:
    return Presence(participant=HASH(raw_id), told_at=NOON)


def decision(participant: str) -> ConsentRecord:
    return ConsentRecord(participant=participant, given=True, decided_at=NOON, received_at=NOON)


def without_metadata(chunk: ChunkStatus) -> ChunkStatus:
    """Return the chunk as one whose metadata file could not be had."""
    assert chunk.archived is not None
    facts = {"metadata_object_name": None, "metadata_problem": "denied"}
    lacking: ArchivedChunk = chunk.archived.model_copy(update=facts)
    return chunk.model_copy(update={"archived": lacking})


def test_every_recording_of_a_person_is_found_and_no_other(archive: Archive) -> None:
    first = indexed(archive, archived(archive, participants=told(ANA, BEN)))
    other = archived(archive, recording_id="rec-2", participants=told(ANA))
    second = indexed(archive, other, recording_id="rec-2")
    assert {each.folder for each in found(archive, ANA)} == {first, second}
    assert [each.folder for each in found(archive, BEN)] == [first]
    assert found(archive, CLEO) == []


def test_an_entry_tells_ids_day_and_the_channel_of_each_chunk(
    directory_archive: DirectoryArchive,
) -> None:
    chunks = [
        archived(directory_archive, 0, participants=told(ben=0, ana=1)),
        archived(directory_archive, 1, participants=told(ben=0)),
        archived(directory_archive, 2, participants=told(ana=0)),
    ]
    folder = indexed(directory_archive, *chunks)
    [entry] = found(directory_archive, ANA)
    names = [chunk.archived.object_name for chunk in chunks if chunk.archived]
    assert (entry.folder, entry.recorded_on) == (folder, NOON.date())
    assert (entry.recording_id, entry.call_id) == ("rec-1", "call-1")
    assert entry.resource == "default"
    assert entry.chunks == (
        SubjectChunk(object_name=names[0], channel=1),
        SubjectChunk(object_name=names[2], channel=0),
    )


def test_stays_and_decisions_count_where_no_metadata_file_names_the_person(
    directory_archive: DirectoryArchive,
) -> None:
    chunks = [
        archived(directory_archive, 0, participants=told(CLEO)),
        without_metadata(archived(directory_archive, 1)),
    ]
    indexed(directory_archive, *chunks, participants=(stay(ANA),), consents=(decision(HASH(BEN)),))
    [by_stay], [by_decision] = found(directory_archive, ANA), found(directory_archive, BEN)
    assert by_stay.sources == (SubjectSource.PRESENCE,)
    assert by_decision.sources == (SubjectSource.CONSENT,)
    # The first chunk's metadata file tells who was in it: they were not.
    unknown = chunks[1].archived
    assert unknown is not None
    assert by_stay.chunks == (SubjectChunk(object_name=unknown.object_name),)


def test_a_channel_that_one_account_tells_is_not_doubted_by_another(
    directory_archive: DirectoryArchive,
) -> None:
    """A metadata file of which another part could not be read still tells the person's channel."""
    chunk = archived(directory_archive, participants=told(ben=0, ana=1))
    assert chunk.archived
    doubtful = chunk.archived.model_copy(update={"metadata_problem": "its pauses are unknown"})
    chunk = chunk.model_copy(update={"archived": doubtful})
    indexed(directory_archive, chunk, participants=(stay(ANA), stay(CLEO)))
    name = chunk.archived.object_name if chunk.archived else ""
    [ana], [cleo] = found(directory_archive, ANA), found(directory_archive, CLEO)
    assert ana.chunks == (SubjectChunk(object_name=name, channel=1),)
    assert cleo.chunks == (SubjectChunk(object_name=name),)


def test_who_must_agree_is_found_as_named_and_somebody_unknown_is_nobody(
    directory_archive: DirectoryArchive,
) -> None:
    terms = ConsentTerms(consent_policy=ConsentPolicy.NAMED, consent_participants=(HASH(ANA),))
    chunk = archived(directory_archive)
    indexed(directory_archive, chunk, consent=terms, consents=(decision(UNKNOWN_PARTICIPANT),))
    [entry] = found(directory_archive, ANA)
    assert entry.sources == (SubjectSource.NAMED,)
    assert list(find(directory_archive, UNKNOWN_PARTICIPANT)) == []


def test_all_accounts_of_a_recording_are_one_entry(directory_archive: DirectoryArchive) -> None:
    chunk = archived(directory_archive, participants=told(ANA))
    indexed(directory_archive, chunk, participants=(stay(ANA),), consents=(decision(HASH(ANA)),))
    [entry] = found(directory_archive, ANA)
    assert set(entry.sources) == {
        SubjectSource.METADATA,
        SubjectSource.PRESENCE,
        SubjectSource.CONSENT,
    }
    assert len(entry.chunks) == 1


def test_a_recording_whose_call_was_unknown_at_first_is_found_once(
    directory_archive: DirectoryArchive,
) -> None:
    chunk = archived(directory_archive, call_id=None, participants=told(ANA))
    early = chunk.archived
    assert early is not None
    assert early.metadata_object_name is not None
    people = [ChunkParticipant(ANA)]
    at_export = IndexedRecording("main", folder_of(early.object_name), recording_id="rec-1")
    entries = entries_of_metadata(
        at_export, early.metadata_object_name, early.object_name, people, HASH
    )
    assert write(directory_archive, entries) == 1
    folder = indexed(directory_archive, chunk)
    assert folder != folder_of(early.object_name)
    assert [each.folder for each in found(directory_archive, ANA)] == [folder]


def test_what_is_indexed_again_changes_nothing(archive: Archive) -> None:
    chunk = archived(archive, participants=told(ANA, BEN))
    indexed(archive, chunk, participants=(stay(ANA),))
    before = {name: archive.stat(name) for name in archive.names(SUBJECTS_PREFIX)}
    indexed(archive, chunk, participants=(stay(ANA),))
    assert {name: archive.stat(name) for name in archive.names(SUBJECTS_PREFIX)} == before
    assert len(before) == 3


def test_the_index_holds_no_raw_id(directory_archive: DirectoryArchive) -> None:
    chunk = archived(directory_archive, participants=told(ANA, BEN, cleo=1))
    indexed(directory_archive, chunk)
    names = list(directory_archive.names(SUBJECTS_PREFIX))
    assert len(names) == 3
    for name in names:
        text = name.encode() + b"".join(directory_archive.read(name))
        for raw in ("8:acs:ana", "acs:ana", "ana", "49301234567", "cleo"):
            assert raw.encode() not in text


DAMAGED = {
    "half": lambda content: content[: len(content) // 2],
    "nothing": lambda content: b"",
    "another person": lambda content: content.replace(HASH(ANA).encode(), HASH(BEN).encode()),
    "another recording": lambda content: content.replace(b"/rec-1", b"/rec-2"),
    "another day": lambda content: content.replace(b"2026-03-02", b"2026-03-03"),
    "no folder": lambda content: content.replace(b'"folder":"recordings/', b'"folder":"x/'),
    "no JSON": lambda content: b"\xff\x00",
}


@pytest.mark.parametrize("spoil", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_told_and_never_passed_over(
    directory_archive: DirectoryArchive, spoil: Any
) -> None:
    indexed(directory_archive, archived(directory_archive, participants=told(ANA)))
    [name] = directory_archive.names(SUBJECTS_PREFIX)
    content = b"".join(directory_archive.read(name))
    path = directory_archive._root / name  # as somebody who can write there
    path.write_bytes(spoil(content))
    with pytest.raises(BrokenContent, match="callvault index rebuild"):
        found(directory_archive, ANA)
    problems: list[IndexProblem] = []
    assert list(find(directory_archive, HASH(ANA), problems.append)) == []
    assert [each.object_name for each in problems] == [name]


def test_a_foreign_object_among_the_entries_is_told(directory_archive: DirectoryArchive) -> None:
    indexed(directory_archive, archived(directory_archive, participants=told(ANA)))
    [name] = directory_archive.names(SUBJECTS_PREFIX)
    foreign = f"{folder_of(name)}/notes.txt"
    put_bytes(directory_archive, foreign, b"x", content_type="text/plain", metadata={})
    problems: list[IndexProblem] = []
    assert len(list(find(directory_archive, HASH(ANA), problems.append))) == 1
    assert [each.object_name for each in problems] == [foreign]


@pytest.mark.parametrize("participant", ["", "8:acs:ana", "A" * 64, "0" * 63, "../" * 20])
def test_only_a_hash_can_be_searched(directory_archive: DirectoryArchive, participant: str) -> None:
    with pytest.raises(InvalidRequest, match="no hash of a participant"):
        list(find(directory_archive, participant))


def test_an_entry_lies_under_its_own_name(directory_archive: DirectoryArchive) -> None:
    indexed(directory_archive, archived(directory_archive, participants=told(ANA)))
    [name] = directory_archive.names(SUBJECTS_PREFIX)
    [entry] = found(directory_archive, ANA)
    assert entry_name(entry) == name
    assert name.startswith(f"subjects/{HASH(ANA)[:2]}/{HASH(ANA)}/20260302~")


@pytest.fixture
def spare(tmp_path: Path) -> DirectoryArchive:
    """A fallback archive, with a recording that is sealed and indexed in it."""
    archive = DirectoryArchive("spare", tmp_path / "spare")
    make_identity(archive, None, NOON)
    chunk = archived(archive, participants=told(ANA))
    indexed(archive, chunk, participants=(stay(BEN),))
    return archive


def brought_home(spare: DirectoryArchive, home: Archive, hash_of: Hash) -> None:
    keys = Keyring([SIGNER.public])
    failback = Failback(spare, home, keys, SIGNER, lambda: NOON, hash_of=hash_of)
    for each in failback_candidates(spare):
        failback.fail_back(each)


def test_what_comes_back_from_the_fallback_archive_is_found_at_home(
    spare: DirectoryArchive, archive: Archive
) -> None:
    brought_home(spare, archive, HASH)
    for raw_id in (ANA, BEN):
        [theirs], [ours] = found(spare, raw_id), found(archive, raw_id)
        assert ours == theirs.model_copy(update={"archive": archive.name})


def test_a_failback_that_ended_before_the_index_is_made_good_by_the_next_one(
    spare: DirectoryArchive, directory_archive: DirectoryArchive
) -> None:
    def no_key(raw_id: str) -> str:
        raise ConfigurationError("the key of participants cannot be read")

    with pytest.raises(ConfigurationError):
        brought_home(spare, directory_archive, no_key)
    assert not found(directory_archive, ANA)
    brought_home(spare, directory_archive, HASH)
    assert len(found(directory_archive, ANA)) == 1


class Counting:
    """Counts what is asked of an archive; a list counts each of its names as well."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._archive, name)

    def stat(self, object_name: str) -> StoredObject | None:
        self.asked["stat"] += 1
        return self._archive.stat(object_name)

    def read(self, object_name: str, **part: Any) -> Iterator[bytes]:
        self.asked["read"] += 1
        return self._archive.read(object_name, **part)

    def names(self, prefix: str = "") -> Iterator[str]:
        self.asked["list"] += 1
        for name in self._archive.names(prefix):
            self.asked["name"] += 1
            yield name


def small(number: int, raw_id: str) -> Iterator[File]:
    """Make what a search may look at: a metadata file, and an entry of the index."""
    media = f"recordings/2026/03/{number % 28 + 1:02d}/call/rec-{number}/0000-document.wav"
    metadata = metadata_object_name(media)
    yield File(metadata, json.dumps({"participants": told(raw_id)}).encode())
    recording = IndexedRecording("main", folder_of(media))
    people = [ChunkParticipant(raw_id)]
    for entry in entries_of_metadata(recording, metadata, media, people, HASH):
        yield File(entry_name(entry), canonical(entry))


def test_a_search_costs_by_what_it_finds_and_not_by_what_there_is(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten recordings of a person among 100, and among 1,000: the very same requests."""
    asked: list[Counter[str]] = []
    read: list[str] = []
    scandir = os.scandir
    place: Place
    if isinstance(archive, BlobArchive):
        place = Container(archive._container)
    else:
        place = Directory(Path(archive.location("x")).parent)
    for numbers in (range(100), range(100, 1_000)):
        whose = ((number, ANA if number < 10 else f"8:acs:{number}") for number in numbers)
        place.put_all(file for each in whose for file in small(*each))
        counting = Counting(archive)
        with monkeypatch.context() as patched:
            patched.setattr(os, "scandir", lambda path: read.append(str(path)) or scandir(path))
            found_now = look_up(counting, ANA, ["the key of participants"])  # type: ignore[arg-type]
        assert len(found_now.recordings) == 10
        counting.asked["folders of a directory"] = len(read)
        asked.append(counting.asked)
        read.clear()
    assert asked[0] == asked[1]
    assert asked[1]["read"] == 20
    assert asked[1]["name"] == 10
    assert asked[1]["list"] == 1
