"""Documents that are large, or need much memory, are refused before they take it."""

import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests import documents
from callvault.archive.manifests.chain import append
from callvault.archive.manifests.documents import (
    LARGE_DOCUMENT,
    MAX_VALUES,
    Keyring,
    canonical_tree,
    read_document,
    reference_to,
    signed,
)
from callvault.archive.names import chunk_object_name
from callvault.archive.store import MAX_DOCUMENT, put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.contracts.access import MAX_NAMED, AccessAction, AccessRecord
from callvault.contracts.erasures import MAX_ERASED, ErasureCause, ErasureRecord
from callvault.contracts.manifest import Manifest
from callvault.errors import BrokenContent, CallvaultError, InvalidRequest
from tests.archive.sealed import NOON, SIGNER, archived, manifest_of, sealed

MIB = 1024**2
TOO_LARGE = "larger than any document of its kind"


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "vault")
    archive.make()
    return archive


@pytest.fixture
def manifest(vault: DirectoryArchive) -> Manifest:
    return manifest_of(vault, sealed(vault, archived(vault)))


def of_lists(size: int) -> bytes:
    return b"[" + b"[]," * ((size - 4) // 3) + b"[]]"


HOSTILE = {
    "lists": of_lists(MAX_DOCUMENT - 8),
    "few lists": of_lists(MIB),
    "objects": b"[" + b"{}," * MAX_VALUES + b"{}]",
    "members": b'{"a":' + b'[{"a":1}' + b',{"a":1}' * MAX_VALUES + b"]}",
    "texts": b'["ab"' + b',"ab"' * MAX_VALUES + b"]",
    "numbers": b"[0.5" + b",0.5" * MAX_VALUES + b"]",
    "an open text": b'["' + b'\\",' * 1_000 + b'"' + b"[]," * MAX_VALUES,
    "blanks": b" " * (MAX_DOCUMENT + 1),
    "a text": b'["' + b"x" * MAX_DOCUMENT + b'"]',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_needs_much_memory_is_refused_before_it_is_parsed(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents.json, "loads", lambda *_, **__: pytest.fail("it is parsed"))
    with pytest.raises(BrokenContent, match=TOO_LARGE):
        read_document(Manifest, data)


@pytest.mark.parametrize("depth", [65, 900, 100_000])
def test_what_is_nested_too_deep_is_refused_before_it_is_parsed(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents.json, "loads", lambda *_, **__: pytest.fail("it is parsed"))
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(BrokenContent, match="it is not JSON"):
            read_document(Manifest, opened * depth + b"1" + closed * depth)


def test_texts_may_be_full_of_brackets(manifest: Manifest) -> None:
    said = '[{"a":[[],{},"\\' * 60_000
    told = manifest.model_copy(update={"findings": (said, said, *["[[[[" * 100] * 100)})
    data = signed(told, SIGNER)
    assert data.count(b"[") > MAX_VALUES
    assert read_document(Manifest, data).findings == told.findings


def longest_name(number: int) -> str:
    return chunk_object_name(
        recorded_on=NOON,
        call_id="c" * 80,
        server_call_id="s",
        recording_id="r" * 80,
        index=number,
        document_id=f"{number:d>80}",
        extension="metadata",
    )


def test_the_largest_that_is_written_is_far_from_the_bounds(manifest: Manifest) -> None:
    many: dict[str, Any] = {"chunks": manifest.chunks * 500}
    largest = [signed(manifest.model_copy(update=many), SIGNER)]
    erased = tuple(reference_to(longest_name(each), b"") for each in range(MAX_ERASED))
    record = ErasureRecord(
        object_name="erasures/record.json",
        archive="main",
        erasure="0" * 64,
        cause=ErasureCause.PERSON,
        decision="",
        erased=erased,
        requested_by="",
        reason="",
        recorded_at=NOON,
        software="",
        previous=None,
        signature=None,
    )
    access = AccessRecord(
        action=AccessAction.FOUND,
        recordings=tuple(longest_name(each).rpartition("/")[0] for each in range(MAX_NAMED)),
        archive="main",
        sequence=1,
        id="0" * 32,
        at=NOON,
        software="",
        previous=None,
        signature=None,
    )
    largest += [signed(record, SIGNER), signed(access, SIGNER)]
    for data in largest:
        assert len(data) < MAX_DOCUMENT / 2
        assert documents._marks(data) < MAX_VALUES / 4


def test_what_could_not_be_read_is_not_written(manifest: Manifest) -> None:
    for findings in (("x" * MAX_DOCUMENT,), ("",) * (MAX_VALUES + 1)):
        with pytest.raises(InvalidRequest, match="nothing is written"):
            signed(manifest.model_copy(update={"findings": findings}), SIGNER)


def test_two_large_documents_are_parsed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, busy, most = threading.Lock(), 0, 0

    def slow(data: bytes) -> Any:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with lock:
            busy -= 1
        raise ValueError

    def read(data: bytes) -> None:
        with pytest.raises(BrokenContent):
            read_document(Manifest, data)

    monkeypatch.setattr(documents, "parsed", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, [b" " * (LARGE_DOCUMENT + 1)] * 8))
        assert most <= 2
        list(pool.map(read, [b" " * LARGE_DOCUMENT] * 8))
        assert most > 2


def linked(vault: DirectoryArchive, number: int, data: bytes) -> None:
    name = f"recordings/2026/03/14/call-{number}/rec-{number}/manifest.json"
    put_bytes(vault, name, data, content_type="application/json", metadata={})
    append(vault, reference_to(name, data), None, after=None)


@pytest.mark.parametrize(
    "data",
    [of_lists(MAX_DOCUMENT - 8), of_lists(MIB), canonical_tree(["x" * (MAX_DOCUMENT - 8)])],
    ids=["lists", "few lists", "text"],
)
@pytest.mark.parametrize("in_links", [False, True])
def test_a_small_hostile_archive_takes_little_memory(
    vault: DirectoryArchive, tmp_path: Path, data: bytes, in_links: bool
) -> None:
    for number in range(8):
        linked(vault, number, b"{}" if in_links else data)
    for path in (tmp_path / "vault" / "manifests").glob("0*.json") if in_links else ():
        path.write_bytes(data)
    tracemalloc.start()
    try:
        report = verify_archive(vault, Keyring([SIGNER.public]), quick=True)
        _, peak = tracemalloc.get_traced_memory()
    except CallvaultError:
        pytest.fail("a report is what a verification ends with")
    finally:
        tracemalloc.stop()
    assert not report.ok
    # no document may decide about more than some copies of itself, however many there are
    assert peak < 128 * MIB, f"{peak / MIB:.0f} MiB"
