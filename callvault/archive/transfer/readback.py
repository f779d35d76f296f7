"""Reading an archived object back, to prove that it equals what was read from the source.

Each block is compared with the SHA-256 that was computed when it came from the source and that the
archive keeps with it; the SHA-256 of the whole is computed from the very bytes that were compared.
One pass answers both questions, also for blocks of several attempts.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass

from callvault.archive.blocks import BlockDigests, Layout
from callvault.archive.digests import WholeDigest
from callvault.archive.store import Archive
from callvault.archive.transfer.backoff import Aborted
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.threads import OnProgress, Threads
from callvault.errors import BrokenContent, ContentMissing

_PARALLELISM = 4
"""Blocks read at a time at most: digesting the whole in order is slower than four connections."""

_REPORT_INTERVAL = 0.25
"""Seconds between two reports."""


@dataclass(frozen=True, slots=True)
class Digest:
    """An object as the archive returned it when it was read back."""

    size: int
    sha256: str
    sha512: str
    is_compared: bool
    """True if every block has the SHA-256 that was computed when it came from the source."""


def read_back(
    archive: Archive,
    object_name: str,
    on_progress: OnProgress,
    buffers: BufferPool | None = None,
) -> Digest:
    """Read an object from the archive in parallel, compare its blocks and digest the whole.

    Raises `BrokenContent` where a block differs from what was written, `ContentMissing` where
    there is no such object. An object of another program is digested, and compared with nothing.
    ``on_progress`` is called several times a second, and may raise to end the reading.
    """
    found = archive.stat(object_name)
    if found is None:
        raise ContentMissing(
            f"{archive.location(object_name)} does not exist: copy it again", owner="archive"
        )
    digests = BlockDigests.of_whole(found.size, found.sha256) or archive.digests(object_name)
    buffers = buffers or BufferPool()
    layout = Layout(found.size, digests.block_size if digests else buffers.block_size, "")
    if digests and len(digests.sha256) != len(layout):
        raise _broken(archive, object_name, f"has {found.size} bytes, and not those of its blocks")
    is_one = len(layout) == 1
    # the digest of a single block is that of the whole: computed once, below
    reader = _Reader(archive, object_name, layout, None if is_one else digests)
    with WholeDigest() as whole:
        for block in (_one_block if is_one else _blocks)(reader, buffers, on_progress):
            whole.update(block)
    expected = found.sha256 or (digests.whole if digests else None)
    if expected and expected != whole.sha256:
        raise _broken(archive, object_name, "returns other bytes than its SHA-256 says")
    return Digest(found.size, whole.sha256, whole.sha512, is_compared=digests is not None)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads single blocks of one object."""

    archive: Archive
    object_name: str
    layout: Layout
    expected: BlockDigests | None

    def read(self, index: int, buffer: bytearray) -> memoryview:
        """Read block ``index`` into ``buffer``; raise `BrokenContent` unless it is as written."""
        length, got = self.layout.length(index), 0
        block = memoryview(buffer)[:length]
        offset = self.layout.offset(index)
        for piece in self.archive.read(self.object_name, offset=offset, length=length):
            block[got : got + len(piece)] = piece
            got += len(piece)
        if got < length:
            raise _broken(self.archive, self.object_name, f"ends within block {index}")
        if self.expected and hashlib.sha256(block).digest() != self.expected.sha256[index]:
            raise _broken(self.archive, self.object_name, f"returns other bytes in block {index}")
        return block


def _one_block(
    reader: _Reader, buffers: BufferPool, on_progress: OnProgress
) -> Iterator[memoryview]:
    """Yield the only block, read in this thread: another one would cost more than a small file."""
    holder, threads, size, done = object(), Threads(), reader.layout.size, 0
    with threads.watched_by(buffers.watch, lambda: on_progress(done, size)) as report:
        buffer = buffers.acquire(reader.layout.block_size, holder, threads.stopped)
        if buffer is None:
            raise Aborted
        try:
            yield reader.read(0, buffer)
            done = size
            report()
        finally:
            buffers.release(buffer, holder)


def _blocks(reader: _Reader, buffers: BufferPool, on_progress: OnProgress) -> Iterator[memoryview]:
    """Yield all blocks in order, each valid until the next, read some buffers ahead."""
    layout, holder, done = reader.layout, object(), 0
    held = buffers.acquire_many(
        min(buffers.parallelism, _PARALLELISM, len(layout)), layout.block_size, holder
    )
    reading: deque[tuple[Future[memoryview], bytearray]] = deque()
    indices = iter(range(len(layout)))

    def report() -> None:
        on_progress(done, layout.size)

    with ThreadPoolExecutor(max(len(held), 1), "read-back") as pool:
        try:
            free = list(held)
            while True:
                for index in _some(indices, len(free)):
                    buffer = free.pop()
                    reading.append((pool.submit(reader.read, index, buffer), buffer))
                if not reading:
                    return
                future, buffer = reading.popleft()
                block = _result(future, report)
                yield block
                done += len(block)
                report()
                # Only now: the block that was yielded lies in this buffer.
                free.append(buffer)
        finally:
            # Before the buffers are released: a thread may still be reading into one.
            pool.shutdown(cancel_futures=True)
            for buffer in held:
                buffers.release(buffer, holder)


def _some(indices: Iterator[int], count: int) -> Iterator[int]:
    return (index for _, index in zip(range(count), indices, strict=False))


def _result(future: Future[memoryview], meanwhile: Callable[[], None]) -> memoryview:
    while True:
        try:
            return future.result(_REPORT_INTERVAL)
        except NotYet:
            if future.done():  # a time-out of the archive's, which is the same class as ours
                raise
            meanwhile()


def _broken(archive: Archive, object_name: str, what: str) -> BrokenContent:
    return BrokenContent(
        f"{archive.location(object_name)} {what}: check the archive's storage, move the object"
        " away, and it is copied again",
        owner="archive",
    )
