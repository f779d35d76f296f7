"""A small real HTTP server with scripted answers, which records its requests."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY_TEXT = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def is_signed_for(self, host: str, key: str = KEY_TEXT) -> bool:
        """Verify the signature independently of the code under test."""
        digest = base64.b64encode(hashlib.sha256(self.body).digest()).decode()
        date = self.headers["x-ms-date"]
        text = f"{self.method}\n{self.target}\n{date};{host};{digest}"
        mac = hmac.new(base64.b64decode(key), text.encode(), "sha256")
        signed = base64.b64encode(mac.digest()).decode()
        return (
            self.headers["x-ms-content-sha256"] == digest
            and self.headers["authorization"]
            == f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signed}"
        )


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    """Content-Length is that of the body unless given here; an empty value omits a header."""
    hold: threading.Event | None = None
    """Wait for this event after the headers, before the body is sent."""


class Service:
    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        self.seen: list[Seen] = []
        self.answers: list[Answer] = []
        """Used one after the other; the last one is repeated."""
        self.decide: Callable[[Seen], Answer] | None = None

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        if self.decide:
            return self.decide(seen)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = Service(self.server_port)

    def handle_error(self, *_: object) -> None:
        """Ignore the error: a client that disconnects early is a case under test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, self.rfile.read(length))
        self.reply(self.server.service.answer(seen))

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

    def reply(self, answer: Answer) -> None:
        headers = {"Content-Length": str(len(answer.body))} | answer.headers
        self.send_response(answer.status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if answer.hold:
            answer.hold.wait(5)
        self.wfile.write(answer.body)
        # A body shorter than announced can only end with the connection.
        self.close_connection = headers["Content-Length"] != str(len(answer.body))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Service]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.service
        finally:
            server.shutdown()
            thread.join()
