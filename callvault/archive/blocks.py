"""Keeping account of the blocks of one upload."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock

from callvault.errors import BrokenContent, InvalidRequest

Block = bytes | memoryview


@dataclass(frozen=True, slots=True)
class BlockDigests:
    """SHA-256 of every block of an object, in order; all blocks but the last have one size."""

    block_size: int
    sha256: tuple[bytes, ...]

    @classmethod
    def of(cls, pieces: Iterable[bytes], block_size: int) -> "BlockDigests":
        """Digest what comes in pieces of any size."""
        blocks = cut(pieces, block_size)
        return cls(block_size, tuple(hashlib.sha256(block).digest() for block in blocks))

    @property
    def whole(self) -> str | None:
        """SHA-256 of the object, in hexadecimal, where it is known without reading: one block."""
        return self.sha256[0].hex() if len(self.sha256) == 1 else None


def cut(pieces: Iterable[bytes], block_size: int) -> Iterator[memoryview]:
    """Cut ``pieces`` into blocks, all in the same memory: each is valid until the next."""
    block, filled = memoryview(bytearray(block_size)), 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), block_size - filled)
            block[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == block_size:
                yield block
                filled = 0
    if filled:
        yield block[:filled]


class BlockLedger:
    """Which blocks of an upload are stored, and whether they make up a whole. Thread-safe.

    A block that is put again replaces the former one.
    """

    def __init__(self, object_name: str, block_size: int) -> None:
        if block_size < 1:
            raise InvalidRequest(f"the block size must be at least 1 byte, not {block_size}")
        self._object_name = object_name
        self.block_size = block_size
        self._blocks: dict[int, tuple[int, bytes]] = {}
        self._lock = Lock()

    def offset(self, index: int, length: int) -> int:
        """Where block ``index`` begins; refuses blocks that cannot belong to this upload."""
        if index < 0 or not 0 < length <= self.block_size:
            raise InvalidRequest(
                f"block {index} of {self._object_name} has {length} bytes:"
                f" from 1 to {self.block_size} are possible, and indices count from 0"
            )
        return index * self.block_size

    def add(self, index: int, length: int, sha256: bytes) -> None:
        """Block ``index`` of ``length`` bytes is stored."""
        with self._lock:
            self._blocks[index] = (length, sha256)

    def whole(self, size: int) -> BlockDigests:
        """The blocks' digests in order of index, if they are ``size`` bytes without a gap.

        Raises `BrokenContent` if not, and if there are no bytes at all: the recording service is
        known to serve empty files, and none of them is a recording.
        """
        with self._lock:
            blocks = [self._blocks[index] for index in sorted(self._blocks)]
            gapless = sorted(self._blocks) == list(range(len(blocks)))
        full = all(length == self.block_size for length, _ in blocks[:-1])
        stored = sum(length for length, _ in blocks)
        if not size or stored != size or not gapless or not full:
            raise BrokenContent(
                f"{self._object_name} is not whole: {stored} bytes in {len(blocks)} blocks are"
                f" stored, {size} were to be; nothing was committed: copy it again",
                owner="callvault" if size else "service",
            )
        return BlockDigests(self.block_size, tuple(sha256 for _, sha256 in blocks))
