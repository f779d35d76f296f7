"""Files get into every store whole or not at all, and come back to be compared."""

import gc
import hashlib
import itertools
import random
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from callvault.archive.blocks import BLOCK_SIZE
from callvault.archive.store import Archive, already_archived, put_bytes
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import copy
from callvault.archive.transfer.readback import read_back
from callvault.errors import BrokenContent, ContentMissing, ObjectExists, Unavailable

NAME = "recordings/2026/01/02/call/recording/0000-document.mp4"
CHUNK = {"document_id": "0-weu-d1-ab", "recording_id": "r/1"}
MEBIBYTE = 1024 * 1024
MEDIA = random.Random(7).randbytes(300_001)

SourceOf = Callable[..., Any]


def quiet(done: int, total: int | None) -> None:
    """Ignore the progress."""


def fetch(
    archive: Archive, source: Any, name: str = NAME, block_size: int = 4096, **options: Any
) -> Any:
    defaults: dict[str, Any] = {
        "content_type": "video/mp4",
        "metadata": CHUNK,
        "on_progress": quiet,
        "buffers": BufferPool(4, block_size),
    }
    return copy(source, archive, name, **defaults | options)


@pytest.mark.parametrize("block_size", [1, 7, 299, 300, 301, 1024])
def test_any_size_and_block_size_fit(
    archive: Archive, source_of: SourceOf, block_size: int
) -> None:
    copied = fetch(archive, source_of(MEDIA[:300]), block_size=block_size)
    assert b"".join(archive.read(NAME)) == MEDIA[:300]
    assert copied.size == 300


def test_copy_tells_what_was_read_and_what_is_stored(archive: Archive, source_of: SourceOf) -> None:
    copied = fetch(archive, source_of(MEDIA))
    assert (copied.size, copied.etag_of_source) == (len(MEDIA), '"1"')
    assert copied.stored == archive.stat(NAME)
    assert copied.stored.metadata == CHUNK


def test_pieces_of_any_size_make_the_same_object(archive: Archive, streamed: SourceOf) -> None:
    def pieces() -> Iterator[bytes]:
        cuts = [0, 0, 1, 4095, 4096, 4097, 100_000, 100_000, len(MEDIA)]
        return (MEDIA[a:b] for a, b in itertools.pairwise(cuts))

    fetch(archive, streamed(pieces, len(MEDIA)))
    assert b"".join(archive.read(NAME)) == MEDIA


def test_size_nobody_announced_is_taken_as_it_comes(archive: Archive, source_of: SourceOf) -> None:
    assert fetch(archive, source_of(MEDIA, announced=None)).size == len(MEDIA)


def test_a_part_of_a_file_whose_size_is_not_told_is_not_taken_for_the_file(
    archive: Archive, ranged: SourceOf
) -> None:
    def spoil(part: Any, number: int) -> Any:
        part.size = None
        if source.asked[-1] == (0, None):
            part.length = None
        return part

    source = ranged(MEDIA, spoil=spoil)
    assert fetch(archive, source).size == len(MEDIA)
    assert b"".join(archive.read(NAME)) == MEDIA


@pytest.mark.parametrize("announced", [0, None, 300_001])
def test_no_bytes_are_no_recording(
    archive: Archive, source_of: SourceOf, announced: int | None
) -> None:
    with pytest.raises(BrokenContent, match="no bytes") as caught:
        fetch(archive, source_of(b"", announced=announced))
    assert caught.value.owner == "service"
    assert archive.stat(NAME) is None


@pytest.mark.parametrize("announced", [5_000, 300_000, 300_002])
def test_other_bytes_than_announced_are_refused(
    archive: Archive, source_of: SourceOf, announced: int
) -> None:
    with pytest.raises(BrokenContent, match="announced"):
        fetch(archive, source_of(MEDIA, announced=announced))
    assert archive.stat(NAME) is None


def test_endless_answer_is_left(archive: Archive, streamed: SourceOf) -> None:
    source = streamed(lambda: itertools.repeat(bytes(4096)), 10_000)
    with pytest.raises(BrokenContent, match="more than"):
        fetch(archive, source)


def test_stream_that_begins_elsewhere_is_refused(archive: Archive, source_of: SourceOf) -> None:
    with pytest.raises(BrokenContent, match="began at byte 5"):
        fetch(archive, source_of(MEDIA, offset=5))


def test_failure_of_the_source_passes_through_and_commits_nothing(
    archive: Archive, streamed: SourceOf
) -> None:
    def broken() -> Iterator[bytes]:
        yield MEDIA[:200_000]
        raise Unavailable("the line broke")

    with pytest.raises(Unavailable, match="the line broke"):
        fetch(archive, streamed(broken, len(MEDIA)))
    assert archive.stat(NAME) is None


def test_second_copy_of_the_same_file_is_success(archive: Archive, source_of: SourceOf) -> None:
    first = fetch(archive, source_of(MEDIA))
    assert fetch(archive, source_of(MEDIA), block_size=9_999) == first


def test_another_file_under_the_same_name_is_refused(archive: Archive, source_of: SourceOf) -> None:
    fetch(archive, source_of(MEDIA))
    with pytest.raises(ObjectExists):
        fetch(archive, source_of(MEDIA[::-1]))
    assert read_back(archive, NAME, quiet).sha256 == (hashlib.sha256(MEDIA).hexdigest())


def test_progress_counts_up_to_the_size(archive: Archive, source_of: SourceOf) -> None:
    copying: list[tuple[int, int | None]] = []
    reading: list[tuple[int, int | None]] = []
    fetch(archive, source_of(MEDIA), on_progress=lambda *seen: copying.append(seen))
    read_back(archive, NAME, lambda *seen: reading.append(seen))
    for seen in (copying, reading):
        assert seen == sorted(seen)
        assert seen[-1] == (len(MEDIA), len(MEDIA))


def test_read_back_digests_what_lies_in_the_archive(archive: Archive, source_of: SourceOf) -> None:
    copied = fetch(archive, source_of(MEDIA))
    back = read_back(archive, NAME, quiet)
    assert (back.size, back.sha256) == (copied.size, hashlib.sha256(MEDIA).hexdigest())
    assert back.is_compared


def test_read_back_of_nothing_says_so(archive: Archive) -> None:
    with pytest.raises(ContentMissing, match="copy it again"):
        read_back(archive, NAME, quiet)


def test_retry_after_a_commit_needs_no_source(archive: Archive, source_of: SourceOf) -> None:
    assert already_archived(archive, NAME, CHUNK) is None
    copied = fetch(archive, source_of(MEDIA), metadata={**CHUNK, "attempt": "1"})
    assert already_archived(archive, NAME, CHUNK) == copied.stored


def test_object_of_another_chunk_is_not_taken_for_this_one(
    archive: Archive, source_of: SourceOf
) -> None:
    fetch(archive, source_of(MEDIA))
    assert already_archived(archive, NAME, {**CHUNK, "document_id": "another"}) is None
    assert already_archived(archive, NAME, {**CHUNK, "more": "facts"}) is None


def test_chunk_with_hostile_ids_is_recognised(archive: Archive, source_of: SourceOf) -> None:
    hostile = {"document_id": "x" * 1_024, "recording_id": "ü\r\n%\ud800", "call_id": ""}
    copied = fetch(archive, source_of(MEDIA), metadata=hostile)
    assert already_archived(archive, NAME, hostile) == copied.stored
    other = {**hostile, "document_id": "x" * 1_023 + "y"}
    assert already_archived(archive, NAME, other) is None


def test_small_objects_follow_the_same_rules(archive: Archive) -> None:
    def put(data: bytes) -> Any:
        return put_bytes(
            archive, NAME, data, content_type="application/json", metadata={"document_id": "1"}
        )

    with pytest.raises(BrokenContent):
        put(b"")
    stored = put(b"{}")
    assert put(b"{}") == stored == archive.stat(NAME)
    with pytest.raises(ObjectExists):
        put(b"[]")


def peak(run: Callable[[], Any]) -> int:
    """Return the most bytes that Python held at one time while ``run`` ran."""
    # On a busy machine the collector comes late: what waits for it is not held.
    thresholds = gc.get_threshold()
    gc.set_threshold(20)
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.set_threshold(*thresholds)


def test_big_files_need_no_more_memory_than_small_ones(
    archive: Archive, streamed: SourceOf
) -> None:
    block_size, copying, reading = 2 * MEBIBYTE, [], []
    buffers = BufferPool(2, block_size)
    for mebibytes in (4, 12, 24):  # the first warms up connections and imports

        def pieces(count: int = mebibytes) -> Iterator[bytes]:
            return (bytes([n]) * MEBIBYTE for n in range(count))

        source, name = streamed(pieces, mebibytes * MEBIBYTE), f"{mebibytes}.mp4"
        copying.append(peak(partial(fetch, archive, source, name=name, buffers=buffers)))
        reading.append(peak(partial(read_back, archive, name, quiet, buffers)))
    assert copying[0] < 6 * block_size
    assert copying[2] < copying[1] + MEBIBYTE
    assert reading[2] < reading[1] + block_size


def test_default_block_size_reaches_the_largest_recording() -> None:
    assert BLOCK_SIZE * 50_000 > 300 * 1024**3
