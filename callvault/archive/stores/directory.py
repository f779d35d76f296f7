"""An archive in a directory: of a laptop, or of a file share.

An object is a plain file under its own name. Beside it lies a small hidden file, its sidecar, with
what a blob carries in its properties (SHA-256, content type, metadata): extended attributes are
lost on most network shares and in most backups. The file is published first and its sidecar,
already on the disk as a draft, next: where a crash separates the two, the object is whole, and the
next reader finds the draft and moves it to its place.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from callvault.archive.blocks import Block, BlockDigests, BlockLedger, Layout
from callvault.archive.names import check_object_name
from callvault.archive.object_metadata import bounded
from callvault.archive.store import StoredObject, settle
from callvault.archive.stores.directory_files import (
    MODE,
    Draft,
    Sidecar,
    remove_abandoned,
    sidecar_path,
)
from callvault.archive.stores.filesystem import (
    directory_errors,
    make_directories,
    open_file,
    publish,
    read_file,
    refuse_links,
    sync_directory,
    write_file,
)

_READ_SIZE = 1024 * 1024
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class DirectoryArchive:
    """Satisfies `callvault.archive.store.Archive`; many processes may share the directory."""

    def __init__(self, name: str, root: Path) -> None:
        self._name = name
        self._root = root.absolute()

    @property
    def name(self) -> str:
        return self._name

    def stat(self, object_name: str) -> StoredObject | None:
        path = self._path(object_name)
        with self.errors(f"looking at {object_name}"):
            facts = self._facts(path)
            if facts is None:
                return None
            sidecar = Sidecar.read(sidecar_path(path), facts.st_size) or _adopt(path, facts.st_size)
            return _stored(object_name, facts, sidecar)

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> "DirectoryUpload":
        path = self._path(object_name)
        ledger = BlockLedger(object_name, block_size)
        with self.errors(f"beginning {object_name}"):
            make_directories(self._root, path.parent)
            refuse_links(self._root, path.parent)
            remove_abandoned(path)
            return DirectoryUpload(self, object_name, path, ledger, Draft.of(path, token))

    def digests(self, object_name: str) -> BlockDigests | None:
        path = self._path(object_name)
        with self.errors(f"looking at the blocks of {object_name}"):
            facts = self._facts(path)
            sidecar = Sidecar.read(sidecar_path(path), facts.st_size) if facts else None
        return sidecar.digests if sidecar else None

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        path = self._path(object_name)
        with self.errors(f"reading {object_name}"):
            refuse_links(self._root, path.parent)
            with os.fdopen(open_file(path), "rb") as file:
                file.seek(offset)
                rest = length
                while piece := file.read(_READ_SIZE if rest is None else min(rest, _READ_SIZE)):
                    yield piece
                    rest = None if rest is None else rest - len(piece)

    def names(self, prefix: str = "") -> Iterator[str]:
        with self.errors("listing objects"):
            for folder, subfolders, files in os.walk(self._root, onerror=_raise):
                below = Path(folder).relative_to(self._root).as_posix()
                start = "" if below == "." else f"{below}/"
                subfolders[:] = [
                    name
                    for name in subfolders
                    if not name.startswith(".") and _may_hold(f"{start}{name}/", prefix)
                ]
                for name in files:
                    if not name.startswith(".") and f"{start}{name}".startswith(prefix):
                        yield f"{start}{name}"

    def location(self, object_name: str) -> str:
        return str(self._path(object_name))

    def check(self) -> None:
        token = secrets.token_hex(8)
        draft, probe = (self._root / f".check.{token}.{part}" for part in ("part", "object"))
        with self.errors("checking that objects can be written"):
            self._root.mkdir(parents=True, exist_ok=True)
            try:
                write_file(draft, b"check", mode=MODE)
                publish(draft, probe)
                read_file(probe, limit=len(b"check"))
            finally:
                for path in (draft, probe):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def errors(self, action: str) -> AbstractContextManager[None]:
        """Let no `OSError` leave the block, only ours."""
        return directory_errors(self._name, self._root, action)

    def _facts(self, path: Path) -> os.stat_result | None:
        """Look at an object's file; None where no regular file can be reached without a link."""
        try:
            refuse_links(self._root, path.parent)
            facts = path.lstat()
        except OSError as error:
            if error.errno not in _NOT_THERE or not self._root.is_dir():
                raise
            return None
        return facts if stat.S_ISREG(facts.st_mode) else None

    def _path(self, object_name: str) -> Path:
        return self._root.joinpath(*check_object_name(object_name).split("/"))


class DirectoryUpload:
    """Satisfies `callvault.archive.store.Upload`; writes to a hidden draft beside the object."""

    def __init__(
        self,
        archive: DirectoryArchive,
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._draft.close(keep=not self._is_committed)

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        """Take over the blocks of the draft that an earlier attempt has left."""
        with self._archive.errors(f"looking for blocks of {self._object_name}"):
            found = self._draft.blocks(layout)
        for index, sha256 in found.items():
            self._ledger.add(index, layout.length(index), sha256)
        return found

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        offset = self._ledger.offset(index, len(block))
        digest = sha256 or hashlib.sha256(block).digest()
        with self._archive.errors(f"storing block {index} of {self._object_name}"):
            self._draft.write(index, block, offset, digest)
        self._ledger.add(index, len(block), digest)

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        digests = self._ledger.whole(size)
        blocks = [sha256.hex() for sha256 in digests.sha256]
        sidecar = Sidecar(size, content_type, bounded(metadata), digests.block_size, blocks)
        with self._archive.errors(f"committing {self._object_name}"):
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
        return _stored(self._object_name, facts, sidecar)

    def _settle(self, size: int, digests: BlockDigests) -> StoredObject:
        found = settle(self._archive, self._object_name, size=size, digests=digests)
        if Sidecar.read(sidecar_path(self._path), size) is None:
            self._record()
        return found

    def _record(self) -> None:
        with suppress(FileNotFoundError):  # a reader was faster, see `_adopt`
            self._draft.sidecar.replace(sidecar_path(self._path))
        sync_directory(self._path.parent)


def _stored(object_name: str, facts: os.stat_result, sidecar: Sidecar | None) -> StoredObject:
    return StoredObject(
        object_name,
        facts.st_size,
        sha256=sidecar.digests.whole if sidecar else None,
        etag=f"{facts.st_mtime_ns:x}-{facts.st_size:x}",
        metadata=sidecar.metadata if sidecar else {},
    )


def _adopt(path: Path, size: int) -> Sidecar | None:
    """Find the sidecar that a process left as a draft when it was killed within its commit."""
    for draft in path.parent.glob(f".{path.name}.*.json.part"):
        sidecar = Sidecar.read(draft, size)
        # believed only if the object's bytes agree: failed attempts may have left drafts too
        if sidecar and _digests(path, sidecar.block_size) == sidecar.digests:
            with suppress(OSError):  # a process that may only read leaves it there
                draft.replace(sidecar_path(path))
            return sidecar
    return None


def _digests(path: Path, block_size: int) -> BlockDigests:
    with os.fdopen(open_file(path), "rb") as file:
        return BlockDigests.of(iter(lambda: file.read(_READ_SIZE), b""), block_size)


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)


def _raise(error: OSError) -> NoReturn:
    raise error
