"""Bringing bytes into an archive: fast, resumable, and nothing that is not the file. No Temporal.

A file is read in ranges and staged in blocks, many at a time (`transfer`), each known by its
SHA-256. Nothing becomes visible before every byte is accounted for. `readback.read_back` then
proves what lies in the archive, and tells the SHA-256 of the whole.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from threading import Lock

from callvault.archive.object_metadata import bounded
from callvault.archive.plan import Plan, block_size_for
from callvault.archive.store import Archive, StoredObject, Upload
from callvault.archive.transfer.backoff import Patience
from callvault.archive.transfer.buffers import BLOCK_SIZE, Lanes
from callvault.archive.transfer.fetch import (
    BlockFetcher,
    Facts,
    SourceChanged,
    StreamFetcher,
)
from callvault.archive.transfer.source import Answer, Reader, Source
from callvault.archive.transfer.threads import OnProgress, Progress, Transfer
from callvault.errors import BrokenContent

VERSIONS = 3
"""How many versions of one file are begun to be copied, where it changes meanwhile."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was read from the source and lies in the archive."""

    size: int
    etag_of_source: str | None
    stored: StoredObject
    reused: int = 0
    """Bytes that an earlier attempt had staged."""


def already_archived(
    archive: Archive, object_name: str, metadata: Mapping[str, str]
) -> StoredObject | None:
    """The object, if an earlier attempt committed it for the chunk that ``metadata`` identifies.

    Ask before opening the source: after a completed copy the source may be deleted or expired,
    and a retry must succeed all the same. ``metadata`` may be a part of what was committed.
    """
    found = archive.stat(object_name)
    if found is None:
        return None
    return found if bounded(metadata).items() <= found.metadata.items() else None


def copy(
    source: Source,
    archive: Archive,
    object_name: str,
    *,
    content_type: str,
    metadata: Mapping[str, str],
    on_progress: OnProgress,
    lanes: Lanes | None = None,
    patience: Patience = Patience(),  # noqa: B008 (frozen)
) -> Copied:
    """Copy a whole file into the archive under ``object_name``.

    ``on_progress`` is called several times a second, and may raise to end the copy: then, and after
    any other failure, staged blocks are all that is left, and the next attempt goes on from there.
    Raises `BrokenContent` where no bytes came or not as many as announced (the service is known
    to serve empty files right after the event), `ObjectExists` where a different object is there.
    """
    sink = _Sink(archive, object_name, content_type, metadata)
    for _ in range(VERSIONS):
        try:
            return _Copy(source, sink, lanes or Lanes(), patience, on_progress).run()
        except SourceChanged:
            continue
    raise BrokenContent(
        f"the source of {object_name} changed while it was copied, {VERSIONS} times in a row: it is"
        " still being written; try again later"
    )


def put_bytes(
    archive: Archive,
    object_name: str,
    data: bytes,
    *,
    content_type: str,
    metadata: Mapping[str, str],
) -> StoredObject:
    """Archive a small object that is already in memory, under the same conditions as `copy`."""
    with archive.begin(object_name, block_size=BLOCK_SIZE) as upload:
        for index, start in enumerate(range(0, len(data), BLOCK_SIZE)):
            upload.put(index, memoryview(data)[start : start + BLOCK_SIZE])
        return upload.commit(size=len(data), content_type=content_type, metadata=metadata)


@dataclass(frozen=True, slots=True)
class _Sink:
    """Where the file goes, and as what."""

    archive: Archive
    name: str
    content_type: str
    metadata: Mapping[str, str]

    def commit(self, upload: Upload, size: int) -> StoredObject:
        return upload.commit(size=size, content_type=self.content_type, metadata=self.metadata)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One attempt at one version of the file."""

    source: Source
    sink: _Sink
    lanes: Lanes
    patience: Patience
    on_progress: OnProgress

    def run(self) -> Copied:
        """Ask for the first block: the answer tells how large the file is, and whether it bends."""
        with closing(self.source.reader()) as reader:
            answer = reader.open(0, self.lanes.block_size)
            if answer.offset:
                raise BrokenContent(
                    f"the source of {self.sink.name} was asked for its beginning and began at byte"
                    f" {answer.offset}: try again"
                )
            if answer.size is None or (answer.length or answer.size) > self.lanes.block_size:
                return self._as_a_stream(reader, answer)
            return self._in_ranges(reader, answer, answer.size)

    def _in_ranges(self, reader: Reader, answer: Answer, size: int) -> Copied:
        if not size:
            raise _nothing_came(self.sink.name)
        plan = Plan.of(size, answer.etag, self.lanes.block_size)
        with self._begin(plan.block_size, plan.token) as upload:
            reused = upload.resume(plan) if len(plan) > 1 else {}
            missing = [index for index in range(len(plan)) if index not in reused]
            kept = sum(plan.length(index) for index in reused)
            if missing:
                self._move(upload, _Missing(plan, missing, kept), reader, answer)
            stored = self.sink.commit(upload, size)
        return Copied(size, answer.etag, stored, kept)

    def _move(self, upload: Upload, work: "_Missing", reader: Reader, answer: Answer) -> None:
        transfer = self._transfer(upload, work.plan.size)
        transfer.progress.add(work.kept)
        facts = Facts(work.plan.size, answer.etag)
        with ExitStack() as stack:
            threads = min(self.lanes.parallelism, len(work.blocks))
            others = [closing(self.source.reader()) for _ in range(threads - 1)]
            readers = [reader, *map(stack.enter_context, others)]
            fetchers = [BlockFetcher(each, facts, transfer, self.patience) for each in readers]
            left, first = work.split(answer)
            reading = [
                _RangeWork(transfer, work.plan, left, number, fetcher, None if number else first)
                for number, fetcher in enumerate(fetchers)
            ]
            transfer.run(reading, fetchers, self.on_progress)

    def _as_a_stream(self, reader: Reader, answer: Answer) -> Copied:
        """The source ignores ranges, or does not know its size: one stream, cut into blocks."""
        name, announced = self.sink.name, answer.size
        block_size = block_size_for(announced or 0, self.lanes.block_size)
        with self._begin(block_size, "") as upload:
            transfer = self._transfer(upload, announced)
            fetcher = StreamFetcher(reader, answer, transfer.progress.add, self.patience)
            work = _StreamWork(transfer, fetcher, block_size, announced)
            transfer.run([work], [fetcher], self.on_progress)
            came = transfer.progress.done
            if not came:
                raise _nothing_came(name)
            if announced is not None and came != announced:
                amount = "more than" if came > announced else f"{came} of"
                raise BrokenContent(
                    f"the source of {name} delivered {amount} the {announced} bytes it announced:"
                    " try again"
                )
            return Copied(came, answer.etag, self.sink.commit(upload, came))

    def _begin(self, block_size: int, plan: str) -> Upload:
        return self.sink.archive.begin(self.sink.name, block_size=block_size, plan=plan)

    def _transfer(self, upload: Upload, total: int | None) -> Transfer:
        return Transfer(upload, self.lanes, self.patience, Progress(total))


class _Shared:
    """Indices of blocks, each given out once. Thread-safe."""

    def __init__(self, indices: Iterable[int]) -> None:
        self._left = list(indices)[::-1]
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._left)

    def next(self) -> int | None:
        with self._lock:
            return self._left.pop() if self._left else None


@dataclass(frozen=True, slots=True)
class _Missing:
    """What an earlier attempt has left to do."""

    plan: Plan
    blocks: Sequence[int]
    kept: int
    """Bytes that are there already."""

    def split(self, answer: Answer) -> tuple[_Shared, Answer | None]:
        """The blocks to ask for; and ``answer``, if it brings the first block, which is missing."""
        if self.blocks[0] or answer.length != self.plan.length(0):
            return _Shared(self.blocks), None
        return _Shared(self.blocks[1:]), answer


@dataclass(frozen=True, slots=True)
class _RangeWork:
    """What one reading thread does, where ranges are served."""

    transfer: Transfer
    plan: Plan
    left: _Shared
    number: int
    fetcher: BlockFetcher
    first: Answer | None
    """The first block, on its way already."""

    def __call__(self) -> None:
        if self.first is not None:
            self._move(0, self.first)
        while self.left:
            self.transfer.gate.wait(self.number)
            if (index := self.left.next()) is not None:
                self._move(index)

    def _move(self, index: int, answer: Answer | None = None) -> None:
        offset = self.plan.offset(index)

        def fill(block: memoryview) -> tuple[int, bytes]:
            return len(block), self.fetcher.fill(block, offset, answer)

        self.transfer.pass_on(index, self.plan.length(index), fill)


@dataclass(frozen=True, slots=True)
class _StreamWork:
    """What the only reading thread does, where they are not."""

    transfer: Transfer
    fetcher: StreamFetcher
    block_size: int
    announced: int | None

    def __call__(self) -> None:
        for index in itertools.count():
            came = self.transfer.pass_on(index, self.block_size, self.fetcher.fill)
            if came < self.block_size or self._is_too_much():
                return

    def _is_too_much(self) -> bool:
        """An endless answer must fill neither the archive nor the time."""
        return self.announced is not None and self.transfer.progress.done > self.announced


def _nothing_came(object_name: str) -> BrokenContent:
    return BrokenContent(
        f"the source of {object_name} delivered no bytes: the service does so while a file is"
        " being written; try again later"
    )
