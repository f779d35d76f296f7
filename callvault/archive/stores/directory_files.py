"""Hidden files beside an object in a directory: the draft that it grows in, and its sidecar.

A draft of a layout outlives its process: beside it lies a journal with the SHA-256 of every block
that was written. A draft is locked while an attempt writes to it; a second attempt at the same time
gets a draft of its own, and resumes nothing. The sidecar holds what a blob would carry in its
properties.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Annotated, NamedTuple, Self

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as pydantic_dataclass

from callvault.archive.blocks import Block, BlockDigests, Layout, is_block_size_for
from callvault.archive.stores.filesystem import open_file, read_file, write_at

MODE = 0o640
"""Permissions of all files: recordings are private; the umask may narrow them further."""

DRAFT_MAX_AGE = 7 * 24 * 3600
"""Seconds after which a draft is removed: as long as Azure keeps uncommitted blocks."""

MAX_SIDECAR = 16 * 1024**2
"""Bytes; a sidecar has some 75 for each of at most 50,000 blocks."""

MAX_JOURNAL = 64 * 1024**2
"""Bytes that are read; some 75 for each block that was ever written."""

MAX_LIST_AGE = 3600.0
"""Seconds for which a list of drafts serves to find those that are old: they are in it."""

SETTLED_AFTER = 3.0
"""Seconds after which another change of a folder has another time: file systems count by two."""

MAX_LISTED_FOLDERS = 64
"""Folders whose drafts are kept: those of links and access records, and the last recordings."""

_SIDECAR_DRAFT = ".json.part"
_BESIDE = (_SIDECAR_DRAFT, ".blocks.part")
"""Ends of the names of small files that lie beside a draft."""

# Bounded: a damaged journal of digits alone would take quadratic time, and be no number at last.
_ENTRY = re.compile(r"([0-9]{1,6}) ([0-9a-f]{64})\n")


class Draft:
    """An open draft; close it. Blocks may be written by many threads."""

    def __init__(self, path: Path, token: str, *, resumable: bool) -> None:
        """Open the draft of the object at ``path``.

        `BlockingIOError` where another attempt has it, another `OSError` where it is no file of
        its own: a link, or a second name of another file.
        """
        self.file = path.with_name(f".{path.name}.{token}.part")
        self.sidecar = path.with_name(f".{path.name}.{token}.json.part")
        self.journal = path.with_name(f".{path.name}.{token}.blocks.part")
        self._resumable = resumable
        self._lock = Lock()
        self.descriptor = _open_own(self.file)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._journal = _open_own(self.journal, os.O_APPEND) if resumable else None
        except BaseException:
            os.close(self.descriptor)
            raise

    @classmethod
    def of(cls, path: Path, token: str) -> Self:
        """Open the draft of a layout, if it has a token and is free; else a new one."""
        if token:
            with suppress(OSError):  # another attempt's, or no locks on this file system
                return cls(path, token, resumable=True)
        return cls(path, secrets.token_hex(8), resumable=False)

    def write(self, index: int, block: Block, offset: int, sha256: bytes) -> None:
        """Write a block, and note its SHA-256 in the journal."""
        write_at(self.descriptor, block, offset)
        if self._journal is not None:
            with self._lock:
                os.write(self._journal, f"{index} {sha256.hex()}\n".encode())

    def blocks(self, layout: Layout) -> dict[int, bytes]:
        """Return the SHA-256 of the blocks of ``layout`` that are there, by index."""
        if self._journal is None:
            return {}
        journal = os.pread(self._journal, MAX_JOURNAL, 0).decode(errors="replace")
        written = dict(_ENTRY.findall(journal))
        found = {int(index): bytes.fromhex(sha256) for index, sha256 in written.items()}
        return {
            index: sha256
            for index, sha256 in found.items()
            if index < len(layout) and self._holds(layout, index, sha256)
        }

    def close(self, *, keep: bool) -> None:
        """Release the draft; ``keep`` it for another attempt, if it can be resumed."""
        # errors are suppressed: they must not hide the one that led here. A committed object is on
        # the disk already, and a file that stays is removed as abandoned later
        if not (keep and self._resumable):
            for path in (self.file, self.sidecar, self.journal):
                with suppress(OSError):
                    path.unlink()
        for descriptor in filter(None, (self._journal, self.descriptor)):
            with suppress(OSError):
                os.close(descriptor)

    def _holds(self, layout: Layout, index: int, sha256: bytes) -> bool:
        # read and digested anew: a power cut may have kept the journal and lost the bytes
        block = os.pread(self.descriptor, layout.length(index), layout.offset(index))
        return hashlib.sha256(block).digest() == sha256


class _Listed(NamedTuple):
    """The drafts of a folder, as they were listed."""

    names: list[str]
    at: float
    changed: int
    """When the folder had changed; -1 where another change at the same time could not be told."""


class FolderDrafts:
    """The drafts that lie in folders, which are not listed for each object anew. Thread-safe.

    A chain's folder has as many files as links, and each of them is looked for, or written, alone.
    """

    def __init__(self) -> None:
        self._listed: dict[Path, _Listed] = {}
        self._lock = Lock()

    def of_sidecar(self, path: Path) -> list[Path]:
        """Return the drafts of the sidecar of the object at ``path``, as they are now."""
        changed, known = _changed(path.parent), self._known(path.parent)
        listed = known if known and known.changed == changed else self._list(path.parent)
        return [each for each in _of(path, listed.names) if each.name.endswith(_SIDECAR_DRAFT)]

    def long_there(self, path: Path) -> list[Path]:
        """Return the drafts of ``path``; those of the last hours may be missing."""
        known = self._known(path.parent)
        is_of_use = known is not None and time.monotonic() - known.at < MAX_LIST_AGE
        return _of(path, known.names if known and is_of_use else self._list(path.parent).names)

    def _known(self, folder: Path) -> _Listed | None:
        with self._lock:
            known = self._listed.pop(folder, None)
            if known is not None:  # the last of the row: the first one is forgotten next
                self._listed[folder] = known
        return known

    def _list(self, folder: Path) -> _Listed:
        # asked before it is listed: what comes meanwhile changes it
        changed, names = _changed(folder), list[str]()
        with suppress(OSError):  # it is gone, or may not be listed: what lies in it stays
            names = [each.name for each in folder.iterdir() if each.name.endswith(".part")]
        is_settled = time.time() - changed / 1e9 > SETTLED_AFTER
        listed = _Listed(names, time.monotonic(), changed if is_settled else -1)
        with self._lock:
            self._listed[folder] = listed
            if len(self._listed) > MAX_LISTED_FOLDERS:
                del self._listed[next(iter(self._listed))]
        return listed


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return time.time_ns()


def _of(path: Path, drafts: Iterable[str]) -> list[Path]:
    beginning = f".{path.name}."
    return [path.with_name(name) for name in drafts if name.startswith(beginning)]


def remove_abandoned(drafts: Iterable[Path]) -> None:
    """Remove the drafts that no attempt has written to for long."""
    for draft in drafts:
        with suppress(OSError):  # gone, or a directory that somebody put there
            if time.time() - draft.lstat().st_mtime > DRAFT_MAX_AGE:
                draft.unlink()


def remove_beside(path: Path) -> None:
    """Remove all that lies hidden beside an object that is deleted: its sidecar and its drafts."""
    # By comparison, not by pattern: a name may hold what a pattern reads as its own.
    for each in path.parent.iterdir():
        if each.name == sidecar_path(path).name or (
            each.name.startswith(f".{path.name}.") and each.name.endswith(".part")
        ):
            each.unlink(missing_ok=True)


def remove_idle(root: Path) -> None:
    """Remove the drafts of all objects that no attempt is writing to: their disk is full."""
    for folder, _, files in os.walk(root):
        for name in files:
            if name.startswith(".") and name.endswith(".part") and not name.endswith(_BESIDE):
                _remove_if_idle(Path(folder, name))


def _remove_if_idle(draft: Path) -> None:
    with suppress(OSError):  # gone, in use, or no file
        descriptor = open_file(draft, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()
            draft.with_name(f"{draft.name.removesuffix('part')}blocks.part").unlink()
        finally:
            os.close(descriptor)


def _open_own(path: Path, flags: int = 0) -> int:
    """Open a file to write to, or make it; `OSError` where other names lead to its bytes too."""
    descriptor = open_file(path, os.O_RDWR | os.O_CREAT | flags, MODE)
    # a draft that was published before its process was killed is the object now
    if os.fstat(descriptor).st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EMLINK, os.strerror(errno.EMLINK), str(path))


@pydantic_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class Sidecar:
    """Properties of an object, as they lie in the hidden file beside it."""

    size: Annotated[int, Field(ge=0)]
    content_type: str
    metadata: Mapping[str, str]
    block_size: Annotated[int, Field(gt=0, lt=2**63)]
    blocks: Sequence[Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$")]]
    """SHA-256 of each block, in hexadecimal."""

    @property
    def digests(self) -> BlockDigests:
        """The blocks' digests as bytes."""
        return BlockDigests(self.block_size, tuple(map(bytes.fromhex, self.blocks)))

    def to_json(self) -> bytes:
        """Write the properties as `read` reads them."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def read(cls, file: Path, size: int) -> "Sidecar | None":
        """Read the properties of an object of ``size`` bytes; None where there is no such file.

        A file that cannot be understood, or that tells of another size, proves nothing: None too.
        """
        try:
            # whatever lies there was perhaps put there: pipes, links, endless and nested files
            sidecar = _SIDECAR.validate_json(read_file(file, MAX_SIDECAR) or b"")
        except (OSError, ValueError):
            return None
        whole = len(sidecar.blocks) == -(-size // sidecar.block_size)
        # else whoever can write there decides how much memory its readers need
        is_possible = is_block_size_for(size, sidecar.block_size)
        return sidecar if sidecar.size == size and whole and is_possible else None


_SIDECAR = TypeAdapter(Sidecar)


def sidecar_path(path: Path) -> Path:
    """Return the path of the sidecar of the object at ``path``."""
    return path.with_name(f".{path.name}.json")
