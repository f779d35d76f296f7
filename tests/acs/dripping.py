"""A server whose answers never end, and never pause for long."""

import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 60000\r\n\r\n"
ENDLESS: dict[str, tuple[bytes, Iterable[bytes]]] = {
    "status line": (b"HTTP/1.1 200 ", itertools.repeat(b"O")),
    "headers": (b"HTTP/1.1 200 OK\r\nX-Long: ", itertools.repeat(b"x")),
    "interim answers": (b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "error": (
        b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 60000\r\n\r\n",
        itertools.repeat(b" "),
    ),
    "redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: /v1/objects/1/content\r\nContent-Length: 60000\r\n\r\n",
        itertools.repeat(b" "),
    ),
}
"""What comes at once, and what then comes piece by piece."""


@contextmanager
def dripping(at_once: bytes, drops: Iterable[bytes]) -> Iterator[str]:
    """Serve this one answer on every connection, with a drop each 20 ms; yields ``host:port``."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(at_once)
            for drop in drops:
                if stopped.wait(0.02):
                    return
                connection.sendall(drop)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=accept, args=(server,), daemon=True)
        accepting.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            stopped.set()
            # `close` does not wake a thread that waits in `accept`
            server.shutdown(socket.SHUT_RDWR)
            accepting.join(5)
