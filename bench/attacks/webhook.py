"""A receiver of alarms that answers a byte in two seconds, and never to the end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_INTERVAL = 2.0
_MAX_BYTES = 30


class _Dripping(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nx: "[:_MAX_BYTES]:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(_INTERVAL)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def dripping() -> Iterator[str]:
    """Yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dripping) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/alarms"
        server.shutdown()
