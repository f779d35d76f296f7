"""Fetching one block from the source, whole, whatever happens on the way."""

import hashlib
import time

from callvault.archive.blocks import Layout
from callvault.archive.transfer.backoff import Aborted, Backoff
from callvault.archive.transfer.source import Answer, Reader, version_of
from callvault.errors import BrokenContent, CallvaultError, ContentMissing, NotReady

READ_SIZE = 1024 * 1024
"""Bytes read at a time: the unit that is digested, counted and timed."""

MIN_READ_SIZE = 64 * 1024
"""The same on a slow connection, and the least that counts as progress."""

_FAST_READ = 0.5
"""Seconds for a piece, up to which a connection is not slow."""

_FINAL = (ContentMissing, NotReady)
_RANGE_NOT_SATISFIABLE = 416


class SourceChanged(Exception):
    """The source does not go on with the file that its first answer announced."""

    def __init__(self, *, is_as_long: bool) -> None:
        """``is_as_long`` tells that the file has the announced size all the same."""
        super().__init__()
        self.is_as_long = is_as_long


class Fetcher:
    """Reads blocks through one reader. For one thread, but for the two ``abort`` methods."""

    def __init__(self, reader: Reader, backoff: Backoff) -> None:
        self.came = 0
        """Bytes that have arrived."""
        self._reader = reader
        self._backoff = backoff
        self._read_began: float | None = None
        self._has_stalled = False

    def fetch(self, index: int, buffer: memoryview) -> tuple[int, bytes]:
        """Read block ``index`` into ``buffer``; return its length in bytes and its SHA-256."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the request that is under way."""
        self._reader.abort()

    def abort_if_stalled(self) -> None:
        """End the request that is under way if it brings next to nothing."""
        began = self._read_began
        if began is not None and time.monotonic() - began > self._backoff.limits.stall_timeout:
            self._has_stalled = True
            self._reader.abort()


class RangeFetcher(Fetcher):
    """Fetches blocks by ranged requests; continues inside the block where one broke off."""

    def __init__(
        self, reader: Reader, backoff: Backoff, layout: Layout, version: str | None
    ) -> None:
        super().__init__(reader, backoff)
        self._layout = layout
        self._version = version
        self._read_size = MIN_READ_SIZE
        self.opened: Answer | None = None
        """An answer that was opened for exactly the first block to fetch."""

    def fetch(self, index: int, buffer: memoryview) -> tuple[int, bytes]:
        offset, length = self._layout.offset(index), self._layout.length(index)
        answer, self.opened = self.opened, None
        digest, got, attempts = hashlib.sha256(), 0, 0
        while got < length:
            try:
                answer = answer or self._open(offset + got, length - got)
                piece = buffer[got : min(got + self._read_size, length)]
                came = self._read(answer, piece)
                digest.update(piece[:came])
                got, attempts = (
                    got + came,
                    0 if came >= min(len(piece), MIN_READ_SIZE) else attempts,
                )
                if came < len(piece):
                    raise BrokenContent("a part of the file ended too early; it is asked for again")
            except CallvaultError as error:
                answer, attempts = None, attempts + 1
                self._retry_or_raise(error, attempts)
                if got and self._version is None:
                    # the rest may be that of another version, and nothing would tell
                    raise SourceChanged(is_as_long=True) from error
        return length, digest.digest()

    def _open(self, offset: int, length: int) -> Answer:
        self._backoff.wait()
        self._read_began = time.monotonic()
        try:
            answer = self._reader.open(offset, length)
        finally:
            self._read_began = None
        self._check_version(answer)
        if (answer.offset, answer.length) != (offset, length):
            raise BrokenContent("another part of the file came than was asked for")
        return answer

    def _check_version(self, answer: Answer) -> None:
        size = self._layout.size
        if answer.size not in {None, size}:
            raise SourceChanged(is_as_long=False)
        # a version that differs may be a new version, or an old one by the word of another node
        serves_no_ranges = (answer.offset, answer.length) == (0, size) and len(self._layout) > 1
        if version_of(answer) != self._version or serves_no_ranges:
            raise SourceChanged(is_as_long=True)

    def _read(self, answer: Answer, piece: memoryview) -> int:
        """Fill ``piece``; return fewer bytes only where the answer ends."""
        self._read_began = began = time.monotonic()
        got = 0
        try:
            while got < len(piece) and (came := answer.readinto(piece[got:])):
                got += came
                self.came += came
        except BrokenContent:
            # bytes that came before the break are kept, the caller asks for the rest
            if not got:
                raise
        finally:
            self._read_began = None
            self._read_size = READ_SIZE if time.monotonic() - began < _FAST_READ else MIN_READ_SIZE
        return got

    def _retry_or_raise(self, error: CallvaultError, attempts: int) -> None:
        if self._backoff.is_over:
            raise Aborted from error  # the error is probably the abort's doing
        if error.status == _RANGE_NOT_SATISFIABLE:
            raise SourceChanged(is_as_long=False) from error
        if isinstance(error, _FINAL):
            raise error
        if self._has_stalled:
            # a stall takes long: it counts twice
            self._has_stalled, attempts = False, 2 * attempts
            error = BrokenContent("the source brings next to nothing in a long time: try later")
        self._backoff.retry_or_raise(error, attempts)


class StreamFetcher(Fetcher):
    """Cuts blocks from one answer that brings the whole file; nothing is asked for again."""

    def __init__(self, reader: Reader, backoff: Backoff, answer: Answer) -> None:
        super().__init__(reader, backoff)
        self._answer = answer

    def fetch(self, index: int, buffer: memoryview) -> tuple[int, bytes]:
        """Fill ``buffer``; fewer bytes come only at the end of the stream."""
        digest, got = hashlib.sha256(), 0
        while got < len(buffer):
            self._read_began = time.monotonic()
            came = self._answer.readinto(buffer[got : got + MIN_READ_SIZE])
            if not came:
                break
            digest.update(buffer[got : got + came])
            got += came
            self.came += came
        self._read_began = None
        return got, digest.digest()
