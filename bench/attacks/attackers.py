"""The attacks: each runs until it is cancelled, in a bounded number of connections."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

from bench.attacks.target import API_KEY, Target
from bench.storm.load import AUTHENTIC, JUNK, Line, abandoned, lines, post, trickling

MEBIBYTE = 1024 * 1024
SLOW_READERS = (270, 560)
PIPELINED = 64
"""Requests that a slow reader sends before it reads nothing."""

Attack = Callable[[Target], Awaitable[None]]


def slow_readers(number: int) -> Attack:
    """Make clients that pipeline requests for the largest answer there is, and never read."""

    async def attack(target: Target) -> None:
        await asyncio.gather(*(_never_reads(target.gateway.port) for _ in range(number)))

    return attack


async def _never_reads(port: int) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nhost: gateway\r\n\r\n" * PIPELINED
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
            # The stream would read on for us, up to its limit.
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            try:
                writer.write(request)
                while not writer.transport.is_closing():
                    await asyncio.sleep(0.5)
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.5)


async def junk(target: Target) -> None:
    """Send guessed secrets, keys and paths, deep JSON and what is no HTTP, as fast as answered."""
    await _repeated(target.gateway.port, JUNK, 16)


async def bad_callbacks(target: Target) -> None:
    """Send callbacks with tokens of invented keys, each another, as fast as they are answered."""
    numbers = count()
    async with lines(target.gateway.port, 16) as made:

        async def send(line: Line) -> None:
            while True:
                path = f"/v1/callbacks/recording-{next(numbers)}/1"
                head = f"authorization: Bearer {_TOKEN}{next(numbers)}\r\n"
                await line.ask(post(path, b"[{}]" * 100, head))

        await asyncio.gather(*map(send, made))


_TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImludmVudGVkIn0.e30.c2ln"


async def huge_bodies(target: Target) -> None:
    """Send bodies of 8 MiB without the secret, four at a time."""

    async def send() -> None:
        while True:
            await abandoned(target.gateway.port, 8 * MEBIBYTE)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(send() for _ in range(4)))


async def slow_heads(target: Target) -> None:
    """Send heads of a byte a second on 700 connections, opened again when they are closed."""
    async with trickling(target.gateway.port, 700, every=1.0):
        await asyncio.Event().wait()


async def slow_bodies(target: Target) -> None:
    """Send authentic bodies of a byte a second on 200 connections."""
    head = post("/v1/recordings", b"x" * 60, f"x-api-key: {API_KEY}\r\n")[:-60]

    async def send() -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", target.gateway.port)
                try:
                    writer.write(head)
                    while not writer.transport.is_closing():
                        writer.write(b"x")
                        await asyncio.sleep(1)
                finally:
                    writer.close()
            await asyncio.sleep(1)

    await asyncio.gather(*(send() for _ in range(200)))


async def many_elements(target: Target) -> None:
    """Send authentic bodies of 100,000 elements, one after the other."""
    body = b"[" + b"0," * 99_999 + b"0]"
    async with lines(target.gateway.port, 1) as [line]:
        while True:
            await line.ask(post("/v1/events", body, AUTHENTIC))
            await asyncio.sleep(0.2)


async def more_connections_than_files(target: Target) -> None:
    """Open 400 slow connections to the gateway that may open 256 files."""
    async with trickling(target.limited.port, 400, every=1.0):
        await asyncio.Event().wait()


async def dripping_alarms(target: Target) -> None:
    """Have recordings fail to start, so that alarms go to a webhook that drips its answers."""
    numbers = count()
    headers = f"x-api-key: {API_KEY}\r\nprefer: respond-async\r\n"
    async with lines(target.gateway.port, 1) as [line]:
        for _ in range(60):
            body = f'{{"serverCallId": "bm9ib2R5{next(numbers)}"}}'.encode()
            await line.ask(post("/v1/recordings", body, headers))
            await asyncio.sleep(0.1)
        await asyncio.Event().wait()


async def nothing(target: Target) -> None:
    """Attack nobody: what the machine does by itself."""
    await asyncio.Event().wait()


async def _repeated(port: int, requests: tuple[bytes, ...], connections: int) -> None:
    async with lines(port, connections) as made:

        async def send(line: Line) -> None:
            while True:
                for request in requests:
                    await line.ask(request)

        await asyncio.gather(*map(send, made))


ATTACKS: dict[str, Attack] = {
    "none": nothing,
    **{f"{n} slow readers that pipeline": slow_readers(n) for n in SLOW_READERS},
    "junk requests": junk,
    "callbacks with bad tokens": bad_callbacks,
    "bodies of 8 MiB": huge_bodies,
    "700 slow heads": slow_heads,
    "200 slow bodies": slow_bodies,
    "100,000 elements": many_elements,
    "400 connections, 256 files": more_connections_than_files,
    "alarm webhook that drips": dripping_alarms,
}
