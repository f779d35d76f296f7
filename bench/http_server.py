"""A minimal HTTP server for benchmarks, with a thread for each connection. Loopback only.

Python's own server costs more than the copiers that are measured against it.
"""

import argparse
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

MAX_HEAD = 64 * 1024
_DROP_SIZE = 1024 * 1024


@dataclass
class Request:
    """One request, whose body is not read yet."""

    connection: "Connection"
    method: str
    target: str
    headers: Mapping[str, str]
    """By lower-case name."""
    left: int
    """Bytes of the body that have not been read yet."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def option(self, name: str) -> str:
        return parse_qs(urlsplit(self.target).query).get(name, [""])[0]

    def body(self) -> bytes:
        return b"".join(iter(lambda: self.connection.take(min(self.left, 65_536), self), b""))

    def drop_body(self) -> None:
        """Discard the rest of the body."""
        self.connection.drop(self)

    def answer(self, status: int, headers: Mapping[str, str] = {}, body: bytes = b"") -> None:
        """Send a whole answer; to HEAD the same head and no body."""
        self.begin(status, {"Content-Length": str(len(body))} | dict(headers))
        if body and self.method != "HEAD":
            self.connection.socket.sendall(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""
        self.drop_body()
        lines = [f"HTTP/1.1 {status} Because", *(f"{k}: {v}" for k, v in headers.items())]
        self.connection.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


Handler = Callable[[Request], None]


@dataclass
class Connection:
    socket: socket.socket
    buffered: bytes = field(default=b"")

    def requests(self, handle: Handler) -> None:
        while (request := self._head()) is not None:
            if request.headers.get("expect", "").lower() == "100-continue":
                self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            handle(request)
            request.drop_body()

    def take(self, most: int, request: Request) -> bytes:
        if not most:
            return b""
        piece, self.buffered = self.buffered[:most], self.buffered[most:]
        piece = piece or self.socket.recv(most)
        request.left -= len(piece)
        return piece

    def drop(self, request: Request) -> None:
        self.take(min(len(self.buffered), request.left), request)
        trash = bytearray(1) if hasattr(socket, "MSG_TRUNC") else bytearray(_DROP_SIZE)
        flags = getattr(socket, "MSG_TRUNC", 0)
        while request.left:
            most = min(request.left, _DROP_SIZE)
            dropped = _drop(self.socket, most) if flags else self.socket.recv_into(trash, most)
            if not dropped:
                raise ConnectionResetError
            request.left -= dropped

    def _head(self) -> Request | None:
        while b"\r\n\r\n" not in self.buffered:
            piece = self.socket.recv(MAX_HEAD)
            if not piece:
                return None
            self.buffered += piece
        head, _, self.buffered = self.buffered.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        fields = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        return Request(self, method, target, headers, int(headers.get("content-length", 0)))


_TRASH = memoryview(bytearray(_DROP_SIZE))


def _drop(connection: socket.socket, most: int) -> int:
    """Discard received bytes in the kernel, without copying them (Linux, MSG_TRUNC)."""
    return connection.recv_into(_TRASH[:most], most, socket.MSG_TRUNC)


def serve(handle: Handler, announce: Callable[[int], None]) -> None:
    """Serve on a free port of 127.0.0.1 until the process ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        announce(listener.getsockname()[1])
        while True:
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_connection, args=(accepted, handle), daemon=True).start()


def _connection(accepted: socket.socket, handle: Handler) -> None:
    with accepted, suppress(ConnectionError, TimeoutError):
        Connection(accepted).requests(handle)


def run(handle: Handler) -> None:
    """Print ``{"port": …}`` for the parent process, then serve."""
    serve(handle, lambda port: print(json.dumps({"port": port}), flush=True))


def parser(about: str | None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=about)
