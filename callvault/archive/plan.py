"""Which blocks a file is copied in."""

import hashlib
import secrets
from dataclasses import dataclass

from callvault.errors import InvalidRequest

MOST_BLOCKS = 50_000
"""Azure's limit for a blob."""

LARGEST_BLOCK = 4_000 * 1024 * 1024
"""Bytes; Azure's limit for a block."""

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """A file cut into blocks of one size; ``token`` tells this version of it from every other."""

    size: int
    block_size: int
    token: str
    """Eight hexadecimal digits."""

    @classmethod
    def of(cls, size: int, etag: str | None, block_size: int) -> "Plan":
        """The plan for a file; the same file has the same plan, on every worker.

        Without an ETag nobody can tell whether it still is the same file: then no other attempt
        has the same plan, and none takes over another one's blocks.
        """
        chosen = block_size_for(size, block_size)
        identity = f"{size}|{etag or secrets.token_hex(16)}|{chosen}"
        return cls(size, chosen, hashlib.sha256(identity.encode()).hexdigest()[:8])

    def __len__(self) -> int:
        return -(-self.size // self.block_size)

    def offset(self, index: int) -> int:
        return index * self.block_size

    def length(self, index: int) -> int:
        """Bytes of block ``index``; the last one may be shorter."""
        return min(self.block_size, self.size - self.offset(index))


def block_size_for(size: int, wanted: int) -> int:
    """``wanted``, or as many MiB more as it takes to stay within the limit of blocks."""
    needed = -(-size // MOST_BLOCKS)
    if needed > LARGEST_BLOCK:
        raise InvalidRequest(f"a file of {size} bytes is more than any archive can hold")
    return wanted if needed <= wanted else -(-needed // _MEBIBYTE) * _MEBIBYTE
