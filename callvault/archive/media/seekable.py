"""Remote bytes as a seekable file: only the parts that are read are fetched."""

import io
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from callvault.archive.store import Archive

WINDOW = 256 * 1024
"""Bytes fetched at once. A parser reads the head of a file and its index: some four of these."""

SPOT = 4_096
"""Bytes read at each spot: compressed media never hold that many zeros in a row."""

_MAX_SAMPLES = 64
"""Places of a file that are looked at."""

ReadRange = Callable[[int, int], bytes]
"""Returns as many bytes as asked for from an offset on; all of them exist."""


def open_ranges(read: ReadRange, size: int, window: int = WINDOW) -> io.BufferedReader:
    """Open ``size`` bytes for reading; errors of ``read`` pass through."""
    return io.BufferedReader(_RangedReader(read, size), window)


def open_object(archive: Archive, object_name: str, size: int) -> io.BufferedReader:
    """Open an object of ``size`` bytes for reading; errors of the archive pass through."""

    def read(offset: int, length: int) -> bytes:
        return b"".join(archive.read(object_name, offset=offset, length=length))

    return open_ranges(read, size)


def spots(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield evenly spread pieces of a file, each with its offset; a small file comes whole."""
    for offset in range(0, size, max(SPOT, size // _MAX_SAMPLES)):
        file.seek(offset)
        yield offset, file.read(SPOT)


class _RangedReader(io.RawIOBase):
    def __init__(self, read: ReadRange, size: int) -> None:
        super().__init__()
        self._read = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # its true type, collections.abc.Buffer, needs Python 3.12
        length = min(len(buffer), self._size - self._position)
        piece = self._read(self._position, length) if length > 0 else b""
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
