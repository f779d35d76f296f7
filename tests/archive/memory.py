"""An archive in memory, for tests that need thousands of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from callvault.archive.blocks import Block, BlockDigests, BlockLedger, Layout
from callvault.archive.identity import read_identity
from callvault.archive.store import StoredObject, Upload, settle
from callvault.errors import ContentMissing


@dataclass
class MemoryArchive:
    """Satisfies `callvault.archive.store.Archive`, as far as small objects need it."""

    name: str = "main"
    objects: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> "MemoryArchive":
        return MemoryArchive(self.name, dict(self.objects))

    def stat(self, object_name: str) -> StoredObject | None:
        data = self.objects.get(object_name)
        if data is None:
            return None
        return StoredObject(object_name, len(data), BlockDigests.of([data], len(data)).whole)

    def recover(self, object_name: str) -> StoredObject | None:
        return self.stat(object_name)

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> "MemoryUpload":
        return MemoryUpload(self, object_name, BlockLedger(object_name, block_size))

    def digests(self, object_name: str) -> BlockDigests | None:
        data = self.objects.get(object_name)
        return BlockDigests.of([data], len(data)) if data else None

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        if object_name not in self.objects:
            raise ContentMissing(f"there is no {object_name}", owner="archive")
        yield self.objects[object_name][offset : None if length is None else offset + length]

    def names(self, prefix: str = "") -> Iterator[str]:
        yield from [name for name in self.objects if name.startswith(prefix)]

    @property
    def sets_legal_holds(self) -> bool:
        return False

    def set_legal_hold(self, object_name: str, *, held: bool) -> None: ...

    def location(self, object_name: str) -> str:
        return f"memory:{self.name}/{object_name}"

    def prove(self) -> str:
        return read_identity(self)

    def make(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class MemoryUpload(Upload):
    archive: MemoryArchive
    object_name: str
    ledger: BlockLedger
    data: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        return {}

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        self.data += bytes(block)

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        digests = BlockDigests.of([self.data], self.ledger.block_size)
        if self.object_name in self.archive.objects:
            return settle(self.archive, self.object_name, size=size, digests=digests)
        self.archive.objects[self.object_name] = self.data
        return StoredObject(self.object_name, size, digests.whole)
