"""SHA-512 stands beside SHA-256 in every manifest, from the same pass over the same bytes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from callvault.archive import digests
from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.chain import append
from callvault.archive.manifests.documents import Keyring, read_document, reference_to, signed
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.readback import read_back
from callvault.archive.verify.verifier import verify_archive
from callvault.contracts.manifest import ArchivedObject, ChainLink, ObjectReference
from tests.archive.sealed import SIGNER, archived, lost, manifest_of, sealed

BYTES = bytes(range(256)) * 8_192
KEYS = Keyring([SIGNER.public])


def content(archive: Archive, name: str) -> bytes:
    return b"".join(archive.read(name))


def sha512_of(archive: Archive, name: str) -> str:
    return hashlib.sha512(content(archive, name)).hexdigest()


@pytest.mark.parametrize("piece", [1, 1_000, 256 * 1024, 1024**2, len(BYTES)])
def test_both_hashes_are_those_of_hashlib_however_the_bytes_are_cut(piece: int) -> None:
    whole = BYTES if piece > 1 else BYTES[:500]
    with WholeDigest() as digest:
        for start in range(0, len(whole), piece):
            digest.update(memoryview(whole)[start : start + piece])
    assert digest.size == len(whole)
    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.sha512 == hashlib.sha512(whole).hexdigest()


def test_a_piece_may_be_overwritten_as_soon_as_it_is_digested() -> None:
    buffer, expected = bytearray(digests._MIN_PARALLEL), hashlib.sha512()
    with WholeDigest() as digest:
        for number in range(40):
            buffer[:] = bytes([number]) * len(buffer)
            expected.update(buffer)
            digest.update(buffer)
            buffer[:] = b"x" * len(buffer)
    assert digest.sha512 == expected.hexdigest()


def test_reading_back_gives_the_sha512_of_the_whole(archive: Archive) -> None:
    with archive.begin("recordings/x.mp4", block_size=300_000) as upload:
        for index, start in enumerate(range(0, len(BYTES), 300_000)):
            upload.put(index, BYTES[start : start + 300_000])
        upload.commit(size=len(BYTES), content_type="video/mp4", metadata={})
    found = read_back(archive, "recordings/x.mp4", lambda *_: None)
    assert found.is_compared
    assert found.sha512 == hashlib.sha512(BYTES).hexdigest()


def references(archive: Archive) -> Iterator[ObjectReference]:
    """Seal a recording twice, and yield every object that manifests and links name."""
    late = archived(archive)
    sealed(archive, late)
    second = manifest_of(archive, sealed(archive, late, lost(1, "gone")))
    assert second.earlier
    yield second.earlier
    for chunk in second.chunks:
        yield from filter(None, (chunk.media, chunk.metadata))
    for number in (1, 2):
        yield read_document(ChainLink, content(archive, link_object_name(number))).manifest


def test_every_object_that_a_manifest_or_a_link_names_has_its_sha512(archive: Archive) -> None:
    found = list(references(archive))
    assert len(found) == 5
    assert [each.sha512 for each in found] == [
        sha512_of(archive, each.object_name) for each in found
    ]


def test_bytes_of_the_right_sha256_and_another_sha512_are_a_problem(
    directory_archive: DirectoryArchive,
) -> None:
    """As if somebody had found a collision of SHA-256, or had sealed a wrong hash."""
    chunk = archived(directory_archive)
    assert chunk.archived
    wrong = chunk.archived.model_copy(update={"sha512": "0" * 128})
    sealed(directory_archive, chunk.model_copy(update={"archived": wrong}))
    report = verify_archive(directory_archive, KEYS)
    assert [each.object_name for each in report.problems] == [wrong.object_name]
    assert f"instead of {'0' * 128}" in report.problems[0].text


def test_a_link_whose_sha512_is_another_is_a_problem(
    directory_archive: DirectoryArchive, tmp_path: Path
) -> None:
    found = sealed(directory_archive, lost(0, "gone"))
    data = content(directory_archive, found.object_name)
    reference = reference_to(found.object_name, data).model_copy(update={"sha512": "0" * 128})
    other = DirectoryArchive("main", tmp_path / "other")
    other.make()
    put_bytes(other, found.object_name, data, content_type="application/json", metadata={})
    append(other, reference, SIGNER, after=None)
    report = verify_archive(other, KEYS)
    assert [each.object_name for each in report.problems] == [found.object_name]


def test_a_manifest_from_before_sha512_verifies_and_is_linked_once(
    directory_archive: DirectoryArchive,
) -> None:
    chunk = archived(directory_archive)
    assert chunk.archived
    older = chunk.archived.model_copy(update={"sha512": None})
    found = sealed(directory_archive, chunk.model_copy(update={"archived": older}))
    media = manifest_of(directory_archive, found).chunks[0].media
    assert isinstance(media, ArchivedObject)
    assert media.sha512 is None
    reference = reference_to(found.object_name, content(directory_archive, found.object_name))
    bare = reference.model_copy(update={"sha512": None})
    assert append(directory_archive, bare, SIGNER, after=None).sequence == found.sequence
    assert verify_archive(directory_archive, KEYS).ok


def test_the_result_of_sealing_tells_the_link(archive: Archive) -> None:
    for number in (1, 2):
        found = sealed(archive, lost(0, "gone"), recording_id=f"rec-{number}")
        link = content(archive, link_object_name(number))
        assert (found.archive, found.sequence) == (archive.name, number)
        assert found.link_sha256 == hashlib.sha256(link).hexdigest()
        assert signed(read_document(ChainLink, link), SIGNER) == link
