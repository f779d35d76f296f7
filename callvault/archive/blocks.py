"""Blocks of an object: their layout, their ids, their digests, and those stored by an upload."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from callvault.errors import BrokenContent, InvalidRequest

Block = bytes | memoryview

BLOCK_SIZE = 8 * 1024 * 1024
"""Bytes. Larger blocks brought no speed; 50,000 of these, the most a blob can have, are 390 GiB."""

MAX_BLOCKS = 50_000
"""Azure's limit for a blob."""

MAX_BLOCK_SIZE = 4_000 * 1024 * 1024
"""Bytes; Azure's limit for a block."""

MAX_CHOSEN_SIZE = 256 * 1024 * 1024
"""Bytes; the largest blocks that the settings let anybody choose. Huge files need larger ones."""

NO_TOKEN = "0" * 8
"""Stands for attempts that are never resumed."""

_MEBIBYTE = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK_ID = re.compile(r"([0-9a-f]{8})([0-9]{6})([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Layout:
    """A file cut into blocks of one size; ``token`` tells this version of it from every other."""

    size: int
    block_size: int
    token: str
    """Eight hexadecimal digits."""

    @classmethod
    def of(cls, size: int, version: str | None, block_size: int) -> "Layout":
        """Lay out a file; the same file has the same layout on every worker."""
        chosen = block_size_for(size, block_size)
        # without a version an unchanged file looks like a changed one: a random token, no resuming
        identity = f"{size}|{version or secrets.token_hex(16)}|{chosen}"
        return cls(size, chosen, hashlib.sha256(identity.encode()).hexdigest()[:8])

    def __len__(self) -> int:
        return -(-self.size // self.block_size)

    def offset(self, index: int) -> int:
        """Return the byte at which block ``index`` begins."""
        return index * self.block_size

    def length(self, index: int) -> int:
        """Return the bytes of block ``index``; the last one may be shorter."""
        return min(self.block_size, self.size - self.offset(index))


def block_size_for(size: int, wanted: int) -> int:
    """Return ``wanted``, or as many MiB more as it takes to stay within the limit of blocks."""
    needed = -(-size // MAX_BLOCKS)
    if needed > MAX_BLOCK_SIZE:
        raise InvalidRequest(f"a file of {size} bytes is more than any archive can hold")
    return wanted if needed <= wanted else -(-needed // _MEBIBYTE) * _MEBIBYTE


def is_block_size_for(size: int, block_size: int) -> bool:
    """Tell if `block_size_for` could have made this size for a file of ``size`` bytes."""
    needed = -(-size // MAX_BLOCKS)
    return 0 < block_size <= max(MAX_CHOSEN_SIZE, -(-needed // _MEBIBYTE) * _MEBIBYTE)


def block_id(token: str, index: int, sha256: bytes) -> str:
    """Make the id of a blob's block: the layout's token, the index, the SHA-256 of its bytes.

    The list of staged blocks is then all that a later attempt needs to go on, and content and
    evidence become durable in one request. The committed list keeps the evidence with the blob.
    """
    digest = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
    # 57 characters: a blob's ids must all have one length, at most 64. Attempts that run side by
    # side share the blob's blocks, so equal ids must mean equal bytes.
    return f"{token or NO_TOKEN}{index:06d}{digest}"


def sha256_in(block_id: str) -> bytes | None:
    """Read the SHA-256 from a block's id; None where another program has made the id."""
    found = _BLOCK_ID.fullmatch(block_id)
    return base64.urlsafe_b64decode(f"{found[3]}=") if found else None


def staged_blocks(sizes: Mapping[str, int], layout: Layout) -> dict[int, str]:
    """Select the whole blocks of a layout from staged ones, given as sizes by id.

    Returns ids by index.
    """
    found = {}
    for staged, size in sizes.items():
        parts = _BLOCK_ID.fullmatch(staged)
        if parts and parts[1] == layout.token:
            index = int(parts[2])
            if index < len(layout) and size == layout.length(index):
                found[index] = staged
    return found


@dataclass(frozen=True, slots=True)
class BlockDigests:
    """SHA-256 of every block of an object, in order; all blocks but the last have one size."""

    block_size: int
    sha256: tuple[bytes, ...]

    @classmethod
    def of(cls, pieces: Iterable[bytes], block_size: int) -> "BlockDigests":
        """Digest bytes that come in pieces of any size."""
        blocks = cut(pieces, block_size)
        return cls(block_size, tuple(hashlib.sha256(block).digest() for block in blocks))

    @classmethod
    def of_whole(cls, size: int, sha256: str | None) -> "BlockDigests | None":
        """Return the digests of an object that is one block, by its own SHA-256 in hexadecimal.

        None where there is none to be read, and for an object larger than `BLOCK_SIZE`.
        """
        # larger ones of other programs: whoever reads a block needs as much memory
        if not sha256 or not _SHA256.fullmatch(sha256) or not 0 < size <= BLOCK_SIZE:
            return None
        return cls(size, (bytes.fromhex(sha256),))

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
    """The blocks of one upload that are stored. Thread-safe.

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
        """Return where block ``index`` begins; refuse one that cannot belong to this upload."""
        if index < 0 or not 0 < length <= self.block_size:
            raise InvalidRequest(
                f"block {index} of {self._object_name} has {length} bytes:"
                f" from 1 to {self.block_size} are possible, and indices count from 0"
            )
        return index * self.block_size

    def add(self, index: int, length: int, sha256: bytes) -> None:
        """Note that block ``index`` of ``length`` bytes is stored."""
        with self._lock:
            self._blocks[index] = (length, sha256)

    def whole(self, size: int) -> BlockDigests:
        """Return the blocks' digests by index, if they are ``size`` bytes without a gap.

        Raises `BrokenContent` if not, and if there are no bytes at all.
        """
        with self._lock:
            blocks = [self._blocks[index] for index in sorted(self._blocks)]
            gapless = sorted(self._blocks) == list(range(len(blocks)))
        full = all(length == self.block_size for length, _ in blocks[:-1])
        stored = sum(length for length, _ in blocks)
        # the recording service is known to serve empty files, and none of them is a recording
        if not size or stored != size or not gapless or not full:
            raise BrokenContent(
                f"{self._object_name} is not whole: {stored} bytes in {len(blocks)} blocks are"
                f" stored, {size} were to be; nothing was committed: copy it again",
                owner="callvault" if size else "service",
            )
        return BlockDigests(self.block_size, tuple(sha256 for _, sha256 in blocks))
