"""Connections that can be broken on purpose."""

import asyncio
import socket
import struct

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from callvault.emulator.wire.notes import find

_TRANSPORT = "transport"
_AT_ONCE = struct.pack("ii", 1, 0)
"""Linger on, for no time: closing sends RST instead of FIN."""


class BreakableProtocol(H11Protocol):
    """Lets the application reach the transport under its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def close(scope: Scope) -> None:
    """Send what was written, then close."""
    _transport(scope).close()


def reset(scope: Scope) -> None:
    """Break the connection with a TCP reset."""
    transport = _transport(scope)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


async def lost(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = find(scope, _TRANSPORT)
    return transport
