"""Memory and connections that all copies of a process share, in fair parts."""

import itertools
from collections import Counter
from threading import Condition, Event, Lock

from callvault.archive.blocks import BLOCK_SIZE
from callvault.archive.transfer.watch import Watch
from callvault.errors import ConfigurationError

PARALLELISM = 8
"""Connections to the source that read at the same time."""

_POLL_INTERVAL = 0.1
"""Seconds after which a waiting thread looks if waiting is over."""


class FairSemaphore:
    """A semaphore that serves the waiting holder with the fewest permits first. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[object] = Counter()
        self._waiting: list[tuple[int, object]] = []
        self._tickets = itertools.count()
        self._changed = Condition()

    def acquire(self, holder: object, stopped: Event) -> bool:
        """Wait for a permit; return False, without one, once ``stopped`` is set."""
        with self._changed:
            mine = (next(self._tickets), holder)
            self._waiting.append(mine)
            try:
                while not stopped.is_set():
                    if self._free and self._next() == mine:
                        self._grant(holder)
                        return True
                    self._changed.wait(_POLL_INTERVAL)
                return False
            finally:
                self._waiting.remove(mine)
                # the next in turn may have looked while this one still stood before it
                self._changed.notify_all()

    def try_acquire(self, holder: object) -> bool:
        """Take a permit that no other thread waits for, if there is one."""
        with self._changed:
            if not self._free or self._waiting:
                return False
            self._grant(holder)
            return True

    def release(self, holder: object) -> None:
        """Give a permit back."""
        with self._changed:
            self._free += 1
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]
            self._changed.notify_all()

    def _grant(self, holder: object) -> None:
        self._free -= 1
        self._held[holder] += 1

    def _next(self) -> tuple[int, object]:
        return min(self._waiting, key=lambda each: (self._held[each[1]], each[0]))


class BufferPool:
    """The buffers through which blocks travel, for every copy of a process together.

    ``parallelism`` blocks are fetched from sources at a time, and as many are uploaded: so there
    are twice as many buffers.
    """

    def __init__(self, parallelism: int = PARALLELISM, block_size: int = BLOCK_SIZE) -> None:
        if parallelism < 1 or block_size < 1:
            raise ConfigurationError("copies need at least one lane and blocks of one byte")
        self.parallelism = parallelism
        self.block_size = block_size
        self.fetching = FairSemaphore(parallelism)
        """Permits to read from a source."""
        self.watch = Watch()
        """Looks after copies that have no threads of their own."""
        self._permits = FairSemaphore(2 * parallelism)
        self._buffers: list[bytearray] = []
        self._are_made = False
        self._lock = Lock()

    def acquire(self, size: int, holder: object, stopped: Event) -> bytearray | None:
        """Wait for a buffer of at least ``size`` bytes; return None once ``stopped`` is set."""
        if not self._permits.acquire(holder, stopped):
            return None
        return self._buffer(size)

    def acquire_many(self, count: int, size: int, holder: object) -> list[bytearray]:
        """Wait for one buffer, and take up to ``count`` where no other thread waits for them."""
        first = self.acquire(size, holder, Event())
        buffers = [] if first is None else [first]
        # Waiting for a second one while holding the first could block two readers for ever.
        while len(buffers) < count and self._permits.try_acquire(holder):
            buffers.append(self._buffer(size))
        return buffers

    def release(self, buffer: bytearray, holder: object) -> None:
        """Give a buffer back; a larger one than usual is replaced by one of the usual size."""
        with self._lock:
            usual = len(buffer) == self.block_size
            self._buffers.append(buffer if usual else _filled(self.block_size))
        self._permits.release(holder)

    def _buffer(self, size: int) -> bytearray:
        with self._lock:
            self._make_buffers()
            buffer = self._buffers.pop()
        # only files of more than 50,000 usual blocks, or of another setting, need larger ones
        return buffer if len(buffer) >= size else bytearray(size)

    def _make_buffers(self) -> None:
        # all at the first block, and for good: the memory that a process needs while it copies
        # then depends on no file, and shows at the first one
        if not self._are_made:
            self._buffers = [_filled(self.block_size) for _ in range(2 * self.parallelism)]
            self._are_made = True


def _filled(size: int) -> bytearray:
    """Allocate memory that the system has really given: untouched zeros are only a promise."""
    return bytearray(b"\xff") * size
