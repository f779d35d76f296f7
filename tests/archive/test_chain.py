"""Many writers, one chain: each manifest gets its own place, and none is skipped."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import read_document, sha256
from callvault.archive.manifests.seal import seal
from callvault.archive.names import link_object_name
from callvault.archive.store import Archive
from callvault.contracts.manifest import ChainLink, ObjectReference
from tests.archive.sealed import NOON, SIGNER, archived, recording, seal_input, sealed

WRITERS = 8


def links(archive: Archive) -> list[ChainLink]:
    names = sorted(archive.names("manifests/"))
    return [read_document(ChainLink, b"".join(archive.read(name))) for name in names]


def reference(number: int) -> ObjectReference:
    name = f"recordings/2026/03/02/call/rec-{number}/manifest.json"
    return ObjectReference(object_name=name, size=number, sha256=f"{number:064x}")


def test_an_empty_archive_has_no_head(archive: Archive) -> None:
    assert head(archive) is None


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 9, 33])
def test_the_head_is_found_in_a_chain_of_any_length(
    directory_archive: Archive, length: int
) -> None:
    last = None
    for number in range(1, length + 1):
        assert append(directory_archive, reference(number), None, after=last) == head(
            directory_archive
        )
        last = head(directory_archive)
    assert last
    data = b"".join(directory_archive.read(link_object_name(length)))
    assert (last.sequence, last.sha256) == (length, sha256(data))


def test_writers_at_the_same_moment_get_one_place_each(archive: Archive) -> None:
    orders = [
        seal_input(
            archive, recording(archived(archive, recording_id=f"r{n}"), recording_id=f"r{n}")
        )
        for n in range(WRITERS)
    ]
    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(lambda each: seal(archive, each, SIGNER, lambda: NOON), orders))
    assert sorted(each.sequence for each in found) == list(range(1, WRITERS + 1))
    chain = links(archive)
    assert [link.sequence for link in chain] == list(range(1, WRITERS + 1))
    assert {link.manifest.sha256 for link in chain} == {each.sha256 for each in found}


def test_the_same_order_at_the_same_moment_is_sealed_once(archive: Archive) -> None:
    asked = seal_input(archive, recording(archived(archive)))
    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(lambda _: seal(archive, asked, SIGNER, lambda: NOON), range(WRITERS)))
    assert len(set(found)) == 1
    assert len(links(archive)) == 1


def test_a_damaged_link_keeps_its_place_and_stops_nobody(directory_archive: Archive) -> None:
    found = sealed(directory_archive, archived(directory_archive))
    link = Path(directory_archive.location(link_object_name(1)))
    link.write_bytes(link.read_bytes()[:-1])
    again = sealed(
        directory_archive, archived(directory_archive, recording_id="r2"), recording_id="r2"
    )
    assert (found.sequence, again.sequence) == (1, 2)
