"""The receiver of webhooks in `callvault dev`: each event and each alarm, in one line."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from callvault.config.webhook_keys import PREFIX, webhook_key

HOST = "127.0.0.1"

MAX_BODY_SIZE = 1024 * 1024
"""Bytes; the longest event is far shorter."""

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Difference of a signature's time from ours at which it counts no more (Standard Webhooks)."""

REQUEST_TIMEOUT = 10
"""Seconds that a request may take."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LocalReceiver:
    """A receiver that listens: its address, and the secret that signs what is sent there."""

    url: str
    secret: str = field(repr=False)


@contextmanager
def receiving(tell: Tell) -> Iterator[LocalReceiver]:
    """Receive webhooks in a thread, until the block ends; each is told in one line.

    What is not signed with the secret is answered 401, and told, too.
    """
    secret = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()

    class Handler(_Handler):
        def receive(self, body: bytes) -> int:
            if not _is_signed(secret, self.headers, body):
                tell("webhook refused: it is not signed with the secret of `callvault dev`")
                return 401
            tell(f"webhook {describe(json.loads(body))}")
            return 204

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="receiver")
        thread.start()
        try:
            yield LocalReceiver(f"http://{HOST}:{server.server_port}", secret)
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request; the base class has the names of its methods and attributes."""

    timeout = REQUEST_TIMEOUT

    def receive(self, body: bytes) -> int:
        """Return the status of the answer."""
        raise NotImplementedError

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_SIZE:
            self._answer(413)
            return
        self._answer(self.receive(self.rfile.read(int(length))))

    def do_HEAD(self) -> None:
        """Answer `callvault doctor`, which asks the receiver of alarms so."""
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Write no line for each request: the event is told."""


def _is_signed(secret: str, headers: Message, body: bytes) -> bool:
    """Verify the headers of Standard Webhooks; one of several signatures is enough."""
    message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > MAX_CLOCK_DIFFERENCE.total_seconds():
        return False
    signed = f"{message_id}.{at}.".encode() + body
    digest = hmac.new(webhook_key(secret), signed, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(wanted, each) for each in given)


def describe(event: Mapping[str, Any]) -> str:
    """Tell a CloudEvent of Callvault in one line: about an alarm, a recording, or a ping."""
    kind = str(event["type"]).removeprefix("callvault.")
    data = event.get("data", {})
    parts = [kind, *(_alarm(data) if kind.startswith("alarm.") else _recording(data))]
    return " ".join(" ".join(parts).split())


def _alarm(data: Mapping[str, Any]) -> list[str]:
    about = f"{data['status']}, {data['severity']}: {data['what']}"
    links = {"page": data.get("pageUrl"), "runbook": data.get("runbookUrl")}
    return [about, *(f"[{name}: {url}]" for name, url in links.items() if url)]


def _recording(data: Mapping[str, Any]) -> list[str]:
    if not data:
        return []
    about = [f"{data['workflowId']}, recording {data['recording']} is {data['state']}"]
    files = [f"{each['location']} ({each['size']} bytes)" for each in data["files"] if each["size"]]
    return [", ".join([*about, *files, *filter(None, [data["reason"]])])]
