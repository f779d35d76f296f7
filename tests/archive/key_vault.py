"""A double of Azure Key Vault: Get Key and Sign of api-version 7.4, as the reference has them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

VERSION = "0123456789abcdef0123456789abcdef"


class Token:
    """A credential that tells for whom a token was asked."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("a-token", 2**31)


@dataclass
class Vault:
    """One key, in one vault; what a test changes is what the vault answers with."""

    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    url: str = ""
    answer: tuple[int, bytes] | None = None
    """Status and body of every answer, where it is not the usual one."""
    told: dict[str, str] = field(default_factory=dict)
    """Members of the key that are told differently."""
    s_of: Any = None
    """Changes the s of a signature."""
    requests: list[str] = field(default_factory=list)

    def handle(self, method: str, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        self.requests.append(f"{method} {path}")
        if self.answer:
            return self.answer
        parts = urlsplit(path)
        if token != "Bearer a-token" or parse_qs(parts.query) != {"api-version": ["7.4"]}:
            return 401, b'{"error":{"code":"Unauthorized","message":"no"}}'
        if method == "GET" and parts.path in {"/keys/seal", f"/keys/seal/{VERSION}"}:
            return 200, json.dumps({"key": self.jwk(), "attributes": {"enabled": True}}).encode()
        if method == "POST" and parts.path == f"/keys/seal/{VERSION}/sign":
            return 200, json.dumps(self.signed(json.loads(body))).encode()
        return 404, b'{"error":{"code":"KeyNotFound","message":"no"}}'

    def jwk(self) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        return {
            "kid": f"{self.url}/keys/seal/{VERSION}",
            "kty": "EC",
            "crv": "P-256",
            "key_ops": ["sign", "verify"],
            "x": base64url(numbers.x.to_bytes(32)),
            "y": base64url(numbers.y.to_bytes(32)),
            **self.told,
        }

    def signed(self, asked: dict[str, str]) -> dict[str, str]:
        assert asked["alg"] == "ES256"
        digest = base64.urlsafe_b64decode(asked["value"] + "=")
        r, s = decode_dss_signature(self.key.sign(digest, ECDSA(Prehashed(SHA256()))))
        s = self.s_of(s) if self.s_of else s
        return {"kid": self.jwk()["kid"], "value": base64url(r.to_bytes(32) + s.to_bytes(32))}


@contextmanager
def serving(vault: Vault) -> Iterator[Vault]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", b"")

        def do_POST(self) -> None:
            self._answer("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, method: str, body: bytes) -> None:
            token = self.headers.get("Authorization", "")
            status, content = vault.handle(method, self.path, token, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
