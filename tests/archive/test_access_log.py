"""The access log: every access is in it before it is granted, and none is taken out unseen."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.manifests.documents import Keyring, canonical, read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.names import access_object_name, link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, spelt
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.contracts.access import Access, AccessAction, AccessRecord
from callvault.contracts.manifest import ChainLink, LinkReference
from callvault.errors import Unavailable

from .sealed import NOON, SIGNER, archived, lost, sealed

WRITERS = 4
OPENED = Access(
    action=AccessAction.OPENED,
    by="anna",
    authenticated_as="key compliance",
    recordings=("recordings/2026/03/02/call-1/rec-1",),
    reason="complaint 17",
)


def log_of(archive: Archive, signer: Signer | None = SIGNER) -> AccessLog:
    return AccessLog(archive, signer, lambda: NOON)


def path_of(archive: DirectoryArchive, sequence: int) -> Path:
    return Path(archive.location(access_object_name(sequence)))


def remove(archive: DirectoryArchive, sequence: int) -> None:
    place = path_of(archive, sequence)
    for path in place.parent.glob(f"*{place.name}*"):
        path.unlink()


def verified(archive: Archive, access_head: str | None = None) -> Report:
    expected = Expectation.of(None, (), may_be_empty=True, access_head=access_head)
    return verify_archive(archive, Keyring([SIGNER.public]), quick=True, expected=expected)


def named(report: Report) -> set[str]:
    return {remark.object_name for remark in report.problems}


def test_an_access_is_in_the_log_with_all_that_was_told_of_it(archive: Archive) -> None:
    log = log_of(archive)
    assert log.head() is None
    first, second = log.record(OPENED), log.record(OPENED)
    assert log.head() == second.link
    assert list(log.records()) == [first.record, second.record]
    assert first.record.model_dump(include=set(Access.model_fields)) == OPENED.model_dump()
    assert (first.record.at, first.record.archive) == (NOON, archive.name)
    assert (first.record.previous, second.record.previous) == (None, first.link)
    assert first.record.signature, "signed with the archive's key"


def test_the_log_is_part_of_the_verification(archive: Archive) -> None:
    log = log_of(archive)
    recorded = [log.record(OPENED) for _ in range(3)]
    report = verified(archive)
    assert report.problems == []
    assert (report.access_records, report.access_head) == (3, recorded[-1].link)


def test_writers_at_the_same_moment_get_one_place_each(archive: Archive) -> None:
    logs = [log_of(archive) for _ in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        recorded = list(pool.map(lambda log: [log.record(OPENED) for _ in range(3)], logs))
    numbers = sorted(each.link.sequence for some in recorded for each in some)
    assert numbers == list(range(1, 3 * WRITERS + 1))
    assert verified(archive).problems == []


def test_two_accesses_that_are_alike_are_two(archive: Archive) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: log_of(archive).record(OPENED), range(2))
    assert one.link.sequence != other.link.sequence


@pytest.mark.parametrize("signer", [SIGNER, None])
def test_any_flipped_bit_of_a_record_is_found(
    directory_archive: DirectoryArchive, signer: Signer | None
) -> None:
    log = log_of(directory_archive, signer)
    for _ in range(3):
        log.record(OPENED)
    dice = random.Random(7)
    for sequence in (1, 2, 3):
        path = path_of(directory_archive, sequence)
        whole = path.read_bytes()
        for _ in range(8):
            changed = bytearray(whole)
            changed[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
            path.write_bytes(changed)
            assert access_object_name(sequence) in named(verified(directory_archive))
        path.write_bytes(whole)


def test_a_record_that_is_missing_between_others_is_found(
    directory_archive: DirectoryArchive,
) -> None:
    log = log_of(directory_archive)
    for _ in range(3):
        log.record(OPENED)
    remove(directory_archive, 2)
    report = verified(directory_archive)
    assert named(report) == {access_object_name(2)}
    assert "a gap" in report.problems[0].text


@pytest.mark.parametrize("removed", [(3,), (2, 3), (1, 2, 3)])
def test_a_log_whose_end_was_cut_off_is_found_by_the_chain_of_manifests(
    directory_archive: DirectoryArchive, removed: tuple[int, ...]
) -> None:
    log = log_of(directory_archive)
    for _ in range(3):
        log.record(OPENED)
    sealed(directory_archive, archived(directory_archive))
    assert verified(directory_archive).problems == []
    for sequence in removed:
        remove(directory_archive, sequence)
    report = verified(directory_archive)
    assert access_object_name(3) in named(report)
    assert link_object_name(1) in report.problems[-1].text


def test_a_log_that_was_cut_off_and_continued_is_found(directory_archive: DirectoryArchive) -> None:
    log = log_of(directory_archive)
    log.record(OPENED)
    log.record(OPENED)
    sealed(directory_archive, archived(directory_archive))
    remove(directory_archive, 2)
    log_of(directory_archive).record(OPENED)
    report = verified(directory_archive)
    assert named(report) == {access_object_name(2)}
    assert "has SHA-256" in report.problems[0].text


def test_an_end_that_no_link_names_yet_is_found_by_who_has_seen_it(
    directory_archive: DirectoryArchive,
) -> None:
    log = log_of(directory_archive)
    log.record(OPENED)
    seen = spelt(log.record(OPENED).link)
    assert verified(directory_archive, seen).problems == []
    remove(directory_archive, 2)
    assert verified(directory_archive).problems == []
    assert named(verified(directory_archive, seen)) == {access_object_name(2)}


def test_a_process_that_has_seen_the_end_does_not_help_to_hide_that_it_was_cut_off(
    directory_archive: DirectoryArchive,
) -> None:
    log = log_of(directory_archive)
    log.record(OPENED)
    log.record(OPENED)
    remove(directory_archive, 2)
    assert log.record(OPENED).link.sequence == 3
    assert access_object_name(2) in named(verified(directory_archive))


def test_a_record_that_another_key_has_signed_is_found(directory_archive: DirectoryArchive) -> None:
    log_of(directory_archive, Signer.generate()).record(OPENED)
    assert access_object_name(1) in named(verified(directory_archive))


def test_a_record_of_another_number_or_behind_another_one_is_found(
    directory_archive: DirectoryArchive,
) -> None:
    log = log_of(directory_archive)
    first, second = log.record(OPENED).record, log.record(OPENED).record
    cases = {
        "it says that it is record 1": second.model_copy(update={"sequence": 1}),
        "it does not follow record 1": second.model_copy(
            update={"previous": LinkReference(sequence=1, sha256="0" * 64)}
        ),
    }
    for text, forged in cases.items():
        remove(directory_archive, 2)
        put(directory_archive, access_object_name(2), signed(forged, SIGNER))
        report = verified(directory_archive)
        assert [text in remark.text for remark in report.problems] == [True], first


def test_what_is_no_record_does_not_lie_among_them(directory_archive: DirectoryArchive) -> None:
    put(directory_archive, "access/1.json", b"{}")
    assert named(verified(directory_archive)) == {"access/1.json"}


def test_a_record_that_cannot_be_read_hides_no_other(directory_archive: DirectoryArchive) -> None:
    log = log_of(directory_archive)
    for _ in range(3):
        log.record(OPENED)
    path_of(directory_archive, 2).write_bytes(b"{")
    assert [record.sequence for record in log.records()] == [1, 3]
    _, damaged, _ = log.entries()
    assert (damaged.record, bool(damaged.problem)) == (None, True)
    log_of(directory_archive).record(OPENED)
    assert [record.sequence for record in log.records()] == [1, 3, 4]


def test_what_cannot_be_recorded_is_not_granted(directory_archive: DirectoryArchive) -> None:
    place = path_of(directory_archive, 1).parent
    place.write_bytes(b"a file where the folder of the log should be")
    with pytest.raises(Unavailable, match="nothing was opened, because it cannot be written"):
        log_of(directory_archive).record(OPENED)


def test_a_link_names_the_newest_record_of_its_time(archive: Archive) -> None:
    sealed(archive, archived(archive))
    recorded = log_of(archive).record(OPENED)
    sealed(archive, lost(0, "gone"), recording_id="rec-2", recording_duration_ms=None)
    links = [read_document(ChainLink, b"".join(archive.read(link_object_name(n)))) for n in (1, 2)]
    assert [link.access for link in links] == [None, recorded.link]


def test_records_are_canonical_json(archive: Archive) -> None:
    recorded = log_of(archive).record(OPENED)
    data = b"".join(archive.read(access_object_name(1)))
    assert data == canonical(recorded.record)
    assert read_document(AccessRecord, data) == recorded.record


def test_the_command_tells_the_end_and_takes_it_again(directory_archive: DirectoryArchive) -> None:
    log = log_of(directory_archive)
    recorded = [log.record(OPENED) for _ in range(2)]
    sealed(directory_archive, archived(directory_archive))
    root = str(path_of(directory_archive, 1).parents[1])
    told = CliRunner().invoke(app, ["verify", root])
    assert "2 access records" in told.stdout
    assert f"--access-head {spelt(recorded[1].link)}" in told.stdout
    for seen, status in ((recorded[1].link, 0), (LinkReference(sequence=2, sha256="0" * 64), 1)):
        again = CliRunner().invoke(app, ["verify", root, "--access-head", spelt(seen)])
        assert again.exit_code == status, again.output


def put(archive: Archive, name: str, data: bytes) -> None:
    put_bytes(archive, name, data, content_type="application/json", metadata={})
