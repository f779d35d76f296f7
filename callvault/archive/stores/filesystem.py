"""Operations on files that survive a power cut and never overwrite, and errors of the system."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from callvault.causes import Cause
from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    ContentMissing,
    InvalidRequest,
    StateConflict,
    Unavailable,
)

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

_STAT_BLOCK = 512
"""Bytes in the unit of ``st_blocks``, whatever the file system's own blocks are."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that say that no more bytes fit."""

_Verdict = tuple[type[CallvaultError], str]

_DENIED: _Verdict = (AccessDenied, "let this process write there, or choose another directory")
_FULL: _Verdict = (Unavailable, "make room in the archive; it is tried again")
_NO_DIRECTORY: _Verdict = (
    ConfigurationError,
    "something else than a directory is in the way: correct the archive's directory",
)

_BY_ERRNO: dict[int, _Verdict] = {
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: (Unavailable, "the archive takes no files of this size: raise its limit"),
    errno.ENOTDIR: _NO_DIRECTORY,
    errno.EEXIST: _NO_DIRECTORY,
    errno.ELOOP: (
        StateConflict,
        "a symbolic link is in the way, and none is followed: find out who changes the archive",
    ),
    errno.ENXIO: (
        StateConflict,
        "something else than a file bears that name: find out who changes the archive",
    ),
    errno.EISDIR: (ContentMissing, "a directory bears that name: nothing was archived under it"),
    errno.ENAMETOOLONG: (InvalidRequest, "choose a shorter path for the archive"),
    errno.EOPNOTSUPP: (
        ConfigurationError,
        "its file system has neither hard links nor a rename that never overwrites: choose another",
    ),
}
_TRANSIENT: _Verdict = (Unavailable, "look at the disk or network share; it is tried again")


def open_file(
    path: Path, flags: int = os.O_RDONLY, mode: int = 0, *, folder: int | None = None
) -> int:
    """Open a regular file, and nothing else that bears its name; return the descriptor.

    ``folder`` is the descriptor of the directory that holds it, as `opened_folder` yields it.

    `OSError` ELOOP where it is a symbolic link, EISDIR where it is a directory, ENXIO where it is a
    device or a pipe.
    """
    # O_NONBLOCK: a pipe that was put there would hold whoever opens it for ever
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    name = path if folder is None else path.name
    descriptor = os.open(name, flags | safe, mode, dir_fd=folder)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    code = errno.EISDIR if stat.S_ISDIR(kind) else errno.ENXIO
    raise OSError(code, os.strerror(code), str(path))


def read_file(path: Path, limit: int) -> bytes | None:
    """Read a regular file, as `open_file` opens it; None where it has more than ``limit`` bytes."""
    with os.fdopen(open_file(path), "rb") as file:
        data = file.read(limit + 1)
    return data if len(data) <= limit else None


@contextmanager
def opened_folder(root: Path, folder: Path) -> Iterator[int]:
    """Open a directory at or below ``root``, and yield its descriptor.

    `OSError` ELOOP where it lies behind a symbolic link below ``root``. What is opened by the
    descriptor cannot be moved behind one afterwards.
    """
    # the root itself may be a link: that is how an operator chose it
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folder.relative_to(root).parts:
            below = _open_subfolder(descriptor, part)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _open_subfolder(folder: int, name: str) -> int:
    safe = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, safe, dir_fd=folder)
    except NotADirectoryError:
        # so Linux calls a link as well, where a directory is asked for
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise


def refuse_links(root: Path, folder: Path) -> None:
    """Raise `OSError` ELOOP where ``folder`` lies behind a symbolic link below ``root``."""
    # the root itself may be one: that is how an operator chose it. What is below it, Callvault
    # made, so that a link there was planted
    for part in (folder, *folder.parents):
        if part == root:
            return
        if stat.S_ISLNK(part.lstat().st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(part))


def publish(draft: Path, path: Path) -> None:
    """Give ``draft``, in the same file system, the name ``path`` too, or instead.

    Atomic; raises `FileExistsError` where ``path`` exists, of any kind. The content must be on the
    disk already.
    """
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        rename_without_overwriting(draft, path)  # SMB shares, exFAT
    if not stat.S_ISREG(path.lstat().st_mode):  # the draft was replaced by a link meanwhile
        path.unlink()
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(draft))
    sync_directory(path.parent)


def rename_without_overwriting(draft: Path, path: Path) -> None:
    """Rename by ``renameat2`` with ``RENAME_NOREPLACE``; `OSError` EOPNOTSUPP without that."""
    rename = _renameat2()
    if rename is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(path))
    source, target = os.fsencode(draft), os.fsencode(path)
    if rename(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE):
        code = ctypes.get_errno()
        code = errno.EOPNOTSUPP if code in {errno.EINVAL, errno.ENOSYS} else code
        raise OSError(code, os.strerror(code), str(path))


@cache
def _renameat2() -> Any:
    """Look up the C library's function; None where there is no such function."""
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data``; thread-safe, for the file's position is not used."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def write_file(path: Path, data: bytes, *, mode: int) -> None:
    """Create ``path`` with ``data`` and bring it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        write_at(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_space(descriptor: int, size: int) -> None:
    """Raise `OSError` ENOSPC where an open file cannot grow to ``size`` bytes: its disk is full."""
    disk = os.fstatvfs(descriptor)
    if not disk.f_blocks:  # some network shares do not tell
        return
    free = (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize
    if size - os.fstat(descriptor).st_blocks * _STAT_BLOCK > free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def make_directories(root: Path, leaf: Path) -> None:
    """Create ``leaf`` below ``root``, durably, but never ``root`` itself."""
    if leaf.is_dir():
        return
    # a missing root is a share that is not mounted: files written in its place would vanish from
    # sight with the next mount
    if leaf == root:
        root.stat()  # raises the true reason, where there is one
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
    make_directories(root, leaf.parent)
    leaf.mkdir(exist_ok=True)
    sync_directory(leaf.parent)


def remove_empty(root: Path, folder: Path) -> None:
    """Remove ``folder`` and those around it below ``root``, as far as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # it holds something, or somebody is faster
            return
        folder = folder.parent
        with suppress(FileNotFoundError):
            sync_directory(folder)


def sync_directory(directory: Path) -> None:
    """Bring a directory's entries to the disk, as far as its file system can."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:  # some network shares
            raise
    finally:
        os.close(descriptor)


@contextmanager
def directory_errors(archive: str, root: Path, action: str) -> Iterator[None]:
    """Let no `OSError` leave the block, only our errors; ``action`` says what was going on."""
    try:
        yield
    except OSError as error:
        raise directory_error(error, archive, root, action) from error


def directory_error(error: OSError, archive: str, root: Path, action: str) -> CallvaultError:
    """Translate an error of the operating system into one of ours, here and nowhere else."""
    # an error outside the table is taken for a passing one: disks and network shares come back
    kind, advice = _BY_ERRNO.get(error.errno or 0, _TRANSIENT)
    if error.errno == errno.ENOENT:
        kind, advice = _missing(root)
    cause = os.strerror(error.errno) if error.errno else str(error)
    where = error.filename2 or error.filename or root
    return kind(
        f"archive {archive}, {action}: {cause} ({where}); {advice}",
        owner="archive",
        cause=_cause(error, kind),
    )


def _cause(error: OSError, kind: type[CallvaultError]) -> Cause | None:
    if error.errno in FULL:
        return Cause.FULL
    # No service answers here, and no key is asked for.
    return Cause.STORAGE if kind in (AccessDenied, Unavailable) else None


def _missing(root: Path) -> _Verdict:
    if root.is_dir():
        return ContentMissing, "look for who deletes from the archive"
    return (
        ConfigurationError,
        f"{root} is not there: mount the share, or let `callvault setup` create the directory",
    )
