"""Promises of every archive: one suite over both stores."""

import contextlib
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from callvault.archive.blocks import BlockDigests
from callvault.archive.object_metadata import MAX_VALUE, quoted
from callvault.archive.store import Archive, StoredObject
from callvault.errors import (
    BrokenContent,
    CallvaultError,
    ContentMissing,
    InvalidRequest,
    ObjectExists,
)

Write = Callable[..., StoredObject]
NAME = "recordings/2026/01/02/call/recording/0000-document.mp4"
HOSTILE = [
    "",
    ".",
    "..",
    "../escaped",
    "a/../../escaped",
    "/etc/escaped",
    "a//b",
    "a/",
    "a\\b",
    "a\x00b",
    "a\nb",
    "a%2e%2e",
    "ü",
    ".hidden",
    "dot.",
    "space ",
    "a?sig=b",
    "x" * 1_000,
]


def stored(archive: Archive, name: str, **bounds: int) -> bytes:
    return b"".join(archive.read(name, **bounds))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def race(writers: list[Callable[[], StoredObject]]) -> list[StoredObject | CallvaultError]:
    """Run all at once; what each got."""
    together = threading.Barrier(len(writers))

    def run(writer: Callable[[], StoredObject]) -> StoredObject | CallvaultError:
        together.wait()
        try:
            return writer()
        except CallvaultError as error:
            return error

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(run, writers))


def test_object_comes_back_with_bytes_digest_and_metadata(archive: Archive, write: Write) -> None:
    data = bytes(range(256)) * 17
    metadata = {"document_id": "0-weu-d1-ab", "call": "Grüße / 100 %", "nothing": ""}
    committed = write(archive, NAME, data, metadata=metadata)
    found = archive.stat(NAME)
    assert found == committed
    assert found is not None
    assert (found.name, found.size) == (NAME, len(data))
    assert found.metadata == {"document_id": "0-weu-d1-ab", "call": "Grüße / 100 %"}
    assert found.etag
    assert stored(archive, NAME) == data


def test_object_that_is_not_there_is_none(archive: Archive) -> None:
    assert archive.stat(NAME) is None
    assert archive.stat("recordings") is None


def test_reading_what_is_not_there_says_so(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"media")
    for name in ("recordings/other.mp4", "recordings/2026"):
        with pytest.raises(ContentMissing) as caught:
            stored(archive, name)
        assert caught.value.owner == "archive"


def test_blocks_may_come_in_any_order_from_many_threads_and_twice(archive: Archive) -> None:
    data = b"".join(bytes([n]) * 1000 for n in range(20)) + b"end"
    order = [*range(20, -1, -1), 3, 20]
    with archive.begin(NAME, block_size=1000) as upload, ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(upload.put, n, data[n * 1000 : n * 1000 + 1000]) for n in order]
        for put in puts:
            put.result()
        upload.commit(size=len(data), content_type="video/mp4", metadata={})
    assert stored(archive, NAME) == data


def test_sha256_of_every_block_is_kept(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"abcdefghij", block_size=4)
    kept = archive.digests(NAME)
    assert kept is not None
    assert kept == BlockDigests.of([b"abcdefghij"], 4)
    assert [each.hex() for each in kept.sha256] == [digest(b"abcd"), digest(b"efgh"), digest(b"ij")]


def test_sha256_of_an_object_of_one_block_is_known(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"media")
    found = archive.stat(NAME)
    assert found is not None
    assert found.sha256 == digest(b"media")


def test_same_bytes_in_other_blocks_are_the_same_object(archive: Archive, write: Write) -> None:
    first = write(archive, NAME, b"abcdefghij", block_size=4)
    assert write(archive, NAME, b"abcdefghij", block_size=3) == first
    assert write(archive, NAME, b"abcdefghij", block_size=10).etag == first.etag
    with pytest.raises(ObjectExists):
        write(archive, NAME, b"abcdefghiX", block_size=3)


def test_block_put_again_replaces_the_former(archive: Archive) -> None:
    with archive.begin(NAME, block_size=4) as upload:
        upload.put(0, b"ab")
        upload.put(0, memoryview(b"abcd"))
        upload.commit(size=4, content_type="audio/wav", metadata={})
    assert stored(archive, NAME) == b"abcd"


@pytest.mark.parametrize(
    ("blocks", "size"),
    [
        ({}, 0),
        ({}, 8),
        ({0: b"1234"}, 8),
        ({0: b"1234", 1: b"5678", 2: b"9"}, 8),
        ({0: b"1234", 2: b"5678"}, 8),
        ({1: b"1234", 2: b"5678"}, 8),
        ({0: b"123", 1: b"4567", 2: b"8"}, 8),
    ],
)
def test_nothing_is_committed_unless_every_byte_is_there(
    archive: Archive, blocks: dict[int, bytes], size: int
) -> None:
    with archive.begin(NAME, block_size=4) as upload:
        for index, block in blocks.items():
            upload.put(index, block)
        with pytest.raises(BrokenContent):
            upload.commit(size=size, content_type="video/mp4", metadata={})
    assert archive.stat(NAME) is None
    assert list(archive.names()) == []


@pytest.mark.parametrize(("index", "block"), [(-1, b"a"), (0, b""), (0, b"12345")])
def test_blocks_that_cannot_be_are_refused(archive: Archive, index: int, block: bytes) -> None:
    with archive.begin(NAME, block_size=4) as upload, pytest.raises(InvalidRequest):
        upload.put(index, block)


def test_abandoned_upload_leaves_nothing_visible(archive: Archive) -> None:
    with archive.begin(NAME, block_size=4) as upload:
        upload.put(0, b"1234")
    assert archive.stat(NAME) is None
    assert list(archive.names()) == []


def test_failed_upload_leaves_nothing_visible(archive: Archive) -> None:
    with contextlib.suppress(ZeroDivisionError), archive.begin(NAME, block_size=4) as upload:
        upload.put(0, b"1234")
        raise ZeroDivisionError
    assert archive.stat(NAME) is None
    assert list(archive.names()) == []


def test_attempt_after_an_abandoned_one_succeeds(archive: Archive, write: Write) -> None:
    with archive.begin(NAME, block_size=4) as upload:
        upload.put(0, b"old ")
        upload.put(1, b"old ")
    write(archive, NAME, b"new", block_size=8)
    assert stored(archive, NAME) == b"new"


def test_different_object_is_never_overwritten(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"first")
    for other in (b"other", b"longer than the first"):
        with pytest.raises(ObjectExists, match="nothing was overwritten"):
            write(archive, NAME, other)
    assert stored(archive, NAME) == b"first"


def test_identical_object_is_success_and_keeps_its_own_metadata(
    archive: Archive, write: Write
) -> None:
    first = write(archive, NAME, b"same", metadata={"attempt": "1"})
    again = write(archive, NAME, b"same", metadata={"attempt": "2"})
    assert again == first
    assert list(archive.names()) == [NAME]


def test_commit_whose_answer_was_lost_may_be_repeated(archive: Archive) -> None:
    with archive.begin(NAME, block_size=4) as upload:
        upload.put(0, b"1234")
        results = [upload.commit(size=4, content_type="video/mp4", metadata={}) for _ in range(2)]
    assert results[0] == results[1] == archive.stat(NAME)


def test_concurrent_writers_of_the_same_bytes_all_succeed(archive: Archive, write: Write) -> None:
    data = bytes(5000)
    results = race([partial(write, archive, NAME, data) for _ in range(6)])
    assert [getattr(result, "size", result) for result in results] == [len(data)] * 6
    assert stored(archive, NAME) == data


def test_concurrent_writers_of_different_bytes_leave_one_whole_object(
    archive: Archive, write: Write
) -> None:
    versions = [bytes([n]) * 5000 for n in range(6)]
    results = race([partial(write, archive, NAME, data) for data in versions])
    won = [result for result in results if isinstance(result, StoredObject)]
    assert len(won) == 1
    assert all(isinstance(result, StoredObject | ObjectExists) for result in results)
    assert stored(archive, NAME) in versions


def test_ranges_are_read_exactly(archive: Archive, write: Write) -> None:
    write(archive, NAME, b"0123456789")
    assert stored(archive, NAME, offset=3) == b"3456789"
    assert stored(archive, NAME, offset=3, length=4) == b"3456"
    assert stored(archive, NAME, offset=8, length=100) == b"89"
    assert stored(archive, NAME, length=2) == b"01"
    assert stored(archive, NAME, length=0) == b""
    assert stored(archive, NAME, offset=10) == b""
    assert stored(archive, NAME, offset=11, length=1) == b""


def test_names_are_listed_by_prefix(archive: Archive, write: Write) -> None:
    names = {"a/1.mp4", "a/1.metadata.json", "a/b/2.mp4", "ab/3.mp4"}
    for name in names:
        write(archive, name, b"media")
    assert set(archive.names()) == names
    assert set(archive.names("a/")) == names - {"ab/3.mp4"}
    assert set(archive.names("a/b")) == {"a/b/2.mp4"}
    assert set(archive.names("ab")) == {"ab/3.mp4"}
    assert list(archive.names("../")) == []
    assert list(archive.names("nothing/here")) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_before_anything_happens(archive: Archive, name: str) -> None:
    with pytest.raises(InvalidRequest):
        archive.begin(name, block_size=4)
    with pytest.raises(InvalidRequest):
        archive.stat(name)
    with pytest.raises(InvalidRequest):
        stored(archive, name)
    with pytest.raises(InvalidRequest):
        archive.location(name)
    assert list(archive.names()) == []


def test_check_leaves_nothing_and_may_be_repeated(archive: Archive) -> None:
    archive.check()
    archive.check()
    assert list(archive.names()) == []


def test_metadata_that_no_header_can_hold_is_told_apart_all_the_same(
    archive: Archive, write: Write
) -> None:
    ids = [
        "x" * 1000,
        "x" * 999 + "y",
        "\ud800",
        "\ud801",
        "line\r\nX-Evil: 1",
        " padded ",
        "🎥" * 600,
    ]
    kept = []
    for n, value in enumerate(ids):
        write(archive, f"{n}.mp4", b"media", metadata={"document_id": value})
        found = archive.stat(f"{n}.mp4")
        assert found is not None
        kept.append(found.metadata["document_id"])
    assert len(set(kept)) == len(ids)
    assert kept[4:6] == ids[4:6]
    assert all(len(quoted(value)) <= MAX_VALUE for value in kept)


@pytest.mark.parametrize("key", ["sha256", "Document", "a-b", "", "a b", "1a", "ü"])
def test_metadata_keys_must_be_identifiers(archive: Archive, write: Write, key: str) -> None:
    with pytest.raises(InvalidRequest, match="metadata key"):
        write(archive, NAME, b"media", metadata={key: "value"})
    assert archive.stat(NAME) is None
