"""The threads of one copy: some read blocks from the source, others write them to the archive.

So a connection to the source never waits for the archive, as long as there is a buffer. The thread
that called only looks on: it reports progress, hurries what is too slow, and ends everything when
one thread fails or the report raises.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from typing import Protocol

from callvault.archive.store import Upload
from callvault.archive.transfer.backoff import Gate, Patience
from callvault.archive.transfer.buffers import Lanes
from callvault.errors import Throttled

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all, ``None`` where nobody announced them."""

Fill = Callable[[memoryview], tuple[int, bytes]]
"""Fills memory with a block; returns how many bytes it has, and their SHA-256."""

_REPORTS_EVERY = 0.25
"""Seconds between two reports."""


class Aborted(Exception):
    """The copy is over; this thread has nothing to say about why."""


class Watched(Protocol):
    """What the looking-on thread may do to one that reads."""

    def hurry(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Full:
    """A buffer with a block that waits to be written."""

    index: int
    buffer: bytearray
    length: int
    sha256: bytes


class Progress:
    """Bytes done, counted by many threads."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.done = 0
        self._lock = Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.done += count


class Transfer:
    """Moves the blocks of one file into an upload. Used once."""

    def __init__(
        self, upload: Upload, lanes: Lanes, patience: Patience, progress: Progress
    ) -> None:
        self.over = Event()
        """Set once there is nothing to gain any more."""
        self.gate = Gate(lanes.parallelism, patience, self.over)
        self.progress = progress
        self._upload = upload
        self._lanes = lanes
        self._full: SimpleQueue[_Full | None] = SimpleQueue()
        self._ended = Semaphore(0)
        self._watched: Sequence[Watched] = ()
        self._failure: BaseException | None = None
        self._lock = Lock()

    def run(
        self,
        reading: Sequence[Callable[[], None]],
        watched: Sequence[Watched],
        on_progress: OnProgress,
    ) -> None:
        """Run ``reading`` in a thread each, and as many that write what `pass_on` gets.

        Raises what the first of them raised, or ``on_progress``, after all have ended.
        """
        self._watched = watched
        readers = [self._start("read", each) for each in reading]
        writers = [self._start("write", self._write) for _ in reading]
        self._await(readers, on_progress)
        for _ in writers:
            self._full.put(None)
        self._await(writers, on_progress)
        if self._failure is not None:
            raise self._failure
        on_progress(self.progress.done, self.progress.total)

    def pass_on(self, index: int, length: int, fill: Fill) -> int:
        """Have block ``index`` filled into a buffer, as soon as a lane is free, and written.

        How many bytes it has in the end; without any it is no block. Raises `Aborted` once all is
        over.
        """
        buffer = self._lanes.take_buffer(length, self, self.over)
        if buffer is None:
            raise Aborted
        try:
            length, sha256 = self._read(fill, memoryview(buffer)[:length])
        except BaseException:
            self._lanes.give_buffer(buffer, self)
            raise
        if length:
            self._full.put(_Full(index, buffer, length, sha256))
        else:
            self._lanes.give_buffer(buffer, self)
        return length

    def _read(self, fill: Fill, block: memoryview) -> tuple[int, bytes]:
        if not self._lanes.reading.take(self, self.over):
            raise Aborted
        try:
            return fill(block)
        finally:
            self._lanes.reading.give(self)

    def _write(self) -> None:
        for full in iter(self._full.get, None):
            try:
                if not self.over.is_set():
                    self._put(full)
            except BaseException as error:
                self._fail(error)
            finally:
                self._lanes.give_buffer(full.buffer, self)

    def _put(self, full: _Full) -> None:
        tries = 0
        while not self.over.is_set():
            try:
                block = memoryview(full.buffer)[: full.length]
                self._upload.put(full.index, block, sha256=full.sha256)
            except Throttled as error:
                tries += 1
                self.gate.failed(error, tries)
            else:
                self.gate.succeeded()
                return

    def _start(self, name: str, work: Callable[[], None]) -> Thread:
        def run() -> None:
            try:
                work()
            except Aborted:
                pass
            except BaseException as error:
                self._fail(error)
            finally:
                self._ended.release()

        thread = Thread(target=run, name=f"copy-{name}", daemon=True)
        thread.start()
        return thread

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error
        self.over.set()
        for each in self._watched:
            each.abort()

    def _await(self, threads: Iterable[Thread], on_progress: OnProgress) -> None:
        for _ in threads:
            while not self._ended.acquire(timeout=_REPORTS_EVERY):
                self._look_on(on_progress)
        for thread in threads:
            thread.join()

    def _look_on(self, on_progress: OnProgress) -> None:
        if self._failure is not None:
            for each in self._watched:  # also one that only now began to wait for an answer
                each.abort()
            return
        try:
            on_progress(self.progress.done, self.progress.total)
        except BaseException as error:
            self._fail(error)
        for each in self._watched:
            each.hurry()
