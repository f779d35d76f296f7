"""Do broken lines behave as broken lines do?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.chaos.lines import Line
from bench.chaos.parts import Fault
from callvault.local.temporal import free_ports

SOON = 0.3
"""Seconds in which nothing comes through a line that is held."""


@asynccontextmanager
async def line_to_an_echo() -> AsyncIterator[tuple[Line, int]]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(100):
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    [port] = free_ports(1)
    line = Line(port, server.sockets[0].getsockname()[1], seed=1)
    await line.serve()
    yield line, port
    await line.close()
    server.close()


async def test_a_line_that_is_held_brings_everything_later() -> None:
    async with line_to_an_echo() as (line, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await line.break_(Fault.HOLD)
        writer.write(b"resume")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(6), SOON)
        await line.mend()
        assert await asyncio.wait_for(reader.readexactly(6), 5) == b"resume"
        writer.close()


async def test_a_half_open_connection_never_comes_back_and_a_new_one_works() -> None:
    async with line_to_an_echo() as (line, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await line.break_(Fault.HALF_OPEN)
        writer.write(b"lost")
        await asyncio.sleep(SOON)
        await line.mend()
        writer.write(b"more")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(4), SOON)
        another, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(b"new")
        assert await asyncio.wait_for(another.readexactly(3), 5) == b"new"
        writer.close()
        other.close()
