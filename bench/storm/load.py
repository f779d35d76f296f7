"""The load of a storm: events and junk, over plain connections that cost the sender little."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import Client

from callvault.contracts import names

TIMEOUT = 30.0
"""Seconds for one answer: as long as Event Grid waits."""

LINES = 32
"""Connections of a sender that sends as fast as answers come."""

BROKEN = 0
"""Stands for a status: the connection broke, after which Event Grid retries."""

EVENT_SECRET = "the-secret-of-the-storm"
DOCUMENT = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
OBJECT = f"https://storage.asm.skype.com/v1/objects/{DOCUMENT}"
AUTHENTIC = f"x-callvault-secret: {EVENT_SECRET}\r\n"


@dataclass
class Answers:
    """The answers of a phase: statuses, and the seconds of each answer from its due time."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    """Requests that were not answered 200."""

    def note(self, request: bytes, status: int, since: float) -> None:
        self.statuses[status] += 1
        self.seconds.append(time.monotonic() - since)
        if status != 200:
            self.refused.append(request)

    def add(self, others: "Answers") -> None:
        self.statuses += others.statuses
        self.seconds += others.seconds
        self.refused += others.refused

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Line:
    """One keep-alive connection, opened again after a break."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> int:
        """Send one request and return the status of its answer, or `BROKEN`."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._ask(request)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return BROKEN

    async def _ask(self, request: bytes) -> int:
        if self._writer is None or self._reader is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length or 0))
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


@asynccontextmanager
async def lines(port: int, count: int) -> AsyncIterator[list[Line]]:
    """Make connections, closed in the end."""
    made = [Line(port) for _ in range(count)]
    try:
        yield made
    finally:
        for line in made:
            line.close()


async def one_after_the_other(made: Sequence[Line], requests: Iterable[bytes]) -> Answers:
    """Send as fast as answers arrive, one request on each line at a time."""
    answers, waiting = Answers(), iter(requests)

    async def send(line: Line) -> None:
        for request in waiting:
            since = time.monotonic()
            answers.note(request, await line.ask(request), since)

    await asyncio.gather(*map(send, made))
    return answers


async def at_rate(made: Sequence[Line], requests: Sequence[bytes], per_second: float) -> Answers:
    """Send at a fixed rate, independent of the answers."""
    # Latency counts from the due time, so that waiting for a free connection is part of it.
    answers = Answers()
    # Last in, first out: no more connections are opened than the rate needs.
    free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
    for line in made:
        free.put_nowait(line)
    begin = time.monotonic()

    async def send(request: bytes, due: float) -> None:
        line = await free.get()
        answers.note(request, await line.ask(request), due)
        free.put_nowait(line)

    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = begin + number / per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(send(request, due))
    return answers


def post(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


async def told_directly(client: Client, calls: Sequence[str], at_once: int) -> None:
    """Tell Temporal of the files of calls without a gateway: by a signal with start for each."""
    waiting = iter(calls)

    async def one_after_the_other() -> None:
        for call in waiting:
            # Of another type than the gateway's, which are counted.
            await client.start_workflow(
                "Directly",
                call,
                id=call,
                task_queue=names.CONTROL_QUEUE,
                start_signal=names.FILE_STATUS_UPDATED,
                start_signal_args=[payload(call)],
            )

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


def event(server_call_id: str) -> bytes:
    """Make an authentic delivery of one event, about the files of a call of its own."""
    body = json.dumps([payload(server_call_id)]).encode()
    return post("/v1/events", body, AUTHENTIC)


def payload(server_call_id: str) -> dict[str, Any]:
    """Make the event itself, as Event Grid has it."""
    chunk = {
        "documentId": DOCUMENT,
        "index": 0,
        "endReason": "SessionEnded",
        "contentLocation": f"{OBJECT}/content/video",
        "metadataLocation": f"{OBJECT}/content/acsmetadata",
    }
    return {
        "id": server_call_id,
        "topic": "/subscriptions/5",
        "subject": f"/recording/call/c/serverCallId/{server_call_id}/recordingId/{server_call_id}",
        "data": {
            "recordingStorageInfo": {"recordingChunks": [chunk]},
            "recordingStartTime": "2026-07-27T15:20:23.6089755Z",
            "recordingDurationMs": 6620,
            "sessionEndReason": "CallEnded",
        },
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "eventTime": "2026-07-27T15:20:34.2199328Z",
        "dataVersion": "1.0",
    }


def oversize(size: int) -> bytes:
    """Make an authentic delivery of ``size`` bytes."""
    return post("/v1/events", b"x" * size, AUTHENTIC)


_TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImludmVudGVkIn0.e30.c2ln"
JUNK = (
    post("/v1/events?code=guessed", b"[{}]"),
    post("/v1/events", b"[" * 10_000),
    post("/v1/recordings", b'{"serverCallId": "x"}', "authorization: Bearer guessed\r\n"),
    post("/v1/callbacks/recording-1/1", b"[{}]", f"authorization: Bearer {_TOKEN}\r\n"),
    b"GET /wp-login.php HTTP/1.1\r\nhost: gateway\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS on a plain port
)


@asynccontextmanager
async def trickling(port: int, count: int, every: float) -> AsyncIterator[None]:
    """Run slow clients, which send a byte of their head every ``every`` seconds, and reconnect."""
    tasks = [asyncio.create_task(_trickle(port, every)) for _ in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _trickle(port: int, every: float) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"POST /v1/events HTTP/1.1\r\nhost: gateway\r\nx: ")
                while not writer.transport.is_closing():
                    writer.write(b"y")
                    await asyncio.sleep(every)
            finally:
                writer.close()
        await asyncio.sleep(every)


async def abandoned(port: int, size: int) -> None:
    """Send a large body without the secret, until the gateway cuts it off."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(TIMEOUT):
                writer.write(post("/v1/events", b"x" * size))
                await writer.drain()
                await reader.readline()
        finally:
            writer.close()
