"""What all copies of a process share: so many blocks at a time, so much memory, in fair parts."""

import itertools
from collections import Counter
from threading import Condition, Event, Lock

from callvault.errors import ConfigurationError

PARALLELISM = 8
"""Connections to the source that read at the same time."""

BLOCK_SIZE = 8 * 1024 * 1024
"""Bytes. Larger blocks brought no speed; 50,000 of these, the most a blob can have, are 390 GiB."""

_LOOKS_EVERY = 0.1
"""Seconds after which somebody who waits looks whether waiting is over."""


class FairPermits:
    """So many permits; of those who wait, whoever holds fewest is next. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[object] = Counter()
        self._waiting: list[tuple[int, object]] = []
        self._tickets = itertools.count()
        self._changed = Condition()

    def take(self, holder: object, over: Event) -> bool:
        """Wait for a permit; False, and without one, once ``over`` is set."""
        with self._changed:
            mine = (next(self._tickets), holder)
            self._waiting.append(mine)
            try:
                while not over.is_set():
                    if self._free and self._next() == mine:
                        self._free -= 1
                        self._held[holder] += 1
                        return True
                    self._changed.wait(_LOOKS_EVERY)
                return False
            finally:
                self._waiting.remove(mine)
                self._changed.notify_all()

    def take_spare(self, holder: object) -> bool:
        """Take a permit that nobody waits for, if there is one."""
        with self._changed:
            if not self._free or self._waiting:
                return False
            self._free -= 1
            self._held[holder] += 1
            return True

    def give(self, holder: object) -> None:
        """Give a permit back."""
        with self._changed:
            self._free += 1
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]
            self._changed.notify_all()

    def _next(self) -> tuple[int, object]:
        return min(self._waiting, key=lambda each: (self._held[each[1]], each[0]))


class Lanes:
    """The lanes on which blocks travel, for every copy of a process together.

    ``parallelism`` blocks are read from sources at a time, and as many are written to archives: so
    there are twice as many buffers. All of them are made when the first block travels, and kept:
    what a process needs while it copies then depends on no file, and shows at the first one.
    """

    def __init__(self, parallelism: int = PARALLELISM, block_size: int = BLOCK_SIZE) -> None:
        if parallelism < 1 or block_size < 1:
            raise ConfigurationError("copies need at least one lane and blocks of one byte")
        self.parallelism = parallelism
        self.block_size = block_size
        self.reading = FairPermits(parallelism)
        self._permits = FairPermits(2 * parallelism)
        self._buffers: list[bytearray] = []
        self._are_made = False
        self._lock = Lock()

    def take_buffer(self, size: int, holder: object, over: Event) -> bytearray | None:
        """A buffer of at least ``size`` bytes, for `give_buffer`; None once ``over`` is set."""
        if not self._permits.take(holder, over):
            return None
        return self._buffer(size)

    def take_buffers(self, most: int, size: int, holder: object) -> list[bytearray]:
        """One buffer, waited for, and at once up to ``most`` if nobody else is waiting."""
        first = self.take_buffer(size, holder, Event())
        buffers = [] if first is None else [first]
        while len(buffers) < most and self._permits.take_spare(holder):
            buffers.append(self._buffer(size))
        return buffers

    def give_buffer(self, buffer: bytearray, holder: object) -> None:
        with self._lock:
            usual = len(buffer) == self.block_size
            self._buffers.append(buffer if usual else _filled(self.block_size))
        self._permits.give(holder)

    def _buffer(self, size: int) -> bytearray:
        with self._lock:
            self._make_buffers()
            buffer = self._buffers.pop()
        # only files of more than 50,000 usual blocks, or of another setting, need larger ones
        return buffer if len(buffer) >= size else bytearray(size)

    def _make_buffers(self) -> None:
        if not self._are_made:
            self._buffers = [_filled(self.block_size) for _ in range(2 * self.parallelism)]
            self._are_made = True


def _filled(size: int) -> bytearray:
    """Memory that the system has really given: untouched zeros would be only a promise."""
    return bytearray(b"\xff") * size
