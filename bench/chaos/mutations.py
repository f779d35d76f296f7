"""Breaks one promise of a role on purpose, to see that chaos notices.

    python -m bench.chaos.mutations answer-early gateway

Runs the role as `callvault` does, with one function replaced. Production code knows nothing of it.
"""

import asyncio
import hashlib
import itertools
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

LINGERS = 8.0
"""Seconds between the answer that came too early and the delivery it speaks of."""


def answer_early() -> None:
    """The gateway answers Event Grid before Temporal has the event."""
    from callvault.ingest.router import Delivery

    deliver, late = Delivery.deliver, set()

    async def later(self: Delivery, event: Any) -> None:
        await asyncio.sleep(LINGERS)
        with suppress(Exception):
            await deliver(self, event)

    async def promise(self: Delivery, event: Any) -> None:
        task = asyncio.create_task(later(self, event))
        late.add(task)
        task.add_done_callback(late.discard)

    Delivery.deliver = promise  # type: ignore[method-assign]


def believe_every_answer() -> None:
    """The export takes whatever came for the file, and does not read it back."""
    from activities import export
    from callvault.archive.store import put_bytes
    from callvault.archive.transfer import copier
    from callvault.archive.transfer.readback import Digest

    def copy(
        source: Any, archive: Any, name: str, *, content_type: str, metadata: Any, **_: Any
    ) -> copier.Copied:
        with closing(source.reader()) as reader:
            answer, buffer = reader.open(0, None), memoryview(bytearray(1 << 24))
            came = 0
            with suppress(Exception):
                while count := answer.readinto(buffer[came:]):
                    came += count
        data = bytes(buffer[:came])
        stored = put_bytes(archive, name, data, content_type=content_type, metadata=metadata)
        return copier.Copied(came, answer.etag, stored)

    def read_back(archive: Any, name: str, *_: Any) -> Digest:
        data = b"".join(archive.read(name))
        return Digest(len(data), hashlib.sha256(data).hexdigest(), is_compared=False)

    copier.copy = copy  # type: ignore[assignment]
    export.read_back = read_back  # type: ignore[assignment, attr-defined]


def take_events_twice() -> None:
    """The gateway takes every delivery of an event for news of other files."""
    from callvault.ingest import eventgrid

    read, count = eventgrid.file_status_updated, itertools.count(1)

    def anew(event: Any) -> Any:
        files, number = read(event), next(count)
        chunks = tuple(
            chunk.model_copy(update={"document_id": f"{chunk.document_id}-{number}"})
            for chunk in files.chunks
        )
        return files.model_copy(update={"chunks": chunks})

    eventgrid.file_status_updated = anew


def start_anew() -> None:
    """Each attempt at a start is another request to ACS."""
    from callvault.acs.client import AcsClient
    from callvault.acs.models import Repeatability

    start = AcsClient.start

    def forgetful(self: AcsClient, order: Any, repeatability: Repeatability) -> Any:
        another = repeatability.model_copy(update={"request_id": uuid4()})
        return start(self, order, another)

    AcsClient.start = forgetful  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    "answer-early": answer_early,
    "believe-every-answer": believe_every_answer,
    "take-events-twice": take_events_twice,
    "start-anew": start_anew,
}


def main(name: str, *command: str) -> None:
    """Break the promise, then be that role."""
    from callvault.cli import main as callvault

    SABOTAGES[name]()
    sys.argv = ["callvault", *command]
    callvault.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
