"""Copying a file into an archive: fast, resumable, and nothing that is not the file.

A file is read in ranges and staged in blocks, many at a time, each known by its SHA-256. Nothing
becomes visible before every byte is accounted for. `readback.read_back` then proves what lies in
the archive, and computes the SHA-256 of the whole.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock

from callvault.archive.blocks import BLOCK_SIZE, Layout, block_size_for
from callvault.archive.store import Archive, StoredObject, Upload
from callvault.archive.transfer.backoff import Aborted, Backoff, RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.fetch import Fetcher, RangeFetcher, SourceChanged, StreamFetcher
from callvault.archive.transfer.source import Answer, Reader, Source, version_of
from callvault.archive.transfer.threads import OnProgress, Threads
from callvault.errors import BrokenContent

MAX_VERSIONS = 3
"""Attempts at a file that changes meanwhile; the last one in one stream, if its size stays."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The outcome of a copy: what was read from the source and lies in the archive."""

    size: int
    etag_of_source: str | None
    stored: StoredObject
    reused: int = 0
    """Bytes that an earlier attempt had staged."""


def copy(
    source: Source,
    archive: Archive,
    object_name: str,
    *,
    content_type: str,
    metadata: Mapping[str, str],
    on_progress: OnProgress,
    buffers: BufferPool | None = None,
    limits: RetryLimits = RetryLimits(),  # noqa: B008 (frozen)
) -> Copied:
    """Copy a whole file into the archive under ``object_name``.

    ``on_progress`` is called several times a second, and may raise to end the copy: then, and after
    any other failure, staged blocks are all that is left, and the next attempt goes on from there.
    Raises `BrokenContent` where no bytes came or not as many as announced (the service is known
    to serve empty files right after the event), `ObjectExists` where a different object is there.
    """
    destination = archive, object_name, content_type, metadata
    buffers = buffers or BufferPool()
    is_as_long = True
    for version in range(1, MAX_VERSIONS + 1):
        attempt = Copy(source, *destination, on_progress, buffers, limits)
        # nodes of a service may each have an ETag of their own: what one answer brings is one file
        is_last_resort = version == MAX_VERSIONS and is_as_long
        try:
            return attempt.run_as_stream() if is_last_resort else attempt.run()
        except SourceChanged as changed:
            is_as_long = is_as_long and changed.is_as_long
    raise BrokenContent(
        f"the source of {object_name} changed while it was copied, {MAX_VERSIONS} times in a row:"
        " it is still being written; try again later"
    )


@dataclass(slots=True)
class _Block:
    """A block in a buffer; empty until it is fetched."""

    index: int
    buffer: bytearray
    length: int = 0
    sha256: bytes = b""


@dataclass(eq=False)
class Copy:
    """One attempt at one version of a file: some threads fetch its blocks, others upload them.

    So a connection to the source never waits for the archive, as long as there is a buffer.
    """

    source: Source
    archive: Archive
    object_name: str
    content_type: str
    metadata: Mapping[str, str]
    on_progress: OnProgress
    buffers: BufferPool
    limits: RetryLimits

    def __post_init__(self) -> None:
        self._threads = Threads()
        self._backoff = Backoff(self.buffers.parallelism, self.limits, self._threads.stopped)
        self._block_size = self.buffers.block_size
        self._missing: Iterator[int] = iter(())
        self._fetched: SimpleQueue[_Block | None] = SimpleQueue()
        self._size: int | None = None
        self._reused = 0
        self._lock = Lock()

    def run(self) -> Copied:
        """Ask for the first block: the answer tells the file's size, and if ranges are served."""
        with closing(self.source.reader()) as reader:
            answer = self._open(reader, self._block_size)
            if answer.offset:
                raise BrokenContent(
                    f"the source of {self.object_name} was asked for its beginning and began at"
                    f" byte {answer.offset}: try again"
                )
            if answer.size is None and answer.length is not None:
                # a part of a file whose size is not told: nothing would show that more is to come
                return self._copy_all(reader)
            self._size = answer.size
            if answer.size is None or (answer.length or answer.size) > self._block_size:
                return self._copy_stream(reader, answer)
            return self._copy_ranges(reader, answer, answer.size)

    def run_as_stream(self) -> Copied:
        """Copy what one answer brings, whatever others would say."""
        with closing(self.source.reader()) as reader:
            return self._copy_all(reader)

    def _copy_all(self, reader: Reader) -> Copied:
        answer = self._open(reader, None)
        self._size = answer.size
        return self._copy_stream(reader, answer)

    def _open(self, reader: Reader, length: int | None) -> Answer:
        # nothing else watches yet: a source that drips would hold this thread without end
        with self.buffers.watch.deadline(self.limits.answer_timeout, reader.abort):
            return reader.open(0, length)

    def _copy_ranges(self, reader: Reader, answer: Answer, size: int) -> Copied:
        if not size:
            raise self._nothing_came()
        version = version_of(answer)
        layout = Layout.of(size, version, self._block_size)
        self._block_size = layout.block_size
        if size <= min(layout.block_size, BLOCK_SIZE):
            return self._copy_whole(reader, answer, layout)
        if version is None:
            # parts of two versions would make one file, which nobody could tell from either
            return self._copy_all(reader)
        with self._begin(layout.token) as upload:
            staged = upload.resume(layout) if len(layout) > 1 else {}
            missing = [index for index in range(len(layout)) if index not in staged]
            self._reused = sum(layout.length(index) for index in staged)
            if missing:
                self._move_ranges(reader, answer, layout, missing, upload)
            return self._commit(upload, size, answer)

    def _copy_whole(self, reader: Reader, answer: Answer, layout: Layout) -> Copied:
        """Copy a file of one block: in this thread, and into the archive in one request."""
        fetcher = RangeFetcher(reader, self._backoff, layout, version_of(answer))
        fetcher.opened = answer if answer.length == layout.size else None
        self._threads.fetchers = [fetcher]
        with (
            self._begin() as upload,
            self._threads.watched_by(self.buffers.watch, self._report) as report,
            self._one_buffer() as buffer,
        ):
            block = _Block(0, buffer)
            self._fetch(fetcher, block)
            # the last moment at which the copy can end and leave nothing
            report()
            stored = self._write_whole(upload, block)
        return Copied(layout.size, answer.etag, stored)

    @contextmanager
    def _one_buffer(self) -> Iterator[bytearray]:
        buffer = self.buffers.acquire(self._block_size, self, self._threads.stopped)
        if buffer is None:
            raise Aborted
        try:
            yield buffer
        finally:
            self.buffers.release(buffer, self)

    def _write_whole(self, upload: Upload, block: _Block) -> StoredObject:
        data = memoryview(block.buffer)[: block.length]

        def write() -> StoredObject:
            return upload.write_whole(
                data,
                content_type=self.content_type,
                metadata=self.metadata,
                sha256=block.sha256,
            )

        return self._backoff.send(write)

    def _move_ranges(
        self, reader: Reader, answer: Answer, layout: Layout, missing: Sequence[int], upload: Upload
    ) -> None:
        with ExitStack() as stack:
            count = min(self.buffers.parallelism, len(missing))
            others = [closing(self.source.reader()) for _ in range(count - 1)]
            fetchers = [
                RangeFetcher(each, self._backoff, layout, version_of(answer))
                for each in (reader, *map(stack.enter_context, others))
            ]
            # the first answer is on its way already: it is used if it brings a missing block whole
            if missing[0] == 0 and answer.length == layout.length(0):
                fetchers[0].opened = answer
            self._move(fetchers, missing, upload)

    def _copy_stream(self, reader: Reader, answer: Answer) -> Copied:
        """Copy from a source that ignores ranges, or does not know the file's size."""
        self._block_size = block_size_for(answer.size or 0, self._block_size)
        with self._begin() as upload:
            fetcher = StreamFetcher(reader, self._backoff, answer)
            self._move([fetcher], self._stream_blocks(answer.size), upload)
            came = fetcher.came
            if not came:
                raise self._nothing_came()
            if answer.size is not None and came != answer.size:
                amount = "more than" if came > answer.size else f"{came} of"
                raise BrokenContent(
                    f"the source of {self.object_name} delivered {amount} the {answer.size} bytes"
                    " it announced: try again"
                )
            return self._commit(upload, came, answer)

    def _stream_blocks(self, size: int | None) -> Iterable[int]:
        """Number the blocks of a stream, with room for one byte more than announced."""
        # limited: an endless answer must fill neither the archive nor the time
        return itertools.count() if size is None else range(size // self._block_size + 1)

    def _move(self, fetchers: Sequence[Fetcher], missing: Iterable[int], upload: Upload) -> None:
        """Run a thread for each fetcher, and as many that upload; raise the first failure."""
        self._missing = iter(missing)
        threads = self._threads
        threads.fetchers = fetchers
        fetching = [
            threads.start("copy-fetch", self._fetch_blocks, fetcher, number, self._next_missing())
            for number, fetcher in enumerate(fetchers)
        ]
        uploading = [threads.start("copy-upload", self._upload_blocks, upload) for _ in fetchers]
        threads.wait_for(fetching, self._report)
        for _ in uploading:
            self._fetched.put(None)
        threads.wait_for(uploading, self._report)
        if threads.failure is not None:
            raise threads.failure
        self._report()

    def _fetch_blocks(self, fetcher: Fetcher, number: int, index: int | None) -> None:
        """Fetch block ``index``, then one missing block after the other, each into a buffer."""
        while index is not None:
            buffer = self.buffers.acquire(self._block_size, self, self._threads.stopped)
            if buffer is None:
                return
            block = _Block(index, buffer)
            try:
                self._fetch(fetcher, block)
            finally:
                # an empty one too, of a stream's end or of a failure: its buffer is released there
                self._fetched.put(block)
            self._backoff.wait(number)
            # a short block is the file's last one, and indices are given out in order
            index = self._next_missing() if block.length == self._block_size else None

    def _fetch(self, fetcher: Fetcher, block: _Block) -> None:
        if not self.buffers.fetching.acquire(self, self._threads.stopped):
            raise Aborted
        try:
            memory = memoryview(block.buffer)[: self._block_size]
            block.length, block.sha256 = fetcher.fetch(block.index, memory)
        finally:
            self.buffers.fetching.release(self)

    def _upload_blocks(self, upload: Upload) -> None:
        """Upload fetched blocks and release their buffers, until None comes."""
        for block in iter(self._fetched.get, None):
            try:
                if block.length:
                    self._upload(upload, block)
            except BaseException as error:
                # goes on: the buffers of all that was fetched belong to other copies too
                self._threads.fail(error)
            finally:
                self.buffers.release(block.buffer, self)

    def _upload(self, upload: Upload, block: _Block) -> None:
        data = memoryview(block.buffer)[: block.length]
        self._backoff.send(lambda: upload.put(block.index, data, sha256=block.sha256))

    def _next_missing(self) -> int | None:
        with self._lock:
            return next(self._missing, None)

    def _report(self) -> None:
        fetched = sum(fetcher.came for fetcher in self._threads.fetchers)
        self.on_progress(self._reused + fetched, self._size)

    def _begin(self, token: str = "") -> Upload:
        return self.archive.begin(self.object_name, block_size=self._block_size, token=token)

    def _commit(self, upload: Upload, size: int, answer: Answer) -> Copied:
        stored = upload.commit(size=size, content_type=self.content_type, metadata=self.metadata)
        return Copied(size, answer.etag, stored, self._reused)

    def _nothing_came(self) -> BrokenContent:
        return BrokenContent(
            f"the source of {self.object_name} delivered no bytes: the service does so while a file"
            " is being written; try again later"
        )
