"""Reading an archived object back, to prove that it is what was read from the source.

Each block is compared with the SHA-256 that was computed when it came from the source and that the
archive keeps with it; the SHA-256 of the whole is computed from the very bytes that were compared.
Whatever attempt wrote which block, one pass answers both questions.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass

from callvault.archive.blocks import BlockDigests
from callvault.archive.plan import Plan
from callvault.archive.store import Archive
from callvault.archive.transfer.buffers import Lanes
from callvault.archive.transfer.threads import OnProgress, Progress
from callvault.errors import BrokenContent, ContentMissing

_PARALLELISM = 4
"""Blocks read at a time at most: digesting the whole in order is slower than four connections."""

_REPORTS_EVERY = 0.25
"""Seconds between two reports."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What an archive returned when an object was read back."""

    size: int
    sha256: str
    is_compared: bool
    """Whether every block was held against the SHA-256 it had when it came from the source."""


def read_back(
    archive: Archive, object_name: str, on_progress: OnProgress, lanes: Lanes | None = None
) -> Digest:
    """Read an object from the archive in parallel, compare its blocks and digest the whole.

    Raises `BrokenContent` where a block is not what was written, `ContentMissing` where there is no
    such object. An object that another program has written is digested, and compared with nothing.
    ``on_progress`` is called several times a second, and may raise to end it.
    """
    found = archive.stat(object_name)
    if found is None:
        raise ContentMissing(
            f"{archive.location(object_name)} does not exist: copy it again", owner="archive"
        )
    digests = archive.digests(object_name)
    lanes = lanes or Lanes()
    plan = Plan(found.size, digests.block_size if digests else lanes.block_size, "")
    if digests and len(digests.sha256) != len(plan):
        raise _broken(archive, object_name, f"has {found.size} bytes, and not those of its blocks")
    whole = hashlib.sha256()
    for block in _blocks(_Reader(archive, object_name, plan, digests), lanes, on_progress):
        whole.update(block)
    if found.sha256 and found.sha256 != whole.hexdigest():
        raise _broken(archive, object_name, "returns other bytes than its SHA-256 says")
    return Digest(found.size, whole.hexdigest(), digests is not None)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads single blocks of one object."""

    archive: Archive
    object_name: str
    plan: Plan
    expected: BlockDigests | None

    def read(self, index: int, buffer: bytearray) -> memoryview:
        """Block ``index``, in ``buffer``; raises unless it is the one that was written."""
        length, got = self.plan.length(index), 0
        block = memoryview(buffer)[:length]
        offset = self.plan.offset(index)
        for piece in self.archive.read(self.object_name, offset=offset, length=length):
            block[got : got + len(piece)] = piece
            got += len(piece)
        if got < length:
            raise _broken(self.archive, self.object_name, f"ends within block {index}")
        if self.expected and hashlib.sha256(block).digest() != self.expected.sha256[index]:
            raise _broken(self.archive, self.object_name, f"returns other bytes in block {index}")
        return block


def _blocks(reader: _Reader, lanes: Lanes, on_progress: OnProgress) -> Iterator[memoryview]:
    """All blocks in order, each valid until the next, read some buffers ahead."""
    plan, holder = reader.plan, object()
    buffers = lanes.take_buffers(
        min(lanes.parallelism, _PARALLELISM, len(plan)), plan.block_size, holder
    )
    reading: deque[tuple[Future[memoryview], bytearray]] = deque()
    indices, progress = iter(range(len(plan))), Progress(plan.size)

    def report() -> None:
        on_progress(progress.done, progress.total)

    with ThreadPoolExecutor(max(len(buffers), 1), "read-back") as pool:
        try:
            free = list(buffers)
            while True:
                for index in _some(indices, len(free)):
                    buffer = free.pop()
                    reading.append((pool.submit(reader.read, index, buffer), buffer))
                if not reading:
                    return
                future, buffer = reading.popleft()
                block = _result(future, report)
                yield block
                progress.add(len(block))
                report()
                free.append(buffer)
        finally:
            pool.shutdown(cancel_futures=True)
            for buffer in buffers:
                lanes.give_buffer(buffer, holder)


def _some(indices: Iterator[int], count: int) -> Iterator[int]:
    return (index for _, index in zip(range(count), indices, strict=False))


def _result(future: Future[memoryview], meanwhile: Callable[[], None]) -> memoryview:
    while True:
        try:
            return future.result(_REPORTS_EVERY)
        except NotYet:
            if future.done():  # an error of the reading thread's that only looks like ours
                raise
            meanwhile()


def _broken(archive: Archive, object_name: str, what: str) -> BrokenContent:
    return BrokenContent(
        f"{archive.location(object_name)} {what}: check the archive's storage, move the object"
        " away, and it is copied again",
        owner="archive",
    )
