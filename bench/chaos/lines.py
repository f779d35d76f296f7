"""Lines between a process and a server, which can be held, half open or lossy.

A TCP proxy on loopback: it needs no right to change the machine's network, unlike a network
namespace. What TCP repairs (a lost packet) is seen by its users as a delay, so that is what a lossy
line makes of it.
"""

import asyncio
from dataclasses import dataclass
from random import Random

from bench.chaos.parts import Fault

MAX_PIECE = 1 << 16
"""Bytes that are passed on at once."""
LOSS_PROBABILITY = 0.1
"""Share of the pieces that come late on a lossy line."""
RETRANSMISSION_DELAY = (0.2, 1.5)
"""Seconds by which they do."""
RESET_PROBABILITY = 0.01
"""Share of the pieces with which their connection is reset."""


class Line:
    """A line to a server of this machine; runs on the event loop beside the main thread."""

    def __init__(self, port: int, server_port: int, seed: int) -> None:
        """``port`` is the line's own, at which it takes the connections to ``server_port``."""
        self._port = port
        self._server_port = server_port
        # Each decision is one of many: when a piece comes, no seed decides.
        self._dice = Random(f"{seed} line {server_port}")
        self._fault: Fault | None = None
        self._whole = asyncio.Event()
        self._whole.set()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self) -> None:
        """Take connections from now on."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def break_(self, fault: Fault) -> None:
        """Let the line have a fault until `mend`."""
        self._fault = fault
        if fault is Fault.HOLD:
            self._whole.clear()

    async def mend(self) -> None:
        self._fault = None
        self._whole.set()

    async def close(self) -> None:
        self._server.close()
        await self.mend()
        for writer in [*self._open]:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            await self._whole.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
            writers.append(back)
            self._open.update(writers)
            connection = _Connection()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, back, connection))
                both.create_task(self._pass_on(there, writer, connection))
        except* OSError:
            pass  # one end is gone, and so is the connection
        finally:
            for each in writers:
                each.transport.abort()
                self._open.discard(each)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: "_Connection"
    ) -> None:
        """Pass on what one end sends until it closes."""
        while piece := await reader.read(MAX_PIECE):
            connection.is_dead |= self._fault is Fault.HALF_OPEN
            await self._travel()
            if not connection.is_dead:
                writer.write(piece)
                await writer.drain()
        if not connection.is_dead:
            writer.write_eof()

    async def _travel(self) -> None:
        """Take as long as the line does; `ConnectionResetError` where it breaks."""
        # What was sent before its sender gave up arrives all the same.
        await self._whole.wait()
        if self._fault is not Fault.LOSSY:
            return
        if self._dice.random() < LOSS_PROBABILITY:
            await asyncio.sleep(self._dice.uniform(*RETRANSMISSION_DELAY))
        if self._dice.random() < RESET_PROBABILITY:
            raise ConnectionResetError


@dataclass
class _Connection:
    is_dead: bool = False
    """True once bytes of it were lost: nothing comes through it ever again."""
