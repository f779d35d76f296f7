"""Is an index that is lost, damaged, planted or by another key found so, and made good?"""

from collections.abc import Callable, Iterator
from datetime import date
from threading import Barrier
from typing import Any

import pytest

from callvault.archive.manifests.seal import seal
from callvault.archive.names import SUBJECTS_PREFIX, folder_of
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.accounts import IndexProblem, entries_of_recording
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.index import entry_name, entry_names, put, remove, write
from callvault.archive.subjects.lookup import look_up
from callvault.archive.subjects.rebuild import IndexPass, Verdict
from callvault.archive.subjects.search import find, read_entry, refuse
from callvault.contracts.consent import Presence
from callvault.contracts.participants import hiding
from callvault.contracts.subjects import SubjectEntry, SubjectSource
from callvault.errors import StateConflict, Unavailable
from tests.archive.sealed import (
    NOON,
    SIGNER,
    archived,
    manifest_of,
    recording,
    seal_input,
)

KEY = "the key of participants"
HASH = hiding(KEY)
ANA, BEN, CLEO = "8:acs:ana", "4:+49301234567", "8:orgid:cleo"


def people(*raw_ids: str) -> list[dict[str, Any]]:
    return [{"participantId": each, "channel": n} for n, each in enumerate(raw_ids)]


def kept(archive: Archive, recording_id: str, *raw_ids: str, stays: tuple[str, ...] = ()) -> str:
    """Archive and seal a recording, without an index; return its manifest's name."""
    chunk = archived(archive, recording_id=recording_id, participants=people(*raw_ids))
    of = recording(chunk, recording_id=recording_id)
    present = tuple(Presence(participant=HASH(each), told_at=NOON) for each in stays)
    order = seal_input(archive, of, participants=present)
    return seal(archive, order, SIGNER, lambda: NOON).object_name


class Pass:
    """One pass over an index, and what it told."""

    def __init__(self, archive: Archive, *, mends: bool, hash_of: Hash = HASH, **facts: Any):
        self.problems: list[IndexProblem] = []
        self.days: list[date] = []
        one = IndexPass(archive, hash_of, mends, self.problems.append, self.days.append)
        one.run(**facts)
        self.counts = one.counts


def rebuilt(archive: Archive, hash_of: Hash = HASH, **facts: Any) -> Pass:
    done = Pass(archive, mends=True, hash_of=hash_of, **facts)
    assert done.problems == []
    return done


def problems(archive: Archive, hash_of: Hash = HASH) -> list[IndexProblem]:
    return Pass(archive, mends=False, hash_of=hash_of).problems


def entries(archive: Archive) -> list[str]:
    return sorted(archive.names(SUBJECTS_PREFIX))


def folders(archive: Archive, raw_id: str, hash_of: Hash = HASH) -> list[str]:
    return [each.folder for each in find(archive, hash_of(raw_id))]


def test_an_index_is_made_anew_from_the_archive_alone(archive: Archive) -> None:
    one = kept(archive, "rec-1", ANA, BEN, stays=(CLEO,))
    two = kept(archive, "rec-2", ANA)
    assert len(problems(archive)) == 4
    assert rebuilt(archive).counts == {Verdict.WRITTEN: 4}
    assert sorted(folders(archive, ANA)) == sorted(map(folder_of, (one, two)))
    assert folders(archive, BEN) == folders(archive, CLEO) == [folder_of(one)]
    assert problems(archive) == []
    assert rebuilt(archive).counts == {Verdict.RIGHT: 4}


def test_recordings_that_are_not_sealed_yet_are_indexed_by_their_metadata(
    directory_archive: DirectoryArchive,
) -> None:
    chunk = archived(directory_archive, participants=people(ANA))
    assert chunk.archived
    rebuilt(directory_archive)
    [entry] = find(directory_archive, HASH(ANA))
    assert [each.object_name for each in entry.chunks] == [chunk.archived.object_name]
    assert entry.recording_id == "rec-1"
    # Sealed later, nothing of it is wrong: the ids that were not known are no contradiction.
    sealed = seal(
        directory_archive, seal_input(directory_archive, recording(chunk)), SIGNER, lambda: NOON
    )
    manifest = manifest_of(directory_archive, sealed)
    write(directory_archive, entries_of_recording(directory_archive, manifest, HASH, refuse))
    assert problems(directory_archive) == []
    assert len(entries(directory_archive)) == 1


def test_a_person_in_a_metadata_file_is_found_even_if_the_media_is_gone(
    directory_archive: DirectoryArchive,
) -> None:
    chunk = archived(directory_archive, participants=people(ANA))
    assert chunk.archived
    media = directory_archive.stat(chunk.archived.object_name)
    assert media
    assert directory_archive.delete(media.name, etag=media.etag or "")
    rebuilt(directory_archive)
    [entry] = find(directory_archive, HASH(ANA))
    assert entry.chunks == ()


def spoilt(change: Callable[[SubjectEntry], Any]) -> Callable[[Archive, str], None]:
    """Put a changed entry in an entry's place, as somebody who can write there."""

    def spoil(archive: Archive, name: str) -> None:
        entry = read_entry(archive, name)
        remove(archive, name)
        put(archive, name, entry.model_copy(update=change(entry)))

    return spoil


def halved(archive: Archive, name: str) -> None:
    content = b"".join(archive.read(name))
    remove(archive, name)
    put_bytes(archive, name, content[:99], content_type="application/json", metadata={})


def with_channel(entry: SubjectEntry) -> dict[str, Any]:
    return {"chunks": tuple(each.model_copy(update={"channel": 3}) for each in entry.chunks)}


def with_another_file(entry: SubjectEntry) -> dict[str, Any]:
    names = (each.object_name.replace("rec-1", "rec-2") for each in entry.chunks)
    chunks = zip(entry.chunks, names, strict=True)
    return {"chunks": tuple(each.model_copy(update={"object_name": new}) for each, new in chunks)}


SPOILT: dict[str, Callable[[Archive, str], Any]] = {
    "gone": remove,
    "half-written": halved,
    "another channel": spoilt(with_channel),
    "another file": spoilt(with_another_file),
    "no file": spoilt(lambda entry: {"chunks": ()}),
    "another source": spoilt(lambda entry: {"sources": (SubjectSource.PRESENCE,)}),
    "another recording's id": spoilt(lambda entry: {"recording_id": "rec-2"}),
    "another call's id": spoilt(lambda entry: {"call_id": "call-2"}),
    "another resource": spoilt(lambda entry: {"resource": "other"}),
    "another server call": spoilt(lambda entry: {"server_call_id": "other"}),
    "another person": spoilt(lambda entry: {"participant": HASH(CLEO)}),
    "other evidence": spoilt(lambda entry: {"evidence": ("recordings/x.metadata.json",)}),
    "two of them": spoilt(lambda entry: {"evidence": entry.evidence * 2}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_whatever_is_wrong_with_an_entry_is_told_and_mended(
    directory_archive: DirectoryArchive, spoil: Callable[[Archive, str], Any]
) -> None:
    kept(directory_archive, "rec-1", ANA)
    kept(directory_archive, "rec-2", BEN)
    rebuilt(directory_archive)
    before = {name: b"".join(directory_archive.read(name)) for name in entries(directory_archive)}
    name = next(name for name in before if HASH(ANA) in name)
    spoil(directory_archive, name)
    assert {each.object_name for each in problems(directory_archive)} == {name}
    rebuilt(directory_archive)
    assert problems(directory_archive) == []
    assert {each: b"".join(directory_archive.read(each)) for each in before} == before


SEEN_BY_A_SEARCH = [
    *("half-written", "another channel", "another file", "no file", "another source"),
    *("another person", "other evidence", "two of them"),
]


@pytest.mark.parametrize("change", SEEN_BY_A_SEARCH)
def test_a_search_leaves_out_what_the_evidence_does_not_say(
    directory_archive: DirectoryArchive, change: str
) -> None:
    kept(directory_archive, "rec-1", ANA)
    kept(directory_archive, "rec-2", BEN)
    rebuilt(directory_archive)
    assert len(look_up(directory_archive, ANA, [KEY]).recordings) == 1
    [name] = (each for each in entries(directory_archive) if HASH(ANA) in each)
    SPOILT[change](directory_archive, name)
    found = look_up(directory_archive, ANA, [KEY])
    assert found.recordings == ()
    assert [fault.object_name for fault in found.faults] == [name]


def planted(archive: Archive, source: str, **changes: Any) -> str:
    """Write an entry that only looks right, made of another one."""
    entry = read_entry(archive, source).model_copy(update=changes)
    put(archive, name := entry_name(entry), entry)
    return name


def test_an_entry_that_no_evidence_supports_is_told_and_removed(
    directory_archive: DirectoryArchive,
) -> None:
    kept(directory_archive, "rec-1", ANA, stays=(BEN,))
    two = kept(directory_archive, "rec-2", ANA)
    rebuilt(directory_archive)
    right = entries(directory_archive)
    by_metadata = next(each for each in right if HASH(ANA) in each)
    by_manifest = next(each for each in right if HASH(BEN) in each)
    wrong = {
        # Somebody who is in no recording, and somebody in another recording than is claimed.
        planted(directory_archive, by_metadata, participant=HASH(CLEO)),
        planted(directory_archive, by_manifest, participant=HASH(CLEO)),
        planted(directory_archive, by_manifest, evidence=(two,), folder=folder_of(two)),
        planted(directory_archive, by_manifest, evidence=("manifests/0000000001.json",)),
        planted(
            directory_archive,
            by_metadata,
            folder="recordings/2026/03/01/call-1/rec-9",
            recorded_on=date(2026, 3, 1),
        ),
    }
    assert {each.object_name for each in problems(directory_archive)} == wrong
    assert rebuilt(directory_archive).counts[Verdict.REMOVED] == len(wrong)
    assert entries(directory_archive) == right


def test_what_is_no_entry_is_told_and_removed(directory_archive: DirectoryArchive) -> None:
    foreign = f"{SUBJECTS_PREFIX}00/notes.txt"
    put_bytes(directory_archive, foreign, b"x", content_type="text/plain", metadata={})
    assert [each.object_name for each in problems(directory_archive)] == [foreign]
    assert rebuilt(directory_archive).counts == {Verdict.REMOVED: 1}


def test_entries_go_with_the_evidence(directory_archive: DirectoryArchive) -> None:
    manifest = kept(directory_archive, "rec-1", ANA, stays=(BEN,))
    rebuilt(directory_archive)
    for name in list(directory_archive.names("recordings/")):
        remove(directory_archive, name)
    assert len(problems(directory_archive)) == 2
    assert rebuilt(directory_archive).counts == {Verdict.REMOVED: 2}
    assert entries(directory_archive) == []
    assert directory_archive.stat(manifest) is None


def test_with_another_key_metadata_is_indexed_anew_and_manifests_keep_their_hashes(
    directory_archive: DirectoryArchive,
) -> None:
    manifest = kept(directory_archive, "rec-1", ANA, stays=(BEN,))
    rebuilt(directory_archive)
    newer = hiding("another key")
    assert {each.object_name for each in problems(directory_archive, newer)} >= {
        name for name in entries(directory_archive) if HASH(ANA) in name
    }
    rebuilt(directory_archive, newer)
    assert problems(directory_archive, newer) == []
    assert folders(directory_archive, ANA, newer) == [folder_of(manifest)]
    assert folders(directory_archive, ANA) == []
    # A sealed hash cannot be computed anew: it is found by the earlier key, and by that alone.
    assert folders(directory_archive, BEN, newer) == []
    assert folders(directory_archive, BEN) == [folder_of(manifest)]


def test_a_rebuild_that_was_ended_goes_on_from_a_day(
    directory_archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callvault.archive.subjects.rebuild._BATCH", 1)
    for number in range(3):
        folder = f"recordings/2026/03/0{number + 1}/call/rec-{number}"
        content = b'{"participants":[{"participantId":"8:acs:ana"}]}'
        for name, data in (("0000-a.wav", b"x"), ("0000-a.metadata.json", content)):
            put_bytes(directory_archive, f"{folder}/{name}", data, content_type="x", metadata={})
    ended = IndexPass(directory_archive, HASH, True, refuse, _end_after_first)
    with pytest.raises(Unavailable, match="killed"):
        ended.run()
    assert len(folders(directory_archive, ANA)) == 2, "the next day was begun"
    rest = rebuilt(directory_archive, since=date(2026, 3, 2))
    assert rest.days == [date(2026, 3, 2), date(2026, 3, 3)]
    assert rest.counts == {Verdict.RIGHT: 1, Verdict.WRITTEN: 1}
    assert len(folders(directory_archive, ANA)) == 3


def _end_after_first(day: date) -> None:
    raise Unavailable(f"killed after {day}")


def test_a_metadata_file_that_cannot_be_read_is_told_by_both(
    directory_archive: DirectoryArchive,
) -> None:
    folder = "recordings/2026/03/01/call/rec-1"
    contents = {
        "0000-a": b"<html>",
        "0001-a": b'{"participants":[{"participantId":"8:acs:ana"},{"displayName":"Ben"}]}',
    }
    for stem, content in contents.items():
        name = f"{folder}/{stem}.metadata.json"
        put_bytes(directory_archive, name, content, content_type="x", metadata={})
    done = Pass(directory_archive, mends=True)
    assert {each.object_name for each in done.problems} == {
        f"{folder}/{stem}.metadata.json" for stem in contents
    }
    assert folders(directory_archive, ANA) == [folder]
    assert len(problems(directory_archive)) == 2


class Locked(DirectoryArchive):
    """An archive that deletes nothing, as under an immutability policy."""

    def delete(self, object_name: str, *, etag: str) -> bool:
        raise StateConflict("kept until 2036", owner="archive")


def test_what_the_store_keeps_is_told_as_not_mended(directory_archive: DirectoryArchive) -> None:
    kept(directory_archive, "rec-1", ANA)
    rebuilt(directory_archive)
    [name] = entries(directory_archive)
    halved(directory_archive, name)
    done = Pass(Locked("main", directory_archive._root), mends=True)
    assert all("kept until 2036" in each.text for each in done.problems)
    assert done.counts[Verdict.WRONG] > 0


def test_a_rebuild_beside_live_archiving_loses_and_doubts_nothing(
    directory_archive: DirectoryArchive,
) -> None:
    """New recordings come in while both passes run: none is taken for wrong, none is missed."""
    count = 0

    class Live(DirectoryArchive):
        def names(self, prefix: str = "") -> Iterator[str]:
            nonlocal count
            for name in super().names(prefix):
                if count < 12:
                    count += 1
                    manifest = kept(directory_archive, f"live-{count}", ANA, stays=(BEN,))
                    stored = manifest_of_name(directory_archive, manifest)
                    write(
                        directory_archive,
                        entries_of_recording(directory_archive, stored, HASH, refuse),
                    )
                yield name

    kept(directory_archive, "rec-1", ANA)
    done = Pass(Live("main", directory_archive._root), mends=True)
    assert done.problems == []
    assert not {Verdict.REMOVED, Verdict.REPLACED} & done.counts.keys()
    assert len(folders(directory_archive, ANA)) == count + 1
    assert problems(directory_archive) == []


def manifest_of_name(archive: Archive, name: str) -> Any:
    from callvault.contracts.manifest import Manifest

    return Manifest.model_validate_json(b"".join(archive.read(name)))


def test_the_entries_of_a_recording_are_named_for_whoever_erases_it(
    directory_archive: DirectoryArchive,
) -> None:
    one = kept(directory_archive, "rec-1", ANA, stays=(BEN,))
    kept(directory_archive, "rec-2", ANA)
    rebuilt(directory_archive)
    manifest = manifest_of_name(directory_archive, one)
    named = list(entry_names(directory_archive, manifest, [HASH, hiding("new")], refuse))
    assert len(named) == 2
    for name in named:
        remove(directory_archive, name)
    assert folders(directory_archive, BEN) == []
    assert len(folders(directory_archive, ANA)) == 1


def test_a_rebuild_holds_few_recordings_in_memory(directory_archive: DirectoryArchive) -> None:
    """Names are listed as they are needed: never many more than were looked at."""
    folder = "recordings/2026/03/01/call"
    content = b'{"participants":[{"participantId":"8:acs:ana"}]}'
    for number in range(600):
        path = directory_archive._root / folder / f"rec-{number}" / "0000-a.metadata.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    ahead: list[int] = []

    class Watched(DirectoryArchive):
        listed = looked_at = 0

        def names(self, prefix: str = "") -> Iterator[str]:
            for name in super().names(prefix):
                # The list of days comes first, and keeps no name; nor does that of entries which
                # their recordings have proven.
                self.listed += prefix.startswith("recordings/2")
                ahead.append(self.listed - self.looked_at)
                yield name

        def read(self, object_name: str, **part: Any) -> Iterator[bytes]:
            self.looked_at += object_name.endswith(".metadata.json")
            return super().read(object_name, **part)

    IndexPass(Watched("main", directory_archive._root), HASH, True, refuse).run()
    assert len(folders(directory_archive, ANA)) == 600
    assert max(ahead) < 200


def test_recordings_of_several_days_are_looked_at_at_the_same_time(
    directory_archive: DirectoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive with a recording a day was indexed one by one, each after a wait of its own."""
    days = 4
    for number in range(days):
        name = f"recordings/2026/03/0{number + 1}/call/rec/0000-a.metadata.json"
        content = b'{"participants":[{"participantId":"8:acs:ana"}]}'
        put_bytes(directory_archive, name, content, content_type="x", metadata={})
    together = Barrier(days)

    class Slow(DirectoryArchive):
        def read(self, object_name: str, **part: Any) -> Iterator[bytes]:
            if object_name.endswith(".metadata.json"):
                together.wait(20)
            return super().read(object_name, **part)

    told: list[date] = []
    IndexPass(Slow("main", directory_archive._root), HASH, True, refuse, told.append).run()
    assert told == [date(2026, 3, number + 1) for number in range(days)]
    assert len(folders(directory_archive, ANA)) == days


def test_of_what_a_recording_has_proven_the_evidence_is_read_once(
    directory_archive: DirectoryArchive,
) -> None:
    name = "recordings/2026/03/01/call/rec/0000-a.metadata.json"
    content = b'{"participants":[{"participantId":"8:acs:ana"},{"participantId":"8:acs:ben"}]}'
    put_bytes(directory_archive, name, content, content_type="x", metadata={})
    read: list[str] = []

    class Watched(DirectoryArchive):
        def read(self, object_name: str, **part: Any) -> Iterator[bytes]:
            read.append(object_name)
            return super().read(object_name, **part)

    for mends in (True, False):
        read.clear()
        IndexPass(Watched("main", directory_archive._root), HASH, mends, refuse).run()
        assert read.count(name) == 1
    read.clear()
    rest = IndexPass(Watched("main", directory_archive._root), HASH, False, refuse)
    rest.run(since=date(2026, 3, 2))
    assert read.count(name) == 2, "of days that were left out each entry asks for it"
