"""Faults within an answer: each spoils the body of a file, or breaks the connection."""

import asyncio
import socket
import struct
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from callvault.emulator.faults import Fault, FaultKind
from callvault.emulator.http.requests import request_state

_DRIP = 1024
_DRIP_PAUSE = 0.05
_MISSING_PART = 10
"""Of a body with a wrong length, one part in so many is missing."""
_TRANSPORT = "transport"
_LINGER_NOT = struct.pack("ii", 1, 0)
"""Linger on, for no time: closing sends RST instead of FIN."""


class BreakableProtocol(H11Protocol):
    """An HTTP protocol that lets the application reach the transport under its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The application gets a copy of this as the state of each request.
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def close_connection(scope: Scope) -> None:
    """Send what was written, then close."""
    _transport(scope).close()


def reset_connection(scope: Scope) -> None:
    """Break the connection with a TCP reset."""
    transport = _transport(scope)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = request_state(scope, _TRANSPORT)
    return transport


class ResponseFault:
    """A fault that passes the answer on unchanged; its subclasses change files."""

    def __init__(self, fault: Fault, scope: Scope, send: Send) -> None:
        self.fault = fault
        self.scope = scope
        self.send = send
        self._is_file = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_file = message["status"] in {200, 206}
            if self._is_file:
                self.begin(message, MutableHeaders(scope=message))
            await self.send(message)
        elif self._is_file:
            await self.body(message["body"], more=message.get("more_body", False))
        else:
            await self.send(message)

    def begin(self, message: Message, headers: MutableHeaders) -> None:
        """Change status and headers."""

    async def body(self, piece: bytes, *, more: bool) -> None:
        """Send a piece of the body; subclasses change it."""
        await self.send({"type": "http.response.body", "body": piece, "more_body": more})

    async def end(self, receive: Receive) -> None:
        """Finish after the application; called once."""


class _SlowDrip(ResponseFault):
    async def body(self, piece: bytes, *, more: bool) -> None:
        pause = _DRIP_PAUSE if self.fault.rule.seconds is None else self.fault.rule.seconds
        for start in range(0, len(piece), _DRIP):
            await super().body(piece[start : start + _DRIP], more=True)
            await asyncio.sleep(pause)
        if not more:
            await super().body(b"", more=False)


class _Cut(ResponseFault):
    """Closes the connection in the middle of the body."""

    sever: Callable[[Scope], None] = staticmethod(close_connection)
    _left = 0

    def begin(self, message: Message, headers: MutableHeaders) -> None:
        half = int(headers["content-length"]) // 2
        self._left = half if self.fault.rule.after_bytes is None else self.fault.rule.after_bytes

    async def body(self, piece: bytes, *, more: bool) -> None:
        if self._left < 0:
            return
        # More is announced, so that the server does not complete the body.
        await super().body(piece[: self._left], more=True)
        self._left -= len(piece)
        if self._left <= 0:
            self._left = -1
            type(self).sever(self.scope)

    async def end(self, receive: Receive) -> None:
        if self._left < 0:
            await wait_for_disconnect(receive)


class _Reset(_Cut):
    sever = staticmethod(reset_connection)


class _TooShort(ResponseFault):
    """Shortens Content-Length and body alike."""

    _left = 0

    def begin(self, message: Message, headers: MutableHeaders) -> None:
        length = int(headers["content-length"])
        self._left = length - max(1, length // _MISSING_PART) if length else 0
        headers["content-length"] = str(self._left)

    async def body(self, piece: bytes, *, more: bool) -> None:
        kept = piece[: self._left]
        self._left -= len(kept)
        await super().body(kept, more=more)


class _Empty(ResponseFault):
    def begin(self, message: Message, headers: MutableHeaders) -> None:
        message["status"] = 200
        headers["content-length"] = "0"
        del headers["content-range"]

    async def body(self, piece: bytes, *, more: bool) -> None:
        await super().body(b"", more=more)


class _FlippedBit(ResponseFault):
    _until = 0

    def begin(self, message: Message, headers: MutableHeaders) -> None:
        self._until = self.fault.draw % max(1, int(headers["content-length"]))

    async def body(self, piece: bytes, *, more: bool) -> None:
        if 0 <= self._until < len(piece):
            spoiled = bytearray(piece)
            spoiled[self._until] ^= 1 << self.fault.draw % 8
            piece, self._until = bytes(spoiled), -1
        elif self._until >= 0:
            self._until -= len(piece)
        await super().body(piece, more=more)


class _OtherEtag(ResponseFault):
    def begin(self, message: Message, headers: MutableHeaders) -> None:
        headers["etag"] = f'"{self.fault.draw:x}"'


RESPONSE_FAULTS: dict[FaultKind, type[ResponseFault]] = {
    FaultKind.SLOW_DRIP: _SlowDrip,
    FaultKind.TRUNCATED: _Cut,
    FaultKind.RESET: _Reset,
    FaultKind.WRONG_CONTENT_LENGTH: _TooShort,
    FaultKind.ZERO_BYTES_FIRST: _Empty,
    FaultKind.FLIPPED_BIT: _FlippedBit,
    FaultKind.ETAG_CHANGES: _OtherEtag,
}
