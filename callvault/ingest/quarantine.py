"""Keeps deliveries that were authentic but not understood, until a person has looked at them.

A gateway answers 200 only for what is stored here durably; what cannot be stored is answered 503,
and Event Grid sends it again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol, Self, TypeVar

import structlog

from callvault.config.storage import QuarantineDirectorySettings, QuarantineSettings
from callvault.errors import CallvaultError, Unavailable
from callvault.ingest import quarantined
from callvault.ingest.deliveries import Delivery
from callvault.ingest.quarantine_container import QuarantineContainer
from callvault.ingest.quarantine_directory import QuarantineDirectory
from callvault.ingest.quarantined import MAX_SIZE
from callvault.ingest.undelivered import DeadLetter

MAX_COUNT = 10_000
"""Deliveries that may wait for a person; a setting is wrong long before there are so many."""

MAX_CONCURRENT = 8
"""Deliveries stored at a time: while the storage hangs, they must not take all of a process."""

MAX_CONCURRENT_LARGE = 2
"""Bodies beyond `gateway.max_body` that are in memory at a time, of `MAX_SIZE` each."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class QuarantineStore(Protocol):
    """A place of quarantined deliveries. Its methods block, and raise our errors."""

    @property
    def location(self) -> str:
        """The place, for people: a path or a URL without secrets."""

    def put(self, name: str, content: bytes) -> None:
        """Store a delivery, whole or not at all, so that it survives a crash of anything.

        Never overwrites: `ObjectExists` where other bytes have the name. The same bytes are one
        delivery.
        """

    def pending(self) -> Iterator[DeadLetter]:
        """Yield the deliveries that are not marked, the oldest first."""

    def all(self) -> Iterator[DeadLetter]:
        """Yield every delivery, marked or not."""

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete a delivery for good. Not an error if it is gone."""

    def get(self, name: str) -> bytes:
        """Return what was stored, marked or not, but no more than a byte beyond the limit."""

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        """Note that it is delivered. Not an error if another sweeper did, or if it is gone."""

    def check(self) -> None:
        """Prove that a delivery can be stored; nothing stays."""

    def make(self) -> bool:
        """Make the place if it is missing, and check it; return True where it was missing."""

    def close(self) -> None:
        """Release connections."""


class Quarantine:
    """The deliveries that no gateway understood, in whichever place; an `UndeliveredStore` too."""

    location = "quarantine"

    def __init__(self, store: QuarantineStore) -> None:
        self._store = store
        self._count = 0
        self._checking: asyncio.Future[None] | None = None
        self._large = asyncio.Semaphore(MAX_CONCURRENT_LARGE)
        # Threads of its own: storage that hangs must not hold up anything else of the process.
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT, "quarantine")

    @classmethod
    def open(cls, settings: QuarantineSettings) -> Self:
        """Open it without touching it; `ConfigurationError` if a secret is missing or wrong."""
        if isinstance(settings, QuarantineDirectorySettings):
            return cls(QuarantineDirectory(settings.path))
        return cls(QuarantineContainer(settings))

    @property
    def place(self) -> str:
        """The path or the URL of the place, without secrets."""
        return self._store.location

    async def store(
        self, reason: str, headers: Mapping[str, str], body: AsyncIterator[bytes] | bytes
    ) -> str:
        """Keep a body and return its name, once it survives a crash. Raises `Unavailable` alone.

        A body that is not in memory yet is kept up to `MAX_SIZE`, and read to its end.
        """
        if isinstance(body, bytes):
            return await self._keep(reason, headers, body, is_cut=False)
        async with self._large:
            begun, is_cut = await _read(body)
            return await self._keep(reason, headers, begun, is_cut=is_cut)

    async def _keep(
        self, reason: str, headers: Mapping[str, str], body: bytes, *, is_cut: bool
    ) -> str:
        self._refuse_if_full()
        try:
            name = await self._in_thread(lambda: self._put(reason, headers, body, is_cut=is_cut))
        except CallvaultError as error:
            # Without its status: no answer but 503 makes Event Grid come again.
            raise Unavailable(
                f"the quarantine takes nothing: {error}", owner="callvault"
            ) from error
        self._count += 1
        log.warning("event quarantined", reason=reason, name=name, place=self.place)
        return name

    def _put(self, reason: str, headers: Mapping[str, str], body: bytes, *, is_cut: bool) -> str:
        received = datetime.now(UTC)
        content = quarantined.first_line(reason, received, headers) + body
        name = quarantined.name_of(content, received, is_cut=is_cut)
        self._store.put(name, content)
        return name

    def pending(self) -> Iterator[DeadLetter]:
        """Yield the deliveries that were not delivered since, the oldest first."""
        return self._store.pending()

    def all(self) -> Iterator[DeadLetter]:
        """Yield every delivery, delivered since or not."""
        return self._store.all()

    def content(self, dead_letter: DeadLetter) -> bytes:
        """Return a delivery as it is stored: a line about it, then the body."""
        return self._store.get(quarantined.check_name(dead_letter.name))

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete a delivery for good; not an error if it is gone."""
        quarantined.check_name(dead_letter.name)
        self._store.delete(dead_letter)

    def read(self, dead_letter: DeadLetter) -> Delivery:
        """Return the delivery as it came; `InvalidRequest` if it was cut or changed."""
        name = quarantined.check_name(dead_letter.name)
        return quarantined.read_quarantined(name, self._store.get(name))

    def mark_delivered(self, dead_letter: DeadLetter) -> None:
        """Mark a delivery; not an error if another sweeper did."""
        self._store.mark_delivered(dead_letter)

    async def count(self) -> int:
        """Count what is pending, up to `MAX_COUNT`; what is stored is refused by this number."""
        self._count = await self._in_thread(
            lambda: sum(1 for _ in islice(self._store.pending(), MAX_COUNT))
        )
        return self._count

    async def check(self) -> None:
        """Raise `CallvaultError` unless another delivery can be stored."""
        self._refuse_if_full()
        # Anybody may ask a gateway if it is ready: one check is under way, for all who ask.
        if self._checking is None or self._checking.done():
            self._checking = asyncio.ensure_future(self._in_thread(self._store.check))
            self._checking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.shield(self._checking)

    async def make(self) -> bool:
        """Make the place if it is missing, and check it; return True where it was missing."""
        return await self._in_thread(self._store.make)

    def close(self) -> None:
        """Release connections and threads; whatever still hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._store.close()

    def _refuse_if_full(self) -> None:
        # Counted now and then: gateways that share a container may go beyond it by some.
        if self._count >= MAX_COUNT:
            raise Unavailable(
                f"the quarantine holds {MAX_COUNT} deliveries and takes no more: mend why they are"
                " not understood, then run `callvault sweep --quarantine`",
                owner="callvault",
            )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _read(pieces: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Read to the end; return the first `MAX_SIZE` bytes, and True if there were more."""
    body = bytearray()
    is_cut = False
    async for piece in pieces:
        room = MAX_SIZE - len(body)
        body += piece[:room]
        is_cut = is_cut or len(piece) > room
    return bytes(body), is_cut
