"""A small real HTTP server that receives events, with scripted answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    method: str
    headers: dict[str, str]
    body: Any

    @property
    def is_validation(self) -> bool:
        return self.headers.get("aeg-event-type") == "SubscriptionValidation"


class Webhook:
    """A webhook; ``answers`` are the statuses of the next deliveries, then it answers 200."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answers: list[int] = []
        self.validation_status = 200
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), _handler(self), bind_and_activate=False
        )
        self._server.server_bind()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?secret=s"

    @property
    def deliveries(self) -> list[Received]:
        return [each for each in self.requests if each.method == "POST" and not each.is_validation]

    def of_type(self, name: str) -> list[Received]:
        return [each for each in self.deliveries if name in json.dumps(each.body)]

    @contextmanager
    def open(self) -> Iterator["Webhook"]:
        self._server.server_activate()
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def _handler(webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            webhook.requests.append(self._received(None))
            self.send_response(200)
            self.send_header("WebHook-Allowed-Origin", "eventgrid.azure.net")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received = self._received(body)
            webhook.requests.append(received)
            if received.is_validation:
                code = body[0]["data"]["validationCode"]
                answer = json.dumps({"validationResponse": code}).encode()
                self._answer(webhook.validation_status, answer)
            else:
                self._answer(webhook.answers.pop(0) if webhook.answers else 200, b"")

        def _received(self, body: Any) -> Received:
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Received(self.command, headers, body)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing: tests look at ``requests``."""

    return Handler
