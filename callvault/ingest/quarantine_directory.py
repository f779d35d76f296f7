"""A quarantine in a directory: of a laptop, or on a disk that stays."""

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from callvault.errors import ConfigurationError, InvalidRequest, ObjectExists, Unavailable
from callvault.ingest.quarantined import MAX_STORED_SIZE, is_name
from callvault.ingest.undelivered import DeadLetter

PROBE_SIZE = 16_384
"""Bytes that must fit: more than most events have."""

DELIVERED = "delivered"
"""Folder within the directory for the files that a sweep could deliver after all."""

_ONLY_OURS = 0o700

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Errors of file systems without hard links: SMB shares, exFAT."""


class QuarantineDirectory:
    """A `QuarantineStore` of files that only this user can read, the directory too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def location(self) -> str:
        return str(self.directory)

    def put(self, name: str, content: bytes) -> None:
        partial = self.directory / f".{name}.{secrets.token_hex(4)}.partial"
        with self._errors("cannot be written"):
            self._make()
            try:
                _write(partial, content)
                self._publish(partial, self.directory / name, content)
            finally:
                partial.unlink(missing_ok=True)

    def pending(self) -> Iterator[DeadLetter]:
        with self._errors("cannot be listed"):
            # Listed whole: what a sweep moves meanwhile must not disturb the listing.
            names = sorted(path.name for path in self.directory.iterdir() if is_name(path.name))
        yield from map(DeadLetter, names)

    def all(self) -> Iterator[DeadLetter]:
        yield from self.pending()
        with self._errors("cannot be listed"):
            delivered = self.directory / DELIVERED
            found = delivered.iterdir() if delivered.is_dir() else ()
            names = sorted(path.name for path in found if is_name(path.name))
        yield from (DeadLetter(name, is_delivered=True) for name in names)

    def delete(self, dead_letter: DeadLetter) -> None:
        with self._errors("cannot be changed"):
            # A sweep may have moved it since it was listed.
            for folder in (self.directory, self.directory / DELIVERED):
                (folder / dead_letter.name).unlink(missing_ok=True)

    def get(self, name: str) -> bytes:
        try:
            with suppress(FileNotFoundError):
                return _read(self.directory / name)
            return _read(self.directory / DELIVERED / name)
        except OSError as error:
            raise InvalidRequest(f"it cannot be read: {error.strerror}") from None

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        delivered = self.directory / DELIVERED
        try:
            delivered.mkdir(exist_ok=True, mode=_ONLY_OURS)
            with suppress(FileNotFoundError):
                (self.directory / dead_letter.name).rename(delivered / dead_letter.name)
        except OSError as error:
            raise ConfigurationError(
                f"it cannot be moved to {delivered}: {error.strerror}; let this user write there",
                owner="callvault",
            ) from error

    def check(self) -> None:
        with self._errors("cannot be written"):
            self._make()
            with tempfile.TemporaryFile(dir=self.directory, buffering=0) as file:
                # On a full disk a file can be made, but nothing written to it; some file systems
                # say so only when the bytes are to be on the disk.
                file.write(bytes(PROBE_SIZE))
                os.fsync(file.fileno())

    def make(self) -> bool:
        was_missing = not self.directory.exists()
        self.check()
        return was_missing

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def _make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=_ONLY_OURS)

    def _publish(self, partial: Path, final: Path, content: bytes) -> None:
        try:
            os.link(partial, final)
        except FileExistsError:
            if _read(final) != content:
                raise ObjectExists(
                    f"another file is at {final}, and is not overwritten: move it away"
                ) from None
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # Names never repeat: nothing is there that could be overwritten.
            partial.rename(final)
        # The name, too, is on the disk only once its directory is.
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"the quarantine's directory {self.directory} {what}: {error.strerror}; let this"
                " user write there, make room, or choose another (gateway.quarantine)",
                owner="callvault",
            ) from error


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    # Nothing but a file is read: a link may lead anywhere, and a pipe never ends.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidRequest("it is no file")
        return file.read(MAX_STORED_SIZE + 1)
