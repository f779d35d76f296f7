"""One attempt at writing an object into a directory."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from callvault.archive.blocks import Block, BlockDigests, BlockLedger, Layout
from callvault.archive.object_metadata import bounded
from callvault.archive.store import StoredObject, Upload, settle
from callvault.archive.stores.directory_files import MODE, Draft, Sidecar, sidecar_path
from callvault.archive.stores.filesystem import (
    FULL,
    publish,
    require_space,
    sync_directory,
    write_file,
)

if TYPE_CHECKING:  # the archive makes uploads
    from callvault.archive.stores.directory import DirectoryArchive


class DirectoryUpload(Upload):
    """Satisfies `callvault.archive.store.Upload`; writes to a hidden draft beside the object."""

    def __init__(
        self,
        archive: "DirectoryArchive",
        object_name: str,
        path: Path,
        ledger: BlockLedger,
        draft: Draft,
    ) -> None:
        self._archive = archive
        self._object_name = object_name
        self._path = path
        self._ledger = ledger
        self._draft = draft
        self._is_committed = False
        self._is_full = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # a draft that fills the disk keeps all other recordings out, and may be too large for ever
        self._draft.close(keep=not (self._is_committed or self._is_full))
        if self._is_full:
            self._archive.make_room()

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        """Take over the blocks of the draft that an earlier attempt has left."""
        with self._errors(f"looking for blocks of {self._object_name}"):
            found = self._draft.blocks(layout)
            # asked before the first byte is written: until one does not fit, others are kept out
            require_space(self._draft.descriptor, layout.size)
        for index, sha256 in found.items():
            self._ledger.add(index, layout.length(index), sha256)
        return found

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        offset = self._ledger.offset(index, len(block))
        digest = sha256 or hashlib.sha256(block).digest()
        with self._errors(f"storing block {index} of {self._object_name}"):
            self._draft.write(index, block, offset, digest)
        self._ledger.add(index, len(block), digest)

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        digests = self._ledger.whole(size)
        blocks = [sha256.hex() for sha256 in digests.sha256]
        sidecar = Sidecar(size, content_type, bounded(metadata), digests.block_size, blocks)
        with self._errors(f"committing {self._object_name}"):
            os.fsync(self._draft.descriptor)
            facts = os.fstat(self._draft.descriptor)
            # written before the object appears: a full disk must not come between the two
            self._draft.sidecar.unlink(missing_ok=True)
            write_file(self._draft.sidecar, sidecar.to_json(), mode=MODE)
            self._is_committed = True
            try:
                publish(self._draft.file, self._path)
            except FileExistsError:
                return self._settle(size, digests)
            self._record()
        return stored_object(self._object_name, facts, sidecar)

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """Let no `OSError` leave the block, only ours, and note that the disk is full."""
        with self._archive.errors(action):
            try:
                yield
            except OSError as error:
                self._is_full = self._is_full or error.errno in FULL
                raise

    def _settle(self, size: int, digests: BlockDigests) -> StoredObject:
        found = settle(self._archive, self._object_name, size=size, digests=digests)
        if Sidecar.read(sidecar_path(self._path), size) is None:
            self._record()
        return found

    def _record(self) -> None:
        with suppress(FileNotFoundError):  # a reader was faster, see `directory._adopt`
            self._draft.sidecar.replace(sidecar_path(self._path))
        sync_directory(self._path.parent)


def stored_object(object_name: str, facts: os.stat_result, sidecar: Sidecar | None) -> StoredObject:
    """Describe an object by its file and by what lies beside it."""
    return StoredObject(
        object_name,
        facts.st_size,
        sha256=sidecar.digests.whole if sidecar else None,
        etag=f"{facts.st_mtime_ns:x}-{facts.st_size:x}",
        metadata=sidecar.metadata if sidecar else {},
    )
