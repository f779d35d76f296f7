"""A file of one block: one request into the archive, no thread of its own, the same promises."""

import contextvars
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from callvault.archive.blocks import BLOCK_SIZE, BlockDigests
from callvault.archive.store import Archive, put_bytes
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import copy
from callvault.archive.transfer.readback import read_back
from callvault.archive.transfer.threads import Threads
from callvault.archive.transfer.watch import LOOK_INTERVAL, Watch
from callvault.azure_storage.clients import StorageAccess
from callvault.azure_storage.put_blob import PutBlob
from callvault.errors import BrokenContent, InvalidRequest, ObjectExists, Throttled, Unavailable
from callvault.local.azurite import Azurite

NAME = "recordings/2026/01/02/call/recording/0000-document.mp4"
MEDIA = random.Random(3).randbytes(60_000)
QUICK = RetryLimits(max_attempts=3, first_delay=0.001, max_pause=0.5, stall_timeout=0.3)
Ranged = Callable[..., Any]


def quiet(done: int, total: int | None) -> None:
    """Ignore the progress."""


def fetch(archive: Archive, source: Any, **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "content_type": "video/mp4",
        "metadata": {"document_id": "1"},
        "on_progress": quiet,
        "buffers": BufferPool(2, 65_536),
        "limits": QUICK,
    }
    return copy(source, archive, NAME, **defaults | options)


@contextmanager
def requests_sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note the method and the operation of every request, whoever sends it."""
    sent: list[str] = []
    put = HTTPConnection.putrequest

    def noting(self: Any, method: str, url: str, *given: Any, **options: Any) -> None:
        sent.append(f"{method} {url.partition('?')[2]}".strip())
        put(self, method, url, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPConnection, "putrequest", noting)
        yield sent


def test_a_blob_of_one_block_takes_one_request(
    blob_archive: BlobArchive, ranged: Ranged, monkeypatch: pytest.MonkeyPatch
) -> None:
    with requests_sent(monkeypatch) as sent:
        fetch(blob_archive, ranged(MEDIA))
        assert sent == ["PUT"]
        sent.clear()
        assert read_back(blob_archive, NAME, quiet).is_compared
        assert sent == ["HEAD", "GET"]
        sent.clear()
        put_bytes(blob_archive, "a.json", b"{}", content_type="application/json", metadata={})
        assert sent == ["PUT"]


def test_a_shared_access_signature_needs_no_other(
    azurite: Azurite, blob_archive: BlobArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = blob_archive.location("x").split("/")[-2]
    sas = generate_container_sas(
        azurite.account_name,
        container,
        account_key=azurite.account_key,
        permission=ContainerSasPermissions.from_string("racwl"),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    url = f"{azurite.blob_endpoint}/{container}?{sas}"
    archive = BlobArchive.open("main", StorageAccess(sas_url=url), container)
    with closing(archive), requests_sent(monkeypatch) as sent:
        put_bytes(archive, NAME, b"{}", content_type="application/json", metadata={"a": "b"})
        assert [each.partition("&")[0] for each in sent] == [f"PUT {sas.partition('&')[0]}"]
    found = blob_archive.stat(NAME)
    assert found is not None
    assert found.metadata == {"a": "b"}


def test_a_short_way_that_fails_is_left_to_the_sdk(
    blob_archive: BlobArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def broken(self: Any, name: str, *given: Any) -> Any:
        tried.append(name)
        raise ConnectionResetError

    monkeypatch.setattr(PutBlob, "_exchange", broken)
    for number in range(3):
        name = f"{number}.json"
        put_bytes(blob_archive, name, b"{}", content_type="application/json", metadata={})
    assert sorted(blob_archive.names()) == ["0.json", "1.json", "2.json"]
    assert tried == ["0.json"], "for a while it is not tried again"


def test_an_answer_that_was_lost_is_no_failure(
    blob_archive: BlobArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = PutBlob._exchange

    def lost(self: Any, *given: Any) -> Any:
        assert exchange(self, *given).status == 201
        raise TimeoutError

    monkeypatch.setattr(PutBlob, "_exchange", lost)
    stored = put_bytes(blob_archive, NAME, b"{}", content_type="application/json", metadata={})
    assert stored == blob_archive.stat(NAME)


def test_a_connection_that_was_closed_meanwhile_is_replaced(
    blob_archive: BlobArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bytes(blob_archive, "a.json", b"{}", content_type="application/json", metadata={})
    (idle,) = blob_archive._put_blob._connections._idle.values()
    idle[0][1].sock.shutdown(socket.SHUT_RDWR)
    with requests_sent(monkeypatch) as sent:
        put_bytes(blob_archive, "b.json", b"{}", content_type="application/json", metadata={})
        assert sent == ["PUT", "PUT"], "the SDK is not asked"


def test_a_name_that_is_taken_keeps_the_short_way_open(
    blob_archive: BlobArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bytes(blob_archive, NAME, b"{}", content_type="application/json", metadata={})
    with pytest.raises(ObjectExists):
        put_bytes(blob_archive, NAME, b"[]", content_type="application/json", metadata={})
    with requests_sent(monkeypatch) as sent:
        put_bytes(blob_archive, "b.json", b"{}", content_type="application/json", metadata={})
        assert sent == ["PUT"]


def test_a_file_of_one_block_starts_no_thread(
    archive: Archive, ranged: Ranged, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (started.append(self.name), start(self))[1]
    )
    buffers = BufferPool(2, 65_536)
    for _ in range(3):
        fetch(archive, ranged(MEDIA), buffers=buffers)
        read_back(archive, NAME, quiet, buffers)
    # the watch alone, which all of them share; it ends where it finds nothing to do
    assert started.count("watch") <= 2
    # one for each connection, which is kept: the way into a container, and the SDK's
    assert started.count("resolve") <= 2
    assert set(started) <= {"watch", "resolve"}


def test_what_is_written_at_once_is_like_any_other_object(archive: Archive) -> None:
    def write(data: bytes, metadata: dict[str, str]) -> Any:
        with archive.begin(NAME, block_size=1024) as upload:
            return upload.write_whole(data, content_type="audio/wav", metadata=metadata)

    first = write(b"media", {"document_id": "ü 1"})
    assert archive.stat(NAME) == first
    assert (first.size, first.metadata) == (5, {"document_id": "ü 1"})
    kept = archive.digests(NAME)
    assert kept is not None
    assert kept.sha256 == BlockDigests.of([b"media"], 5).sha256
    assert b"".join(archive.read(NAME)) == b"media"
    assert write(b"media", {"attempt": "2"}) == first
    with pytest.raises(ObjectExists, match="nothing was overwritten"):
        write(b"other", {})
    for impossible in (b"", bytes(1025)):
        with pytest.raises(InvalidRequest):
            write(impossible, {})
    assert list(archive.names()) == [NAME]


def test_the_same_bytes_in_blocks_are_the_same_object(archive: Archive) -> None:
    first = put_bytes(archive, NAME, b"abcdefghij", content_type="audio/wav", metadata={})
    with archive.begin(NAME, block_size=4) as upload:
        for index, block in enumerate((b"abcd", b"efgh", b"ij")):
            upload.put(index, block)
        again = upload.commit(size=10, content_type="audio/wav", metadata={})
    assert again == first
    with archive.begin("b", block_size=4) as upload:
        upload.put(0, b"abcd")
        upload.put(1, b"efgh")
        upload.commit(size=8, content_type="audio/wav", metadata={})
    assert put_bytes(archive, "b", b"abcdefgh", content_type="audio/wav", metadata={}).size == 8


def test_only_a_small_object_with_its_own_digest_is_one_block() -> None:
    assert BlockDigests.of_whole(5, "a" * 64) is not None
    for size, sha256 in ((5, None), (5, "A" * 64), (5, "a" * 63), (0, "a" * 64)):
        assert BlockDigests.of_whole(size, sha256) is None
    assert BlockDigests.of_whole(BLOCK_SIZE + 1, "a" * 64) is None


class Stalling:
    """A ranged source whose reader waits for bytes until it is aborted, so many times."""

    def __init__(self, ranged: Any, times: int) -> None:
        self.ranged, self.left, self.aborted = ranged, times, threading.Event()
        ranged.spoil = self.spoil

    def spoil(self, part: Any, number: int) -> Any:
        read = part.readinto

        def readinto(buffer: memoryview) -> int:
            if self.left:
                self.left -= 1
                assert self.aborted.wait(10)
                self.aborted.clear()
                raise Unavailable("aborted")
            return int(read(buffer))

        part.readinto = readinto
        return part

    def reader(self) -> "Stalling":
        return self

    def open(self, offset: int, length: int | None) -> Any:
        return self.ranged.open(offset, length)

    def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted.set()


def test_a_small_file_that_stalls_is_asked_for_again(archive: Archive, ranged: Ranged) -> None:
    source = Stalling(ranged(MEDIA), times=1)
    began = time.monotonic()
    assert fetch(archive, source).size == len(MEDIA)
    assert time.monotonic() - began < 5
    with pytest.raises(BrokenContent, match="next to nothing"):
        fetch(archive, Stalling(ranged(MEDIA), times=9))


def test_a_small_copy_that_waits_is_ended_by_its_progress(archive: Archive, ranged: Ranged) -> None:
    def cancel(done: int, total: int | None) -> None:
        raise InterruptedError("cancelled")

    patient = RetryLimits(stall_timeout=60)
    with pytest.raises(InterruptedError, match="cancelled"):
        fetch(archive, Stalling(ranged(MEDIA), times=9), on_progress=cancel, limits=patient)
    assert archive.stat(NAME) is None


def test_a_small_copy_that_is_to_end_leaves_nothing(archive: Archive, ranged: Ranged) -> None:
    def cancel(done: int, total: int | None) -> None:
        assert (done, total) == (len(MEDIA), len(MEDIA))
        raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError, match="cancelled"):
        fetch(archive, ranged(MEDIA), on_progress=cancel)
    assert archive.stat(NAME) is None
    assert fetch(archive, ranged(MEDIA)).size == len(MEDIA)


def test_a_small_copy_gives_its_buffer_back(archive: Archive, ranged: Ranged) -> None:
    buffers = BufferPool(1, 65_536)

    def spoil(part: Any, number: int) -> Any:
        raise Unavailable("down")

    for _ in range(3):
        with pytest.raises(Unavailable):
            fetch(archive, ranged(MEDIA, spoil=spoil), buffers=buffers)
    fetch(archive, ranged(MEDIA), buffers=buffers)
    assert read_back(archive, NAME, quiet, buffers).size == len(MEDIA)


def test_a_throttled_archive_is_asked_again(
    archive: Archive, ranged: Ranged, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(archive.begin(NAME, block_size=1))
    write, left = kind.write_whole, [Throttled("busy"), Throttled("busy")]

    def throttled(self: Any, *given: Any, **options: Any) -> Any:
        if left:
            raise left.pop()
        return write(self, *given, **options)

    monkeypatch.setattr(kind, "write_whole", throttled)
    assert fetch(archive, ranged(MEDIA)).size == len(MEDIA)


def test_a_changed_bit_of_a_small_object_is_found(
    blob_archive: BlobArchive, ranged: Ranged, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(blob_archive, ranged(MEDIA))
    read = BlobArchive.read

    def changed(self: Any, *given: Any, **options: Any) -> Iterator[bytes]:
        data = bytearray(b"".join(read(self, *given, **options)))
        data[7] ^= 1
        yield bytes(data)

    monkeypatch.setattr(BlobArchive, "read", changed)
    with pytest.raises(BrokenContent, match="returns other bytes"):
        read_back(blob_archive, NAME, quiet)


def test_the_watch_looks_in_the_callers_context_and_never_afterwards() -> None:
    watch, seen, said = Watch(), [], contextvars.ContextVar("said", default="nothing")
    said.set("this")
    with watch.over(lambda: seen.append((said.get(), threading.current_thread().name))) as look:
        look()
        time.sleep(3 * LOOK_INTERVAL)
    count = len(seen)
    assert seen[0] == ("this", threading.current_thread().name)
    assert set(seen[1:]) == {("this", "watch")}
    time.sleep(2 * LOOK_INTERVAL)
    assert len(seen) == count
    assert "watch" not in {each.name for each in threading.enumerate()}
    with watch.over(lambda: seen.append(("again", ""))):
        time.sleep(2 * LOOK_INTERVAL)
    assert ("again", "") in seen


def test_the_watch_looks_from_one_thread_at_a_time() -> None:
    busy, most = [], [0]

    def look() -> None:
        busy.append(1)
        most[0] = max(most[0], len(busy))
        time.sleep(0.01)
        busy.pop()

    with Watch().over(look) as now:
        end = time.monotonic() + 3 * LOOK_INTERVAL
        while time.monotonic() < end:
            now()
    assert most == [1]


def test_a_failure_of_the_block_is_raised_as_it_is() -> None:
    watched = Threads().watched_by(Watch(), lambda: None)
    with pytest.raises(Unavailable, match="of the block"), watched:
        raise Unavailable("of the block")
