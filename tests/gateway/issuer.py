"""An OpenID issuer on this machine, with rotating keys, which may be unavailable."""

import gzip
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "5f1c5ab0-95d1-4bd0-a5e5-5d3a4b4e7f10"


class Issuer(ThreadingHTTPServer):
    """An issuer with one key of its own at a time, as `published` says, behind `others`.

    Counts its requests.
    """

    issuer = "https://issuer.example"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0
        self.is_away = False
        self.pad = 0
        """Blanks behind each document."""
        self.drip: float | None = None
        """Seconds before each byte; at once by default."""
        self.encoding: str | None = None
        self.published_as = self.issuer
        self.published: dict[str, Any] = {"use": "sig"}
        self.others: list[Any] = []
        self.rotate()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def rotate(self) -> None:
        """Replace the key."""
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key_id = uuid.uuid4().hex

    def token(self, *, algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": AUDIENCE, "exp": now + 300, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.key, algorithm, headers={"kid": self.key_id})

    def document(self, path: str) -> dict[str, Any]:
        if path == "/keys":
            public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
            return {"keys": [*self.others, {**public, "kid": self.key_id, **self.published}]}
        return {"issuer": self.published_as, "jwks_uri": f"{self.url}/keys"}


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(503 if self.server.is_away else 200)
        if self.server.encoding:
            self.send_header("content-encoding", self.server.encoding)
        self.end_headers()
        body = json.dumps(self.server.document(self.path)).encode() + b" " * self.server.pad
        # The client may have gone, which is what is tested.
        with suppress(ConnectionError):
            self._write(gzip.compress(body) if self.server.encoding else body)

    def _write(self, body: bytes) -> None:
        if self.server.drip is None:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(self.server.drip)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def issuing() -> Iterator[Issuer]:
    with Issuer() as issuer:
        thread = threading.Thread(target=issuer.serve_forever)
        thread.start()
        yield issuer
        issuer.shutdown()
        thread.join()
