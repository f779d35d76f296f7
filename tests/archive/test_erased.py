"""Does `verify` accept as missing exactly what a record names, and nothing that a thief writes?"""

from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests.chain import append
from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.records import keep_record, reference_to
from callvault.archive.names import erasure_certificate_name, erasure_record_name
from callvault.archive.store import put_bytes, read_small
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive, verify_copy, verify_manifest
from callvault.contracts.erasures import ErasureCause, ErasureCertificate, ErasureRecord
from callvault.contracts.manifest import ObjectReference
from callvault.errors import StateConflict
from callvault.retention.records import certify, delete_recorded

from .sealed import NOON, SIGNER, archived, manifest_of, sealed

ERASURE = "e" * 64
KEYS = Keyring([SIGNER.public])


@pytest.fixture
def archive(directory_archive: DirectoryArchive) -> DirectoryArchive:
    return directory_archive


def objects(archive: DirectoryArchive) -> list[ObjectReference]:
    """Seal a recording; return all that is of it, its manifest last."""
    found = sealed(archive, archived(archive))
    (chunk,) = manifest_of(archive, found).chunks
    assert chunk.media
    assert chunk.metadata
    names = (chunk.media.object_name, chunk.metadata.object_name, found.object_name)
    return [reference_to(name, read_small(archive, name)) for name in names]


def record_of(erased: list[ObjectReference], **facts: Any) -> ErasureRecord:
    return ErasureRecord.model_validate(
        {
            "object_name": erasure_record_name(ERASURE, 1),
            "archive": "main",
            "erasure": ERASURE,
            "cause": ErasureCause.PERSON,
            "decision": "it has no retention",
            "erased": erased,
            "requested_by": "officer-1",
            "reason": "request 17",
            "recorded_at": NOON,
            "software": "callvault",
            "previous": None,
            "signature": None,
            **facts,
        }
    )


def delete(archive: DirectoryArchive, erased: list[ObjectReference]) -> None:
    for each in erased:
        found = archive.stat(each.object_name)
        assert found is not None
        archive.delete(each.object_name, etag=found.etag or "")


def problems(archive: DirectoryArchive) -> dict[str, str]:
    found = verify_archive(archive, KEYS).problems
    return {each.object_name: each.text for each in found}


def link(archive: DirectoryArchive, name: str, data: bytes, signer: Signer | None = SIGNER) -> None:
    """Write an object and a link to it, by hand."""
    put_bytes(archive, name, data, content_type="application/json", metadata={})
    append(archive, reference_to(name, data), signer, after=None)


def test_what_a_record_names_is_accepted_as_missing(archive: DirectoryArchive) -> None:
    erased = objects(archive)
    delete(archive, erased)
    assert problems(archive) == {erased[-1].object_name: "it is missing"}
    keep_record(archive, record_of(erased), SIGNER)
    assert problems(archive) == {}


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}])
@pytest.mark.parametrize("which", [0, 2])
def test_a_record_of_other_bytes_excuses_nothing(
    archive: DirectoryArchive, changed: dict[str, Any], which: int
) -> None:
    erased = objects(archive)
    lost = erased[which]
    keep_record(archive, record_of([lost.model_copy(update=changed)]), SIGNER)
    delete(archive, [lost])
    assert problems(archive) == {lost.object_name: "it is missing"}


@pytest.mark.parametrize("signer", [None, Signer.generate()])
def test_a_record_that_is_not_signed_as_its_link_excuses_nothing(
    archive: DirectoryArchive, signer: Signer | None
) -> None:
    erased = objects(archive)
    record = record_of(erased)
    # The link is the archive's own: whoever made it did not look at what it names.
    link(archive, record.object_name, signed(record, signer))
    delete(archive, erased)
    for keys in (KEYS, Keyring()):
        found = {each.object_name for each in verify_archive(archive, keys).problems}
        assert {record.object_name, erased[-1].object_name} <= found


def test_a_record_under_another_name_excuses_nothing(archive: DirectoryArchive) -> None:
    erased = objects(archive)
    elsewhere = erasure_record_name("f" * 64, 1)
    link(archive, elsewhere, signed(record_of(erased), SIGNER))
    delete(archive, erased)
    found = problems(archive)
    assert "it was recorded as" in found[elsewhere]
    assert found[erased[-1].object_name] == "it is missing"


def test_a_record_that_no_link_names_excuses_nothing(archive: DirectoryArchive) -> None:
    erased = objects(archive)
    record = record_of(erased)
    data = signed(record, SIGNER)
    put_bytes(archive, record.object_name, data, content_type="application/json", metadata={})
    delete(archive, erased)
    found = problems(archive)
    assert "no link of the chain names it" in found[record.object_name]
    assert found[erased[-1].object_name] == "it is missing"


def test_what_is_not_deleted_yet_is_a_warning_and_after_the_certificate_a_problem(
    archive: DirectoryArchive,
) -> None:
    erased = objects(archive)
    keep_record(archive, record_of(erased), SIGNER)
    report = verify_archive(archive, KEYS)
    assert report.ok
    assert any("has not come to its end" in each.text for each in report.warnings)
    media, content = erased[0], read_small(archive, erased[0].object_name)
    with pytest.raises(StateConflict, match="is there again"):
        certify(archive, ERASURE, SIGNER, lambda: NOON)
    delete(archive, erased)
    certificate = certify(archive, ERASURE, SIGNER, lambda: NOON)
    assert certificate is not None
    assert certify(archive, ERASURE, SIGNER, lambda: NOON) == certificate
    assert problems(archive) == {}
    put_bytes(archive, media.object_name, content, content_type="audio/wav", metadata={})
    assert "is there again" in problems(archive)[media.object_name]


def test_a_certificate_of_another_record_is_found(archive: DirectoryArchive) -> None:
    erased = objects(archive)
    keep_record(archive, record_of(erased), SIGNER)
    delete(archive, erased)
    other = ObjectReference(object_name=erasure_record_name(ERASURE, 1), size=1, sha256="0" * 64)
    name = erasure_certificate_name(ERASURE)
    certificate = ErasureCertificate(
        object_name=name,
        archive="main",
        erasure=ERASURE,
        records=(other,),
        objects=3,
        recorded_at=NOON,
        software="callvault",
        previous=None,
        signature=None,
    )
    keep_record(archive, certificate, SIGNER)
    assert "it certifies another" in problems(archive)[name]


def test_an_erasure_without_a_record_is_not_certified(archive: DirectoryArchive) -> None:
    objects(archive)
    before = set(archive.names())
    assert certify(archive, ERASURE, SIGNER, lambda: NOON) is None
    assert set(archive.names()) == before


@pytest.mark.parametrize("content", [b"longer than it was", b"oops"])
def test_what_has_taken_the_name_of_an_erased_object_is_not_deleted(
    archive: DirectoryArchive, content: bytes
) -> None:
    """Of another size, or of the same with other bytes."""
    name = "recordings/2026/03/02/c/r/0000-a.wav"
    put_bytes(archive, name, content, content_type="audio/wav", metadata={})
    record = record_of([reference_to(name, b"four")])
    with pytest.raises(StateConflict, match="is not what was to be erased"):
        delete_recorded(archive, record, lambda: None)
    assert b"".join(archive.read(name)) == content


def test_of_a_large_object_the_size_alone_tells(archive: DirectoryArchive) -> None:
    """The store knows no SHA-256 of an object of several blocks."""
    name = "recordings/2026/03/02/c/r/0000-a.wav"
    with archive.begin(name, block_size=4) as upload:
        for index in range(3):
            upload.put(index, b"four")
        upload.commit(size=12, content_type="audio/wav", metadata={})
    found = archive.stat(name)
    assert found is not None
    assert found.sha256 is None
    with pytest.raises(StateConflict, match="is not what was to be erased"):
        delete_recorded(archive, record_of([reference_to(name, b"four")]), lambda: None)
    assert delete_recorded(archive, record_of([reference_to(name, b"four" * 3)]), lambda: None) == 1


def test_a_damaged_record_is_found_and_excuses_nothing(archive: DirectoryArchive) -> None:
    erased = objects(archive)
    record = keep_record(archive, record_of(erased), SIGNER)
    delete(archive, erased)
    path = Path(archive.location(record.object_name))
    path.write_bytes(path.read_bytes().replace(b"request 17", b"request 18"))
    found = problems(archive)
    assert record.object_name in found
    assert found[erased[-1].object_name] == "it is missing"


@pytest.mark.parametrize("keys", [KEYS, Keyring()])
def test_an_unsigned_record_excuses_nothing_in_a_signed_archive(
    archive: DirectoryArchive, keys: Keyring
) -> None:
    media, *_ = objects(archive)
    Path(archive.location(media.object_name)).unlink()
    keep_record(archive, record_of([media]), None)
    report = verify_archive(archive, keys)
    assert "it is missing" in {each.text for each in report.problems}


def test_in_an_archive_that_nobody_signs_an_unsigned_record_is_believed(
    archive: DirectoryArchive,
) -> None:
    found = sealed(archive, archived(archive), signer=None)
    (chunk,) = manifest_of(archive, found).chunks
    assert chunk.media
    name = chunk.media.object_name
    media = reference_to(name, read_small(archive, name))
    Path(archive.location(name)).unlink()
    keep_record(archive, record_of([media]), None)
    report = verify_archive(archive, Keyring())
    assert report.ok, report.problems


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\nb", "", "x" * 3_000])
def test_a_name_that_no_object_can_bear_is_a_problem_and_no_end(
    archive: DirectoryArchive, name: str
) -> None:
    media, *_ = objects(archive)
    keep_record(archive, record_of([media.model_copy(update={"object_name": name})]), SIGNER)
    report = verify_archive(archive, KEYS)
    assert any("no object can bear" in each.text for each in report.problems)


def test_a_manifest_of_another_kind_of_name_is_a_problem_and_no_end(
    archive: DirectoryArchive,
) -> None:
    found = sealed(archive, archived(archive))
    moved = manifest_of(archive, found).model_copy(update={"object_name": "manifest.json"})
    data = signed(moved, SIGNER)
    put_bytes(archive, "manifest.json", data, content_type="application/json", metadata={})
    report = verify_manifest(archive, "manifest.json", KEYS)
    assert any("no manifest can have the name" in each.text for each in report.problems)


def test_a_path_that_is_no_text_is_told_all_the_same() -> None:
    report = verify_copy("/a/\udcff.json", b"junk", KEYS)
    assert "\\udcff" in report.model_dump_json().replace("\\\\", "\\")
