"""What the operating system's errors mean for an archive in a directory."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    ContentMissing,
    InvalidRequest,
    Unavailable,
)

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
    errno.EISDIR: (ContentMissing, "a directory bears that name: nothing was archived under it"),
    errno.ENAMETOOLONG: (InvalidRequest, "choose a shorter path for the archive"),
    errno.EOPNOTSUPP: (
        ConfigurationError,
        "its file system has neither hard links nor a rename that never overwrites: choose another",
    ),
}
_PASSING: _Verdict = (Unavailable, "look at the disk or network share; it is tried again")


@contextmanager
def directory_errors(archive: str, root: Path, doing: str) -> Iterator[None]:
    """Let no `OSError` leave the block, only our errors; ``doing`` says what was going on."""
    try:
        yield
    except OSError as error:
        raise directory_error(error, archive, root, doing) from error


def directory_error(error: OSError, archive: str, root: Path, doing: str) -> CallvaultError:
    """The one place where an error of the operating system becomes one of ours.

    What is not in the table is taken for a passing fault: disks and network shares come back.
    """
    kind, advice = _BY_ERRNO.get(error.errno or 0, _PASSING)
    if error.errno == errno.ENOENT:
        kind, advice = _missing(root)
    cause = os.strerror(error.errno) if error.errno else str(error)
    where = error.filename2 or error.filename or root
    return kind(f"archive {archive}, {doing}: {cause} ({where}); {advice}", owner="archive")


def _missing(root: Path) -> _Verdict:
    if root.is_dir():
        return ContentMissing, "look for who deletes from the archive"
    return (
        ConfigurationError,
        f"{root} is not there: mount the share, or let `callvault setup` create the directory",
    )
