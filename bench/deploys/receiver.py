"""The receiver of alarms: remembers when each came."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

HOST = "127.0.0.1"
MAX_BODY_SIZE = 1 << 20


class Received(NamedTuple):
    """An alarm that came."""

    kind: str
    workflow_id: str
    at: float
    """Seconds since the epoch."""


class Alarms(list[Received]):
    """All alarms of a run, in the order in which they came."""

    url = ""

    def take(self, body: bytes) -> None:
        """Take note of one."""
        data = json.loads(body)["data"]
        if data["status"] == "firing":
            self.append(Received(data["kind"], data["workflowId"], time.time()))


@contextmanager
def receiving() -> Iterator[Alarms]:
    """Receive alarms in a thread, until the block ends."""
    alarms = Alarms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("content-length", 0)), MAX_BODY_SIZE)
            alarms.take(self.rfile.read(length))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="alarms")
        thread.start()
        alarms.url = f"http://{HOST}:{server.server_port}"
        try:
            yield alarms
        finally:
            server.shutdown()
            thread.join()
