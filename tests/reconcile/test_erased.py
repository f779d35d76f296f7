"""Is what was erased by a record no gap, and what is merely gone still one?"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts import names
from callvault.contracts.erasures import EraseRecording, ErasureInput, ErasureTarget
from callvault.contracts.reconciliation import CallSeen, Verdict
from callvault.contracts.retention import RetentionTerms
from callvault.reconcile.inventory import Inventory
from callvault.reconcile.join import Evidence, join
from callvault.reconcile.records import ExpectedObject, Record, of_manifest
from callvault.reconcile.verdicts import judge
from callvault.retention.inventory import take
from callvault.retention.judgement import Circumstances
from callvault.retention.judgement import judge as plan_of
from callvault.retention.records import delete_recorded, record_erasure
from tests.archive.sealed import NOON, SIGNER, archived, manifest_of, sealed
from tests.retention.corpus import HASH

ERASURE = "a" * 64
KEYS = Keyring([SIGNER.public])


@pytest.fixture
def directory_archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path)
    archive.make()
    return archive


def recorded(archive: DirectoryArchive) -> Record:
    found = sealed(archive, archived(archive))
    name = found.object_name
    expected = ExpectedObject(archive.name, name, sha256=found.sha256, is_manifest=True)
    return of_manifest(manifest_of(archive, found), expected)


def erase(archive: DirectoryArchive, record: Record, signer: Signer | None = SIGNER) -> None:
    assert record.manifest is not None
    folder = record.manifest.object_name.rpartition("/")[0]
    inventory = take(archive, folder, HASH, KEYS)
    target = ErasureTarget(recording_id="rec-1")
    around = Circumstances(target, NOON, lambda _: RetentionTerms(), ())
    planned = plan_of(archive, inventory, around)
    asked = ErasureInput(target=target, token=ERASURE, requested_by="officer-1")
    order = EraseRecording(erasure=ERASURE, number=1, recording=planned, order=asked)
    written = record_erasure(
        archive, inventory.objects, inventory.told, order, "it was asked for", signer, lambda: NOON
    )
    assert delete_recorded(archive, written, lambda: None) == 3


def verdict(archive: DirectoryArchive, record: Record) -> Verdict:
    inventory = Inventory({archive.name: lambda: archive}, lambda _: KEYS)
    inventory.list_objects(NOON - timedelta(days=1), NOON)
    wrong = inventory.discrepancies(record.expected_objects, deep=False)
    return judge(record, wrong).verdict


def test_what_a_record_erased_is_not_missing(directory_archive: DirectoryArchive) -> None:
    record = recorded(directory_archive)
    assert verdict(directory_archive, record) is Verdict.COMPLETE
    erase(directory_archive, record)
    assert verdict(directory_archive, record) is Verdict.ERASED


@pytest.mark.parametrize("signer", [None, Signer.generate()])
def test_a_record_that_no_believed_key_has_signed_excuses_nothing(
    directory_archive: DirectoryArchive, signer: Signer | None
) -> None:
    record = recorded(directory_archive)
    erase(directory_archive, record, signer)
    assert verdict(directory_archive, record) is Verdict.MISSING


def test_one_file_that_no_record_names_decides(directory_archive: DirectoryArchive) -> None:
    record = recorded(directory_archive)
    other = ExpectedObject("main", "recordings/2026/03/02/call-1/rec-1/0001-gone.wav")
    erase(directory_archive, record)
    both = replace(record, files=(*record.files, other))
    assert verdict(directory_archive, both) is Verdict.MISSING


def seen(calls: frozenset[str]) -> Verdict:
    """Judge a call of which only Event Grid has told, of a resource that records all."""
    call = CallSeen(
        server_call_id="call", resource="default", what="began", at=NOON, all_recorded=True
    )
    evidence = Evidence(
        since=NOON,
        until=NOON + timedelta(hours=1),
        workflow_records=(),
        workflow_ids=frozenset(),
        seen=(call,),
        sealed=(),
        discrepancies={},
        erased_workflows=calls,
    )
    (found,) = (each for each, count in join(evidence, 100).verdicts.items() if count)
    return found


def test_a_call_whose_history_went_with_its_erasure_is_no_gap() -> None:
    assert seen(frozenset()) is Verdict.MISSING
    assert seen(frozenset({names.workflow_id("call")})) is Verdict.ERASED


def test_the_record_names_the_workflow(directory_archive: DirectoryArchive) -> None:
    record = recorded(directory_archive)
    erase(directory_archive, record)
    inventory = Inventory({"main": lambda: directory_archive}, lambda _: KEYS)
    assert inventory.erased_workflows() == {"recording-1"}
