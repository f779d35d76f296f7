"""Seeded corruptions by a source and by an archive: the copier must accept none.

The cases run in memory, so that ten thousand take a minute. Each case is drawn from its number
alone: an accepted one can be run again by its number.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from callvault.archive.blocks import Block, BlockDigests, BlockLedger, Layout
from callvault.archive.store import LinkTerms, StoredObject, Upload
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import copy
from callvault.archive.transfer.readback import read_back
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    NotReady,
    Throttled,
    Unavailable,
)

NAME = "recordings/a.mp4"
BLOCK = 1024
LIMITS = RetryLimits(max_attempts=3, first_delay=0.0, max_pause=1.0)

REFUSALS: dict[str, CallvaultError] = {
    "empty": NotReady("0 bytes"),
    "refused page": BrokenContent("a page of type html"),
    "throttled": Throttled("slow down"),
    "denied": AccessDenied("401", status=401),
}
OF_SOURCE = (
    *REFUSALS,
    "truncated",
    "too much",
    "reset",
    "range ignored",
    "wrong range",
    "etag changed",
    "size changed",
    "replaced",
)
CHANGES = ("etag changed", "replaced")
"""The file is replaced by one with the reversed bytes: either file is right, a mixture is not."""

OF_ARCHIVE = ("flipped bit", "lost byte", "added byte", "swapped blocks", "zeroed block")


@dataclass
class Part:
    data: bytes
    offset: int
    length: int | None
    size: int | None
    etag: str | None
    breaks: CallvaultError | None = None
    last_modified: str | None = None

    def readinto(self, buffer: memoryview) -> int:
        if not self.data and self.breaks:
            raise self.breaks
        count = min(len(buffer), len(self.data))
        buffer[:count], self.data = self.data[:count], self.data[count:]
        return count


@dataclass
class FaultySource:
    """A source with one fault, from request ``first`` on, for ``times`` requests."""

    data: bytes
    fault: str
    random: random.Random
    first: int
    times: int
    requests: Iterator[int] = field(default_factory=itertools.count)

    def reader(self) -> Self:
        return self

    def open(self, offset: int, length: int | None) -> Part:
        end = min(offset + (length or len(self.data)), len(self.data))
        part = Part(self.data[offset:end], offset, end - offset, len(self.data), '"1"')
        now = next(self.requests)
        if not self.fault or not self.first <= now < self.first + self.times:
            return part
        if self.fault in REFUSALS:  # faults that `callvault.acs` detects
            raise REFUSALS[self.fault]
        return self._faulty(part)

    def _faulty(self, part: Part) -> Part:
        match self.fault:
            case "truncated" | "reset":
                part.data = part.data[: self.random.randrange(len(part.data))]
                part.breaks = Unavailable("reset") if self.fault == "reset" else None
            case "too much":
                part.length = (part.length or 0) + 1
                part.data += b"!"
            case "range ignored":
                part = Part(self.data, 0, len(self.data), len(self.data), '"1"')
            case "wrong range":
                start = self.random.randrange(len(self.data))
                part.offset, part.data = start, self.data[start : start + len(part.data)]
            case "etag changed":
                other = self.data[::-1]
                part.etag, part.data = '"2"', other[part.offset : part.offset + len(part.data)]
            case "size changed":
                part.size = len(self.data) + 1
            case "replaced":
                self.data, part.etag = self.data[::-1], f'"{self.random.random()}"'
                end = part.offset + (part.length or 0)
                part.data = self.data[part.offset : end]
        return part

    def close(self) -> None:
        """Nothing is held open."""

    def abort(self) -> None:
        """Do nothing: no read hangs."""


@dataclass
class MemoryArchive:
    """An archive in memory, for one object, that may damage its bytes."""

    fault: str
    random: random.Random
    data: bytes = b""
    kept: BlockDigests | None = None
    name: str = "memory"

    def stat(self, object_name: str) -> StoredObject | None:
        return StoredObject(object_name, len(self.data)) if self.data else None

    def recover(self, object_name: str) -> StoredObject | None:
        return self.stat(object_name)

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> "MemoryUpload":
        return MemoryUpload(self, BlockLedger(object_name, block_size))

    def delete(self, object_name: str, *, etag: str) -> bool:
        raise NotImplementedError

    def digests(self, object_name: str) -> BlockDigests | None:
        return self.kept

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        yield self.data[offset : None if length is None else offset + length]

    def names(self, prefix: str = "") -> Iterator[str]:
        yield from [NAME] if self.data else []

    @property
    def sets_legal_holds(self) -> bool:
        return False

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        raise NotImplementedError

    def location(self, object_name: str) -> str:
        return f"memory:{object_name}"

    def link(self, object_name: str, terms: LinkTerms) -> str | None:
        return None

    def prove(self) -> str:
        return self.name

    def make(self) -> None: ...

    def check(self) -> None:
        """Do nothing: memory needs no check."""

    def close(self) -> None:
        """Nothing is held open."""

    def damaged(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        at = self.random.randrange(len(data))
        match self.fault:
            case "flipped bit":
                spoilt[at] ^= 1 << self.random.randrange(8)
            case "lost byte":
                del spoilt[at]
            case "added byte":
                spoilt.insert(at, self.random.randrange(256))
            case "swapped blocks":
                spoilt[:BLOCK], spoilt[-BLOCK:] = spoilt[-BLOCK:], spoilt[:BLOCK]
            case "zeroed block":
                start = at // BLOCK * BLOCK
                spoilt[start : start + BLOCK] = bytes(len(spoilt[start : start + BLOCK]))
        return bytes(spoilt)


@dataclass
class MemoryUpload(Upload):
    archive: MemoryArchive
    ledger: BlockLedger
    blocks: dict[int, bytes] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: memory needs no cleaning up."""

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        return {}

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        self.blocks[index] = bytes(block)
        self.ledger.add(index, len(block), sha256 or b"")

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        self.archive.kept = self.ledger.whole(size)
        whole = b"".join(self.blocks[index] for index in sorted(self.blocks))
        self.archive.data = self.archive.damaged(whole)
        return StoredObject(NAME, size)


@dataclass
class Findings:
    corrupted: int = 0
    accepted: int = 0
    repaired: int = 0
    refused: int = 0
    clean: int = 0
    wrongly_refused: int = 0


def attempt(seed: int, fault: str, buffers: BufferPool) -> bool | None:
    """Tell if the archive holds the source's bytes; None if the copy was refused."""
    draw = random.Random(seed)
    # every third file is one block: it goes another way
    is_small = draw.random() < 1 / 3 and fault != "swapped blocks"
    least, most = (2, BLOCK) if is_small else (2 * BLOCK, 6 * BLOCK)
    data = draw.randbytes(draw.randrange(least, most))
    source = FaultySource(
        data,
        fault if fault in OF_SOURCE else "",
        draw,
        first=draw.randrange(3),
        times=draw.choice([1, 1, 2, 1_000]),
    )
    archive = MemoryArchive(fault if fault in OF_ARCHIVE else "", draw)
    try:
        copy(
            source,
            archive,
            NAME,
            content_type="video/mp4",
            metadata={},
            on_progress=_quiet,
            buffers=buffers,
            limits=LIMITS,
        )
        read_back(archive, NAME, _quiet, buffers)
    except CallvaultError:
        return None
    return archive.data in (data, data[::-1] if fault in CHANGES else data)


def run(corruptions: int, *, clean: int, seed: int = 1) -> Findings:
    """Try ``corruptions`` cases, evenly over all kinds, and ``clean`` copies without a fault."""
    found, buffers = Findings(corrupted=corruptions, clean=clean), BufferPool(2, BLOCK)
    kinds = itertools.cycle(OF_SOURCE + OF_ARCHIVE)
    for number, fault in zip(range(corruptions), kinds, strict=False):
        equal = attempt(seed * 1_000_003 + number, fault, buffers)
        found.accepted += equal is False
        found.repaired += equal is True
        found.refused += equal is None
    for number in range(clean):
        found.wrongly_refused += attempt(seed * 2_000_003 + number, "", buffers) is not True
    return found


def _quiet(done: int, total: int | None) -> None:
    """Ignore the progress."""
