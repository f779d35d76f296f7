"""Getting one block out of the source, whole, whatever happens on the way."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from callvault.archive.transfer.backoff import Patience
from callvault.archive.transfer.source import Answer, Reader
from callvault.archive.transfer.threads import Aborted, Transfer
from callvault.errors import BrokenContent, CallvaultError, ContentMissing, NotReady

PIECE = 1024 * 1024
"""Bytes read at a time: what is digested, counted and timed."""

SMALL_PIECE = 64 * 1024
"""The same on a slow connection, and the least that counts as progress."""

_FAST = 0.5
"""Seconds for a piece, up to which a connection is not slow."""

_NOT_MENDED_HERE = (ContentMissing, NotReady)
_RANGE_NOT_SATISFIABLE = 416


class SourceChanged(Exception):
    """The file is not the one that the plan was made for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """By which a file is known again from answer to answer."""

    size: int
    etag: str | None


class BlockFetcher:
    """Fills buffers from one reader: what broke off goes on inside the block. For one thread."""

    def __init__(
        self, reader: Reader, facts: Facts, transfer: Transfer, patience: Patience
    ) -> None:
        self._reader = reader
        self._facts = facts
        self._gate = transfer.gate
        self._over = transfer.over
        self._count = transfer.progress.add
        self._patience = patience
        self._piece = SMALL_PIECE
        self._piece_began: float | None = None
        self._is_slow = False

    def fill(self, block: memoryview, offset: int, answer: Answer | None = None) -> bytes:
        """Fill ``block`` with the file's bytes from ``offset`` on; its SHA-256.

        ``answer`` is one that was opened for these bytes already.
        """
        digest, got, tries = hashlib.sha256(), 0, 0
        while got < len(block):
            try:
                answer = answer or self._open(offset + got, len(block) - got)
                piece = block[got : got + self._piece]
                came = self._read(answer, piece)
                digest.update(piece[:came])
                got, tries = got + came, 0 if came >= min(len(piece), SMALL_PIECE) else tries
                if came < len(piece):
                    raise BrokenContent("a part of the file ended too early; it is asked for again")
            except CallvaultError as error:
                answer, tries = None, tries + 1
                self._bear(error, tries)
        return digest.digest()

    def hurry(self) -> None:
        """Called by another thread, now and then: end a request that brings next to nothing."""
        began = self._piece_began
        if began is not None and time.monotonic() - began > self._patience.slowest_piece:
            self._is_slow = True
            self._reader.abort()

    def abort(self) -> None:
        self._reader.abort()

    def _open(self, offset: int, length: int) -> Answer:
        self._gate.wait()
        if self._over.is_set():
            raise Aborted
        self._piece_began = time.monotonic()
        try:
            answer = self._reader.open(offset, length)
        finally:
            self._piece_began = None
        if Facts(answer.size or 0, answer.etag) != self._facts:
            raise SourceChanged
        if (answer.offset, answer.length) != (offset, length):
            raise BrokenContent("another part of the file came than was asked for")
        return answer

    def _read(self, answer: Answer, piece: memoryview) -> int:
        """Fill ``piece``; fewer bytes only where the answer ends."""
        self._piece_began = began = time.monotonic()
        got = 0
        try:
            while got < len(piece) and (came := answer.readinto(piece[got:])):
                got += came
                self._count(came)
        except BrokenContent:
            if not got:
                raise
        finally:
            self._piece_began = None
            self._piece = PIECE if time.monotonic() - began < _FAST else SMALL_PIECE
        return got

    def _bear(self, error: CallvaultError, tries: int) -> None:
        if self._over.is_set():
            raise Aborted from error
        if error.status == _RANGE_NOT_SATISFIABLE:
            raise SourceChanged from error
        if isinstance(error, _NOT_MENDED_HERE):
            raise error
        if self._is_slow:
            self._is_slow, tries = False, 2 * tries
            error = BrokenContent("the source brings next to nothing in a long time: try later")
        self._gate.failed(error, tries)


class StreamFetcher:
    """Fills buffers from one answer that brings the whole file; nothing is asked for again."""

    def __init__(
        self, reader: Reader, answer: Answer, count: Callable[[int], None], patience: Patience
    ) -> None:
        self._reader = reader
        self._answer = answer
        self._count = count
        self._patience = patience
        self._piece_began: float | None = None

    def fill(self, block: memoryview) -> tuple[int, bytes]:
        """Fill ``block``, but for the end of the stream; how many bytes came, and their SHA-256."""
        digest, got = hashlib.sha256(), 0
        while got < len(block):
            self._piece_began = time.monotonic()
            came = self._answer.readinto(block[got : got + SMALL_PIECE])
            if not came:
                break
            digest.update(block[got : got + came])
            got += came
            self._count(came)
        self._piece_began = None
        return got, digest.digest()

    def hurry(self) -> None:
        """As `BlockFetcher.hurry`."""
        began = self._piece_began
        if began is not None and time.monotonic() - began > self._patience.slowest_piece:
            self._reader.abort()

    def abort(self) -> None:
        self._reader.abort()
