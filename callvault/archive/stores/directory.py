"""An archive in a directory: of a laptop, or of a file share.

An object is a plain file under its own name. Beside it lies a small hidden file, its sidecar, with
what a blob carries in its properties (SHA-256, content type, metadata): extended attributes are
lost on most network shares and in most backups. The file is published first and its sidecar,
already on the disk as a draft, next: where a crash separates the two, the object is whole, and the
next reader of a small object, or the next attempt at a large one, finds the draft and moves it to
its place.
"""

import errno
import math
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock
from typing import NoReturn

from callvault.archive.blocks import BLOCK_SIZE, BlockDigests, BlockLedger
from callvault.archive.identity import read_identity
from callvault.archive.names import check_object_name, is_object_name
from callvault.archive.store import LinkTerms, StoredObject
from callvault.archive.stores.directory_files import (
    MODE,
    Draft,
    FolderDrafts,
    Sidecar,
    remove_abandoned,
    remove_beside,
    remove_idle,
    sidecar_path,
)
from callvault.archive.stores.directory_upload import DirectoryUpload, stored_object
from callvault.archive.stores.filesystem import (
    directory_errors,
    make_directories,
    open_file,
    opened_folder,
    publish,
    read_file,
    refuse_links,
    remove_empty,
    sync_directory,
    write_file,
)
from callvault.errors import StateConflict

MAKE_ROOM_INTERVAL = 60.0
"""Seconds between two searches for drafts on a full disk: each of them lists the archive."""

_READ_SIZE = 1024 * 1024
_MAX_ADOPTED = 4
"""Layouts by which an object is read to find its sidecar: attempts at one file have few."""

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class DirectoryArchive:
    """Satisfies `callvault.archive.store.Archive`; many processes may share the directory."""

    def __init__(self, name: str, root: Path) -> None:
        self._name = name
        self._root = root.absolute()
        self._make_room_at = 0.0
        self._lock = Lock()
        self._drafts = FolderDrafts()

    @property
    def name(self) -> str:
        return self._name

    def stat(self, object_name: str) -> StoredObject | None:
        # A larger one only for those who write: anybody may have put a draft there, and a file
        # without end. A small one, as documents are, costs a reader next to nothing.
        return self._look(object_name, adopted=BLOCK_SIZE)

    def recover(self, object_name: str) -> StoredObject | None:
        return self._look(object_name, adopted=math.inf)

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> DirectoryUpload:
        path = self._path(object_name)
        ledger = BlockLedger(object_name, block_size)
        with self.errors(f"beginning {object_name}"):
            make_directories(self._root, path.parent)
            refuse_links(self._root, path.parent)
            remove_abandoned(self._drafts.long_there(path))
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
            with opened_folder(self._root, path.parent) as folder:
                descriptor = open_file(path, folder=folder)
            with os.fdopen(descriptor, "rb") as file:
                file.seek(offset)
                rest = length
                while piece := file.read(_READ_SIZE if rest is None else min(rest, _READ_SIZE)):
                    yield piece
                    rest = None if rest is None else rest - len(piece)

    def names(self, prefix: str = "") -> Iterator[str]:
        with self.errors("listing objects"):
            start_at = self._deepest(prefix)
            for folder, subfolders, files in os.walk(start_at, onerror=_raise) if start_at else ():
                below = Path(folder).relative_to(self._root).as_posix()
                start = "" if below == "." else f"{below}/"
                # a link is told like any file, wherever it leads, and never followed
                files += [name for name in subfolders if Path(folder, name).is_symlink()]
                subfolders[:] = [
                    name
                    for name in subfolders
                    if not name.startswith(".") and _may_hold(f"{start}{name}/", prefix)
                ]
                for name in files:
                    if not name.startswith(".") and f"{start}{name}".startswith(prefix):
                        yield f"{start}{name}"

    def delete(self, object_name: str, *, etag: str) -> bool:
        path = self._path(object_name)
        with self.errors(f"deleting {object_name}"):
            facts = self._facts(path)
            if facts is not None and stored_object(object_name, facts, None).etag != etag:
                raise StateConflict(
                    f"{path} has changed since it was looked at: look again, then delete",
                    owner="archive",
                )
            if path.parent.is_dir():
                refuse_links(self._root, path.parent)
                # The file first: a crash then leaves a sidecar alone, which the next attempt finds.
                path.unlink(missing_ok=True)
                with suppress(FileNotFoundError):  # who deletes beside it took the empty folder
                    remove_beside(path)
                    sync_directory(path.parent)
                # A folder's name may tell of a person, as that of their entries in the index does.
                remove_empty(self._root, path.parent)
        return facts is not None

    @property
    def sets_legal_holds(self) -> bool:
        return False

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        """Do nothing: a file system has no legal holds."""

    def location(self, object_name: str) -> str:
        return str(self._path(object_name))

    def link(self, object_name: str, terms: LinkTerms) -> str | None:
        return None

    def prove(self) -> str:
        return read_identity(self)

    def make(self) -> None:
        with self.errors("making the directory"):
            self._root.mkdir(parents=True, exist_ok=True)
        self.check()

    def check(self) -> None:
        token = secrets.token_hex(8)
        draft, probe = (self._root / f".check.{token}.{part}" for part in ("part", "object"))
        with self.errors("checking that objects can be written"):
            try:
                write_file(draft, b"check", mode=MODE)
                publish(draft, probe)
                read_file(probe, limit=len(b"check"))
            finally:
                for path in (draft, probe):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def make_room(self) -> None:
        """Remove what attempts that have ended left behind, but not twice in short time."""
        with self._lock:
            is_due = time.monotonic() >= self._make_room_at
            if is_due:
                self._make_room_at = time.monotonic() + MAKE_ROOM_INTERVAL
        if is_due:
            remove_idle(self._root)

    def errors(self, action: str) -> AbstractContextManager[None]:
        """Let no `OSError` leave the block, only ours."""
        return directory_errors(self._name, self._root, action)

    def _look(self, object_name: str, *, adopted: float) -> StoredObject | None:
        """Look at an object; of at most ``adopted`` bytes, it may get a sidecar left as a draft."""
        path = self._path(object_name)
        with self.errors(f"looking at {object_name}"):
            facts = self._facts(path)
            if facts is None:
                return None
            sidecar = Sidecar.read(sidecar_path(path), facts.st_size)
            if sidecar is None and facts.st_size <= adopted:
                sidecar = _adopt(path, facts.st_size, self._drafts.of_sidecar(path))
            return stored_object(object_name, facts, sidecar)

    def _facts(self, path: Path) -> os.stat_result | None:
        """Look at an object's file; None where no regular file can be reached without a link."""
        try:
            with opened_folder(self._root, path.parent) as folder:
                facts = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NOT_THERE or not self._root.is_dir():
                raise
            return None
        return facts if stat.S_ISREG(facts.st_mode) else None

    def _deepest(self, prefix: str) -> Path | None:
        """Return the folder below which all objects of a prefix lie; None where it is not there."""
        # From the root, a list of few objects would read folders with the names of all others.
        folder = prefix.rpartition("/")[0]
        if not is_object_name(folder):
            return self._root
        path = self._path(folder)
        try:
            with opened_folder(self._root, path):
                return path
        except OSError as error:
            if error.errno not in _NOT_THERE or not self._root.is_dir():
                raise
            return None

    def _path(self, object_name: str) -> Path:
        return self._root.joinpath(*check_object_name(object_name).split("/"))


def _adopt(path: Path, size: int, drafts: Iterable[Path]) -> Sidecar | None:
    """Find the sidecar that a process left as a draft when it was killed within its commit."""
    digests: dict[int, tuple[bytes, ...]] = {}
    for draft in drafts:
        sidecar = Sidecar.read(draft, size)
        if sidecar is None:
            continue
        block_size = min(sidecar.block_size, max(size, 1))
        if block_size not in digests:
            # each takes reading the whole object, and anybody may have put drafts there
            if len(digests) == _MAX_ADOPTED:
                break
            digests[block_size] = _digests(path, block_size)
        # believed only if the object's bytes agree: failed attempts may have left drafts too
        if digests[block_size] == sidecar.digests.sha256:
            with suppress(OSError):  # a process that may only read leaves it there
                draft.replace(sidecar_path(path))
            return sidecar
    return None


def _digests(path: Path, block_size: int) -> tuple[bytes, ...]:
    with os.fdopen(open_file(path), "rb") as file:
        return BlockDigests.of(iter(lambda: file.read(_READ_SIZE), b""), block_size).sha256


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)


def _raise(error: OSError) -> NoReturn:
    raise error
