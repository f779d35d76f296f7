"""Faults of a source or an archive are repaired by fetching again, or refused."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench import corruption
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.stores.directory_upload import DirectoryUpload
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import MAX_VERSIONS, Copied, copy
from callvault.archive.transfer.readback import read_back
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    ContentMissing,
    InvalidRequest,
    NotReady,
    Throttled,
    Unavailable,
)

NAME = "recordings/0000-document.mp4"
MEDIA = random.Random(5).randbytes(20_000)
QUICK = RetryLimits(max_attempts=3, first_delay=0.001, max_pause=0.5, stall_timeout=0.1)
Ranged = Callable[..., Any]


def fetch(archive: DirectoryArchive, source: Any, **options: Any) -> Copied:
    defaults: dict[str, Any] = {
        "content_type": "video/mp4",
        "metadata": {"document_id": "1"},
        "on_progress": lambda done, total: None,
        "buffers": BufferPool(3, 1024),
        "limits": QUICK,
    }
    return copy(source, archive, NAME, **defaults | options)


def once(number: int, error: CallvaultError) -> Callable[[Any, int], Any]:
    """Raise ``error`` at the request of this number."""

    def spoil(part: Any, now: int) -> Any:
        if now == number:
            raise error
        return part

    return spoil


def stored(archive: DirectoryArchive) -> bytes:
    return b"".join(archive.read(NAME))


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("reset"),
        BrokenContent("a page of type html"),
        Throttled("busy"),
        Throttled("busy", retry_after=timedelta(milliseconds=20)),
        AccessDenied("the signature is too old", status=401),
    ],
)
def test_passing_fault_is_repaired(
    directory_archive: DirectoryArchive, ranged: Ranged, error: CallvaultError
) -> None:
    fetch(directory_archive, ranged(MEDIA, spoil=once(4, error)))
    assert stored(directory_archive) == MEDIA


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("error", [ContentMissing("404"), NotReady("0 bytes"), InvalidRequest("?")])
def test_fault_that_asking_again_does_not_mend_is_passed_on(
    directory_archive: DirectoryArchive, ranged: Ranged, error: CallvaultError, number: int
) -> None:
    with pytest.raises(type(error)):
        fetch(directory_archive, ranged(MEDIA, spoil=once(number, error)))
    assert directory_archive.stat(NAME) is None


@pytest.mark.parametrize(
    "error", [Unavailable("down"), AccessDenied("no", status=403), Throttled("busy")]
)
def test_lasting_fault_is_given_up(
    directory_archive: DirectoryArchive, ranged: Ranged, error: CallvaultError
) -> None:
    def spoil(part: Any, number: int) -> Any:
        if number > 2:
            raise error
        return part

    source = ranged(MEDIA, spoil=spoil)
    with pytest.raises(type(error)):
        fetch(directory_archive, source)
    assert len(source.asked) < 20
    assert directory_archive.stat(NAME) is None


def test_wish_for_more_patience_than_a_copy_has_is_passed_on(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    busy = Throttled("busy", retry_after=timedelta(minutes=3))
    with pytest.raises(Throttled) as caught:
        fetch(directory_archive, ranged(MEDIA, spoil=once(3, busy)))
    assert caught.value.retry_after == timedelta(minutes=3)


def test_block_that_broke_off_goes_on_where_it_was(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    def spoil(part: Any, number: int) -> Any:
        if number == 4:
            part.pieces = iter([next(part.pieces)[:1000]])
        return part

    source = ranged(MEDIA, spoil=spoil)
    fetch(directory_archive, source)
    assert stored(directory_archive) == MEDIA
    assert source.fetched == len(MEDIA) + 24


@pytest.mark.parametrize("change", ["etag", "size", "416"])
def test_changed_file_is_begun_anew(
    directory_archive: DirectoryArchive, ranged: Ranged, change: str
) -> None:
    def spoil(part: Any, number: int) -> Any:
        if number == 5:
            if change == "416":
                raise BrokenContent("416", status=416)
            setattr(part, change, '"2"' if change == "etag" else 30_000)
        return part

    source = ranged(MEDIA, spoil=spoil)
    fetch(directory_archive, source)
    assert stored(directory_archive) == MEDIA
    assert len([asked for asked in source.asked if asked[0] == 0]) == 2


def test_file_that_keeps_changing_is_refused(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    def spoil(part: Any, number: int) -> Any:
        part.size += number
        part.length += number if part.offset == 0 and part.length == len(MEDIA) else 0
        return part

    source = ranged(MEDIA, spoil=spoil)
    with pytest.raises(BrokenContent, match="changed while it was copied"):
        fetch(directory_archive, source)
    assert len([asked for asked in source.asked if asked[0] == 0]) == MAX_VERSIONS
    assert directory_archive.stat(NAME) is None


ETAGS = {
    "another with each answer": lambda number: f'"{number}"',
    "strong and weak in turn": lambda number: '"a"' if number % 2 else 'W/"a"',
    "there or not": lambda number: '"a"' if number % 2 else None,
    "by two nodes": lambda number: f'"{number * 7 % 2}"',
}


@pytest.mark.parametrize("etag", ETAGS.values(), ids=ETAGS)
def test_d4_a_file_whose_etag_differs_by_node_is_copied_in_one_stream(
    directory_archive: DirectoryArchive, ranged: Ranged, etag: Callable[[int], str | None]
) -> None:
    def spoil(part: Any, number: int) -> Any:
        part.etag = etag(number)
        return part

    source = ranged(MEDIA, spoil=spoil)
    fetch(directory_archive, source)
    assert stored(directory_archive) == MEDIA
    assert source.asked[-1] == (0, None)


def replaced(source: Any, after: int, last_modified: tuple[str | None, str | None]) -> Any:
    """Let the file, which has no ETag, be another one of its size after so many answers."""

    def spoil(part: Any, number: int) -> Any:
        part.last_modified = last_modified[number > after]
        if number == after:
            source.data = source.data[::-1]
        return part

    source.etag, source.spoil = None, spoil
    return source


@pytest.mark.parametrize("last_modified", [("Mon", "Tue"), (None, None)])
def test_a_file_replaced_during_the_copy_is_no_mixture_where_no_etag_tells(
    directory_archive: DirectoryArchive,
    ranged: Ranged,
    last_modified: tuple[str | None, str | None],
) -> None:
    source = replaced(ranged(MEDIA), 4 if last_modified[0] else 1, last_modified)
    fetch(directory_archive, source)
    assert stored(directory_archive) == MEDIA[::-1]


@pytest.mark.parametrize("last_modified", [("Mon", "Tue"), (None, None)])
def test_a_small_file_replaced_as_its_answer_breaks_off_is_no_mixture(
    directory_archive: DirectoryArchive,
    ranged: Ranged,
    last_modified: tuple[str | None, str | None],
) -> None:
    source = replaced(ranged(MEDIA), 1, last_modified)
    spoil = source.spoil

    def breaking(part: Any, number: int) -> Any:
        if number == 1:
            part.pieces = iter([MEDIA[:5_000]])
        return spoil(part, number)

    source.spoil = breaking
    fetch(directory_archive, source, buffers=BufferPool(1, 65_536))
    assert stored(directory_archive) == MEDIA[::-1]


def test_a_file_that_only_last_modified_tells_is_fetched_in_parts(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    source = replaced(ranged(MEDIA), 1_000, ("Mon", None))
    fetch(directory_archive, source)
    assert len(source.asked) == -(-len(MEDIA) // 1024)


def test_d4_a_source_that_serves_ranges_once_is_copied_in_one_stream(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    def spoil(part: Any, number: int) -> Any:
        if number > 1 and part.offset:
            part.offset, part.length, part.pieces = 0, len(MEDIA), iter([MEDIA])
        return part

    fetch(directory_archive, ranged(MEDIA, spoil=spoil))
    assert stored(directory_archive) == MEDIA


def test_d4_an_answer_that_does_not_repeat_the_size_is_of_the_same_file(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    def spoil(part: Any, number: int) -> Any:
        part.size = part.size if number == 1 else None
        return part

    source = ranged(MEDIA, spoil=spoil)
    fetch(directory_archive, source)
    assert stored(directory_archive) == MEDIA
    assert source.fetched == len(MEDIA)


def test_d4_a_stream_that_grows_or_shrinks_is_refused(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    def spoil(part: Any, number: int) -> Any:
        part.etag = f'"{number}"'
        if part.offset == 0 and part.length == len(MEDIA):
            part.pieces = iter([MEDIA[:-1]])
        return part

    with pytest.raises(BrokenContent):
        fetch(directory_archive, ranged(MEDIA, spoil=spoil))
    assert directory_archive.stat(NAME) is None


def test_slow_request_is_ended_and_made_again(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    hold = threading.Event()

    def spoil(part: Any, number: int) -> Any:
        if number == 3:
            readinto = part.readinto
            part.readinto = lambda buffer: readinto(buffer) if hold.wait(10) else 0
        return part

    source = ranged(MEDIA, spoil=spoil)
    abort, source.abort = source.abort, hold.set
    began = time.monotonic()
    fetch(directory_archive, source)
    assert abort is not None
    assert time.monotonic() - began < 5
    assert stored(directory_archive) == MEDIA


def test_report_that_raises_ends_the_copy_at_once(
    directory_archive: DirectoryArchive, ranged: Ranged
) -> None:
    hold = threading.Event()

    def spoil(part: Any, number: int) -> Any:
        if number > 3:
            readinto = part.readinto
            part.readinto = lambda buffer: readinto(buffer) if hold.wait(10) else 0
        return part

    def report(done: int, total: int | None) -> None:
        raise ZeroDivisionError

    source = ranged(MEDIA, spoil=spoil)
    source.abort = hold.set
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        fetch(directory_archive, source, on_progress=report, limits=RetryLimits())
    assert threading.active_count() == threads
    assert directory_archive.stat(NAME) is None


def test_reports_come_while_bytes_do(directory_archive: DirectoryArchive, ranged: Ranged) -> None:
    reports: list[tuple[float, int]] = []

    def spoil(part: Any, number: int) -> Any:
        time.sleep(0.04)
        return part

    def report(done: int, total: int | None) -> None:
        reports.append((time.monotonic(), done))

    fetch(
        directory_archive,
        ranged(MEDIA * 2, spoil=spoil),
        on_progress=report,
        buffers=BufferPool(2, 1024),
    )
    assert len(reports) > 2
    assert [done for _, done in reports] == sorted(done for _, done in reports)
    assert max(b[0] - a[0] for a, b in itertools.pairwise(reports)) < 1


@pytest.mark.parametrize("at", [0, 5_000, 19_999])
def test_bit_that_flipped_in_the_archive_is_found(
    directory_archive: DirectoryArchive, ranged: Ranged, at: int
) -> None:
    fetch(directory_archive, ranged(MEDIA))
    path = Path(directory_archive.location(NAME))
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(BrokenContent, match=f"other bytes in block {at // 1024}:") as caught:
        read_back(directory_archive, NAME, lambda done, total: None)
    assert caught.value.owner == "archive"


@pytest.mark.parametrize("fails", ["source", "archive", "report"])
def test_copy_that_failed_gives_every_buffer_back(
    directory_archive: DirectoryArchive,
    ranged: Ranged,
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
) -> None:
    def spoil(part: Any, number: int) -> Any:
        time.sleep(0.05)
        return once(5, ContentMissing("404"))(part, number) if fails == "source" else part

    def report(done: int, total: int | None) -> None:
        if fails == "report":
            raise ContentMissing("cancelled")

    def put(*_: Any, **__: Any) -> None:
        raise ContentMissing("the folder vanished")

    if fails == "archive":
        monkeypatch.setattr(DirectoryUpload, "put", put)
    buffers = BufferPool(3, 1024)
    with pytest.raises(ContentMissing):
        fetch(directory_archive, ranged(MEDIA, spoil=spoil), buffers=buffers, on_progress=report)
    assert len(buffers.acquire_many(6, 1024, "next")) == 6


def test_no_seeded_corruption_is_accepted_and_no_clean_copy_refused() -> None:
    found = corruption.run(510, clean=60, seed=7)
    assert (found.accepted, found.wrongly_refused) == (0, 0)
    assert found.repaired > 100
    assert found.refused > 100


def test_small_copies_are_not_starved_by_a_huge_one(tmp_path: Path, ranged: Ranged) -> None:
    archive = DirectoryArchive("main", tmp_path)
    buffers, ended = BufferPool(2, 1024), []

    def slowly(part: Any, number: int) -> Any:
        time.sleep(0.01)
        return part

    def run(name: str, size: int) -> None:
        copy(
            ranged(bytes(size), spoil=slowly),
            archive,
            name,
            content_type="video/mp4",
            metadata={},
            on_progress=lambda done, total: None,
            buffers=buffers,
        )
        ended.append(name)

    sizes = {"huge.mp4": 200_000, "a.mp4": 1_000, "b.mp4": 1_000, "c.mp4": 1_000}
    threads = [threading.Thread(target=run, args=each) for each in sizes.items()]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert ended[-1] == "huge.mp4"
    assert len(ended) == 4
