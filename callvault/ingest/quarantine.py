"""Keeps deliveries that were authentic but not understood, until a person has looked at them.

Each file is one line of JSON (reason, time of receipt, headers), then the body, byte for byte.
"""

import asyncio
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from callvault.errors import ConfigurationError, InvalidRequest, Unavailable
from callvault.ingest.deliveries import Delivery
from callvault.ingest.formats import read_kept
from callvault.ingest.undelivered import DeadLetter

MAX_SIZE = 16 * 1024 * 1024
"""Largest part of one body that is kept, in bytes; Event Grid never sends more than 1 MiB."""

PROBE_SIZE = 16_384
"""Bytes that must fit: more than most events have."""

DELIVERED = "delivered"
"""Folder within the quarantine for the files that a sweep could deliver after all."""

_TRUNCATED = "-cut.event"
"""End of the name of a file that holds only the beginning of a body."""

# Only these headers are kept: any other may carry a secret.
# Some are needed to read the body again: its encoding, and the attributes of a CloudEvent.
_SAFE_HEADERS = (
    "content-type",
    "content-encoding",
    "user-agent",
    "traceparent",
    "aeg-",
    "ce-",
    "webhook-",
)
_SECRET_HEADERS = ("aeg-sas-",)

log = structlog.get_logger(__name__)


class Quarantine:
    """A directory with one file for each body; a file is there completely or not at all.

    It is an `UndeliveredStore` too: each file is a dead letter.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def store(
        self, reason: str, headers: Mapping[str, str], body: AsyncIterator[bytes] | bytes
    ) -> Path:
        """Keep a body, so that it survives a power cut once this returns. Raises `Unavailable`."""
        try:
            stored = await self._write(reason, headers, _pieces(body))
        except OSError as error:
            raise Unavailable(
                f"the quarantine directory cannot be written: {error.strerror}", owner="callvault"
            ) from error
        log.warning("event quarantined", reason=reason, file=str(stored))
        return stored

    async def _write(
        self, reason: str, headers: Mapping[str, str], pieces: AsyncIterator[bytes]
    ) -> Path:
        received = datetime.now(UTC)
        name = f"{received:%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:12]}"
        partial = self.directory / f".{name}.partial"
        try:
            with await asyncio.to_thread(self._create, partial) as file:
                file.write(_first_line(reason, received, headers))
                cut = await _copy(pieces, file)
                await asyncio.to_thread(_sync, file)
            final = self.directory / f"{name}{_TRUNCATED if cut else '.event'}"
            await asyncio.to_thread(self._publish, partial, final)
        except BaseException:
            # A request that is cancelled must leave nothing behind, either.
            partial.unlink(missing_ok=True)
            raise
        return final

    @property
    def location(self) -> str:
        return "quarantine"

    def pending(self) -> Iterator[DeadLetter]:
        """Yield the files that were not delivered since, the oldest first."""
        yield from (DeadLetter(path.name) for path in sorted(self.directory.glob("*.event")))

    def read(self, dead_letter: DeadLetter) -> Delivery:
        """Return the delivery as it came; `InvalidRequest` if it was cut, or cannot be read."""
        if dead_letter.name.endswith(_TRUNCATED):
            raise InvalidRequest("only its beginning was kept")
        try:
            content = (self.directory / dead_letter.name).read_bytes()
        except OSError as error:
            raise InvalidRequest(f"it cannot be read: {error.strerror}") from None
        # A first line that a person has mended wrongly takes nothing but the headers along.
        return read_kept(content) or Delivery(content.partition(b"\n")[2])

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        """Move a file to the folder `DELIVERED`; not an error if another sweeper did."""
        delivered = self.directory / DELIVERED
        try:
            delivered.mkdir(exist_ok=True, mode=0o700)
            with suppress(FileNotFoundError):
                (self.directory / dead_letter.name).rename(delivered / dead_letter.name)
        except OSError as error:
            raise ConfigurationError(
                f"it cannot be moved to {delivered}: {error.strerror}; let this user write there",
                owner="callvault",
            ) from error

    def check(self) -> None:
        """Raise `OSError` unless the directory takes an event's bytes."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self.directory, buffering=0) as file:
            # On a full disk a file can be made, but nothing written to it; some file systems say so
            # only when the bytes are to be on the disk.
            file.write(bytes(PROBE_SIZE))
            os.fsync(file.fileno())

    def _create(self, path: Path) -> BinaryIO:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _publish(self, partial: Path, final: Path) -> None:
        partial.rename(final)
        # The name, too, is on the disk only once its directory is.
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


async def _pieces(body: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for piece in body:
        yield piece


async def _copy(pieces: AsyncIterator[bytes], file: BinaryIO) -> bool:
    """Copy up to `MAX_SIZE` bytes, reading on to the end; return True if some were left out."""
    room = MAX_SIZE
    total = 0
    async for piece in pieces:
        total += len(piece)
        await asyncio.to_thread(file.write, piece[:room])
        room -= len(piece[:room])
    return total > MAX_SIZE


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _first_line(reason: str, received: datetime, headers: Mapping[str, str]) -> bytes:
    about = {
        "reason": reason,
        "receivedAt": received.isoformat(),
        "headers": {name: headers[name] for name in sorted(headers) if _is_harmless(name)},
    }
    return json.dumps(about).encode() + b"\n"


def _is_harmless(name: str) -> bool:
    return name.lower().startswith(_SAFE_HEADERS) and not name.lower().startswith(_SECRET_HEADERS)
