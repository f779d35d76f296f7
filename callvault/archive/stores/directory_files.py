"""The hidden file that an object in a directory grows in, and what is known of its blocks.

A draft with a plan outlives its process: beside it lies a journal with the SHA-256 of every block
that was written. The next attempt believes nothing of it: it reads each block and digests it again,
for a power cut may have kept the journal and lost the bytes. Who writes to a draft holds a lock on
it; a second attempt at the same time gets a draft of its own, and resumes nothing.
"""

import fcntl
import hashlib
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Self

from callvault.archive.blocks import Block
from callvault.archive.plan import Plan
from callvault.archive.stores.filesystem import write_at

MODE = 0o640
"""Recordings are nobody else's business; the umask may narrow it further."""

ABANDONED_AFTER = 7 * 24 * 3600
"""Seconds after which a draft is removed: as long as Azure keeps uncommitted blocks."""

_ENTRY = re.compile(r"([0-9]+) ([0-9a-f]{64})")


class Draft:
    """An open draft; close it. Blocks may be written by many threads."""

    def __init__(self, path: Path, token: str, *, resumable: bool) -> None:
        """Open the draft of the object at ``path``; `BlockingIOError` where another one has it."""
        self.file = path.with_name(f".{path.name}.{token}.part")
        self.sidecar = path.with_name(f".{path.name}.{token}.json.part")
        self.journal = path.with_name(f".{path.name}.{token}.blocks.part")
        self._resumable = resumable
        self._lock = Lock()
        self.descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, MODE)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._journal = os.open(self.journal, flags, MODE) if resumable else None
        except BaseException:
            os.close(self.descriptor)
            raise

    @classmethod
    def of(cls, path: Path, plan: str) -> Self:
        """The draft of a plan, if there is a plan and nobody is at it; else a new one."""
        if plan:
            with suppress(OSError):  # somebody else's, or no locks on this file system
                return cls(path, plan, resumable=True)
        return cls(path, secrets.token_hex(8), resumable=False)

    def write(self, index: int, block: Block, offset: int, sha256: bytes) -> None:
        write_at(self.descriptor, block, offset)
        if self._journal is not None:
            with self._lock:
                os.write(self._journal, f"{index} {sha256.hex()}\n".encode())

    def blocks(self, plan: Plan) -> dict[int, bytes]:
        """SHA-256 of the blocks of ``plan`` that are there, by index; each was read just now."""
        if self._journal is None:
            return {}
        written = dict(_ENTRY.findall(self.journal.read_text(errors="replace")))
        found = {int(index): bytes.fromhex(sha256) for index, sha256 in written.items()}
        return {
            index: sha256
            for index, sha256 in found.items()
            if index < len(plan) and self._holds(plan, index, sha256)
        }

    def close(self, *, keep: bool) -> None:
        """Release the draft; ``keep`` it for another attempt, if it can be resumed.

        What cannot be closed or removed now must not hide the error that led here, and is removed
        as abandoned later; what was committed is on the disk already.
        """
        if not (keep and self._resumable):
            for path in (self.file, self.sidecar, self.journal):
                with suppress(OSError):
                    path.unlink()
        for descriptor in filter(None, (self._journal, self.descriptor)):
            with suppress(OSError):
                os.close(descriptor)

    def _holds(self, plan: Plan, index: int, sha256: bytes) -> bool:
        block = os.pread(self.descriptor, plan.length(index), plan.offset(index))
        return hashlib.sha256(block).digest() == sha256


def remove_abandoned(path: Path) -> None:
    """Remove drafts of ``path`` that nobody has written to for long."""
    for draft in path.parent.glob(f".{path.name}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > ABANDONED_AFTER:
                draft.unlink()
