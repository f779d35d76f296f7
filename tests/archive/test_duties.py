"""Do duties follow from manifests, and is it proven what was done about them?"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callvault.archive.manifests import duty_records
from callvault.archive.manifests.documents import Keyring, sha256
from callvault.archive.manifests.duties import duties_of
from callvault.archive.manifests.duty_records import (
    Done,
    Unread,
    open_duties,
    record_duties,
    settled,
)
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive, verify_manifest
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.consent import DeletionMark
from callvault.contracts.duties import DutyKind, Outcome
from callvault.contracts.silence import SilenceAccount, UnconfirmedInterval
from callvault.errors import BrokenContent, InvalidRequest

from .sealed import NOON, SIGNER, archived, lost, manifest_of, recording, seal_input

MARK = DeletionMark(
    participant="a" * 64, since=NOON, until=NOON + timedelta(seconds=9), marked_at=NOON
)
DOUBT = UnconfirmedInterval(since=NOON, until=NOON, reason="card number", is_finding=True)
MOMENT = UnconfirmedInterval(since=NOON, until=NOON, reason="card number")
KEPT = Done(Outcome.KEPT, "compliance-1", "listened to it: nothing is in it")


def with_duties(archive: Archive, signer: Signer | None = SIGNER) -> SealedRecording:
    of = recording(
        archived(archive), marked=[MARK], silence=SilenceAccount(unconfirmed=[MOMENT, DOUBT])
    )
    return seal(archive, seal_input(archive, of), signer, lambda: NOON)


def marked_until(archive: Archive, *ends: float | None) -> SealedRecording:
    """Seal the recording with marks that begin at one time, and end so many seconds after it."""
    times = [None if end is None else NOON + timedelta(seconds=end) for end in ends]
    marked = [MARK.model_copy(update={"until": until}) for until in times]
    of = recording(archived(archive), marked=marked)
    return seal(archive, seal_input(archive, of), SIGNER, lambda: NOON)


def ids(archive: Archive) -> list[str]:
    return [duty.id for found in open_duties(archive) for duty in found.duties]


def erase(archive: DirectoryArchive, found: SealedRecording) -> tuple[str, ...]:
    """Delete the files of a recording, as the archive's owner does."""
    (chunk,) = manifest_of(archive, found).chunks
    names = [each.object_name for each in (chunk.media, chunk.metadata) if each]
    for name in names:
        place = Path(archive.location(name))
        for path in place.parent.glob(f"*{place.name}*"):
            path.unlink()
    return tuple(names)


def test_marks_doubts_and_contradictions_are_duties(archive: Archive) -> None:
    manifest = manifest_of(archive, with_duties(archive))
    deletion, review = duties_of(manifest)
    assert (deletion.kind, deletion.participant) == (DutyKind.DELETE, MARK.participant)
    assert (deletion.since, deletion.until) == (MARK.since, MARK.until)
    assert (review.kind, review.reason) == (DutyKind.REVIEW, "card number")
    assert len(duties_of(manifest.model_copy(update={"contradictions": ("odd",)}))) == 3
    assert duties_of(manifest.model_copy(update={"marked": (), "silence": SilenceAccount()})) == ()


def test_there_is_no_duty_where_there_is_no_file(archive: Archive) -> None:
    of = recording(archived(archive), marked=[MARK])
    manifest = manifest_of(archive, seal(archive, seal_input(archive, of), SIGNER, lambda: NOON))
    (chunk,) = manifest.chunks
    gone = chunk.model_copy(update={"media": None, "metadata": None})
    assert duties_of(manifest.model_copy(update={"chunks": (gone,)})) == ()
    assert lost(0, "gone").archived is None


def test_what_was_done_is_recorded_and_then_is_no_duty_any_more(archive: Archive) -> None:
    found = with_duties(archive)
    first, second = ids(archive)
    record = record_duties(archive, found.object_name, [first], KEPT, SIGNER, lambda: NOON)
    assert ids(archive) == [second]
    again = record_duties(archive, found.object_name, [first], KEPT, SIGNER, lambda: NOON)
    assert again == record, "said twice, it is written once"
    record_duties(archive, found.object_name, [second], KEPT, SIGNER, lambda: NOON)
    assert list(open_duties(archive)) == []
    assert archive.stat(link_object_name(3)) is not None
    assert archive.stat(link_object_name(4)) is None
    report = verify_archive(archive, Keyring([SIGNER.public]))
    assert report.ok, report.problems


def test_a_renewed_manifest_has_the_duties_that_are_settled_no_more(archive: Archive) -> None:
    with_duties(archive)
    (deletion, _) = ids(archive)
    of = recording(archived(archive), archived(archive, 1), marked=[MARK])
    found = seal(archive, seal_input(archive, of), SIGNER, lambda: NOON)
    assert ids(archive) == [deletion], "only the newest manifest counts"
    record_duties(archive, found.object_name, [deletion], KEPT, SIGNER, lambda: NOON)
    assert ids(archive) == []


@pytest.mark.parametrize("until", [NOON + timedelta(minutes=5), None], ids=["a time", "the end"])
def test_what_was_done_about_a_time_is_not_done_about_a_longer_one(
    archive: Archive, until: datetime | None
) -> None:
    """Consent is withdrawn, and given, and withdrawn for all of it: a second mark, more to delete.

    The same holds for a doubt that reaches further than the one that somebody looked into.
    """
    found = with_duties(archive)
    record_duties(archive, found.object_name, ids(archive), KEPT, SIGNER, lambda: NOON)
    assert ids(archive) == []
    longer = MARK.model_copy(update={"until": until})
    doubts = [DOUBT.model_copy(update={"until": until})]
    of = recording(
        archived(archive), marked=[MARK, longer], silence=SilenceAccount(unconfirmed=doubts)
    )
    again = seal(archive, seal_input(archive, of), SIGNER, lambda: NOON)
    (left,) = open_duties(archive)
    assert [(each.kind, each.since, each.until) for each in left.duties] == [
        (DutyKind.DELETE, NOON, until),
        (DutyKind.REVIEW, NOON, until),
    ]
    record_duties(archive, again.object_name, ids(archive), KEPT, SIGNER, lambda: NOON)
    assert ids(archive) == []


@pytest.mark.parametrize("whole", [True, False])
def test_verify_accepts_what_a_record_says_was_erased(
    directory_archive: DirectoryArchive, whole: bool
) -> None:
    archive = directory_archive
    found = with_duties(archive)
    (deletion, _) = ids(archive)
    erased = erase(archive, found)
    keys = Keyring([SIGNER.public])

    def report() -> list[str]:
        if whole:
            return [each.text for each in verify_archive(archive, keys).problems]
        return [each.text for each in verify_manifest(archive, found.object_name, keys).problems]

    assert report() == ["it is missing"] * len(erased)
    done = Done(Outcome.ERASED, "compliance-1", "consent withdrawn", erased)
    record_duties(archive, found.object_name, [deletion], done, SIGNER, lambda: NOON)
    assert report() == []


@pytest.mark.parametrize("signer", [None, Signer.generate()])
def test_a_record_that_is_not_signed_as_its_manifest_excuses_nothing(
    directory_archive: DirectoryArchive, signer: Signer | None
) -> None:
    archive = directory_archive
    found = with_duties(archive)
    (deletion, _) = ids(archive)
    done = Done(Outcome.ERASED, "thief", "none of your business", erase(archive, found))
    record_duties(archive, found.object_name, [deletion], done, signer, lambda: NOON)
    for keys in (Keyring([SIGNER.public]), Keyring()):
        problems = verify_archive(archive, keys).problems
        # Without a key of one's own, the archive's keys are believed: a warning says so.
        if signer is None or keys.is_given:
            assert "it is missing" in [each.text for each in problems]


def test_a_removed_record_is_noticed(directory_archive: DirectoryArchive) -> None:
    archive = directory_archive
    found = with_duties(archive)
    record = record_duties(archive, found.object_name, ids(archive), KEPT, SIGNER, lambda: NOON)
    Path(archive.location(record.object_name)).unlink()
    assert not verify_archive(archive, Keyring([SIGNER.public])).ok


@pytest.mark.parametrize(
    ("duties", "done", "sentence"),
    [
        (["0" * 16], KEPT, "is no duty of this recording"),
        ([], KEPT, "name the duties"),
        (None, Done(Outcome.ERASED, "x", "y"), "name what was erased"),
        (None, Done(Outcome.KEPT, "x", "y", ("recordings/a",)), "no object that this manifest"),
        (None, Done(Outcome.ERASED, "x", "y", ("FILE",)), "is still there: delete it first"),
    ],
)
def test_what_is_not_so_is_not_recorded(
    archive: Archive, duties: list[str] | None, done: Done, sentence: str
) -> None:
    found = with_duties(archive)
    (chunk,) = manifest_of(archive, found).chunks
    assert chunk.media
    erased = tuple(name.replace("FILE", chunk.media.object_name) for name in done.erased)
    done = Done(done.outcome, done.done_by, done.reason, erased)
    before = set(archive.names())
    named = ids(archive) if duties is None else duties
    with pytest.raises(InvalidRequest, match=sentence):
        record_duties(archive, found.object_name, named, done, SIGNER, lambda: NOON)
    assert set(archive.names()) == before


def test_a_name_that_is_no_manifest_s_is_refused(archive: Archive) -> None:
    with pytest.raises(InvalidRequest, match="is no manifest of archive"):
        record_duties(archive, "../../etc/passwd", ["0" * 16], KEPT, SIGNER, lambda: NOON)


def _symbolic_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _link_to_a_folder(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc", target_is_directory=True)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _junk(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"junk")


REPLACED = {
    "link": _symbolic_link,
    "link to a folder": _link_to_a_folder,
    "pipe": _pipe,
    "folder": _folder,
    "junk": _junk,
    "nothing": Path.unlink,
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED)
def test_a_manifest_that_cannot_be_read_is_told_and_the_others_are_listed(
    directory_archive: DirectoryArchive, replace: Callable[[Path], None]
) -> None:
    with_duties(directory_archive)
    other = recording(
        archived(directory_archive, recording_id="rec-2"), recording_id="rec-2", marked=[MARK]
    )
    found = seal(directory_archive, seal_input(directory_archive, other), SIGNER, lambda: NOON)
    path = Path(directory_archive.location(found.object_name))
    path.with_name(f".{path.name}.json").unlink()
    replace(path)
    unread: list[Unread] = []
    (left,) = open_duties(directory_archive, unread.append)
    assert left.manifest.recording.recording_id == "rec-1"
    assert {each.object_name for each in unread} == {found.object_name}
    with pytest.raises(BrokenContent, match=r"manifest\.json"):
        list(open_duties(directory_archive))


def test_duties_of_a_recording_that_was_rolled_back_are_not_known(
    directory_archive: DirectoryArchive,
) -> None:
    sealed_first = with_duties(directory_archive)
    of = recording(archived(directory_archive), archived(directory_archive, 1), marked=[MARK])
    newest = seal(directory_archive, seal_input(directory_archive, of), SIGNER, lambda: NOON)
    assert newest.object_name != sealed_first.object_name
    path = Path(directory_archive.location(newest.object_name))
    path.unlink()
    unread: list[Unread] = []
    assert list(open_duties(directory_archive, unread.append))
    assert [each.object_name for each in unread] == [newest.object_name]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (9, 9),
        (None, 9),
        (None, None),
        (300, 200),
    ],
)
@pytest.mark.parametrize("is_old", [False, True], ids=["record with ends", "record without"])
def test_what_was_done_about_a_time_is_done_about_one_that_reaches_no_further(
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    before: float | None,
    after: float | None,
    is_old: bool,
) -> None:
    if is_old:
        monkeypatch.setattr(duty_records, "ends_of", lambda _duties, _ids: {})
    marked_until(archive, before)
    (found,) = open_duties(archive)
    record_duties(archive, found.manifest.object_name, ids(archive), KEPT, SIGNER, lambda: NOON)
    monkeypatch.undo()
    assert ids(archive) == []
    marked_until(archive, after)
    assert ids(archive) == []
    marked_until(archive, after, 400)
    assert len(ids(archive)) == (0 if before is None else 1)


@pytest.mark.parametrize("has_ends", [True, False])
def test_how_far_a_record_reaches_is_known_without_its_manifest_if_it_tells(
    directory_archive: DirectoryArchive, has_ends: bool
) -> None:
    """The erasure of one channel deletes every earlier manifest, and no record of duties."""
    archive = directory_archive
    first = marked_until(archive, 9)
    record = record_duties(archive, first.object_name, ids(archive), KEPT, SIGNER, lambda: NOON)
    (duty,) = duties_of(manifest_of(archive, first))
    told = record if has_ends else record.model_copy(update={"ends": {}})
    assert (duty in settled([duty], [told], [])) is has_ends
    longer = duty.model_copy(update={"until": None})
    assert settled([longer], [told], []) == {}


def test_the_id_of_a_duty_is_that_of_older_software(archive: Archive) -> None:
    """Alarms and records name it."""
    (duty,) = duties_of(manifest_of(archive, marked_until(archive, 9)))
    told = ("rec-1", DutyKind.DELETE, MARK.since, MARK.participant, MARK.since)
    assert duty.id == sha256("\n".join(map(str, told)).encode())[:16]
