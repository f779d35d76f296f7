"""Files that are there after a power cut, and never in the place of another."""

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def publish(draft: Path, path: Path) -> None:
    """Give ``draft``, in the same file system, the name ``path`` too, or instead.

    Atomic; raises `FileExistsError` where ``path`` exists, whatever it is. The content must be
    on the disk already.
    """
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        rename_without_overwriting(draft, path)  # SMB shares, exFAT
    sync_directory(path.parent)


def rename_without_overwriting(draft: Path, path: Path) -> None:
    """Linux's ``renameat2`` with ``RENAME_NOREPLACE``; `OSError` EOPNOTSUPP where there is none."""
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
    """The C library's function, or ``None`` where it has none."""
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


def make_directories(root: Path, leaf: Path) -> None:
    """Create ``leaf`` below ``root``, durably, but never ``root`` itself.

    A missing root is a share that is not mounted; what was written there instead would vanish
    from sight with the next mount.
    """
    if leaf.is_dir():
        return
    if leaf == root:
        root.stat()  # says what is wrong with it
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
    make_directories(root, leaf.parent)
    leaf.mkdir(exist_ok=True)
    sync_directory(leaf.parent)


def sync_directory(directory: Path) -> None:
    """Bring a directory's entries to the disk, as far as its file system knows how."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:  # some network shares
            raise
    finally:
        os.close(descriptor)
