"""A storage account with version-level immutability: a proxy before Azurite, which has none.

It keeps what Azurite knows nothing of (policies and legal holds of blobs, former versions) and
refuses what the service refuses, with the status and the codes of its documentation:

- "Blob service error codes": BlobImmutableDueToPolicy and BlobImmutableDueToLegalHold, both 409;
- "Version-level WORM policies": a policy needs versioning; the deletion of the current version
  makes a former one of it, which stays until it is deleted itself;
- "Set Blob Legal Hold" (``comp=legalhold``): 200, and 404 where there is no blob; the ETag stays;
- "Put Block List": ``x-ms-immutability-policy-until-date``, ``-mode``, ``x-ms-legal-hold``.

Requests come with a SAS, which signs no headers.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

UNTIL = "x-ms-immutability-policy-until-date"
MODE = "x-ms-immutability-policy-mode"
HOLD = "x-ms-legal-hold"
_HOP = {"transfer-encoding", "connection", "content-length", "host", "keep-alive"}


@dataclass
class Protection:
    """The policy and the legal hold on one blob, or on one version."""

    until: datetime | None = None
    mode: str = ""
    is_held: bool = False


@dataclass
class Account:
    """The state of the account that Azurite does not have, by the path of a blob."""

    target: str
    port: int = 0
    now: datetime | None = None
    """Stands for the present; None for the real one."""
    tells: bool = True
    """False: the properties of a blob do not tell of its protection, as if it came meanwhile."""
    failing: Callable[[], bool] | None = None
    """Tells for each legal hold that is set or cleared if the SAS lacks the permission ``i``."""
    protected: dict[str, Protection] = field(default_factory=dict)
    versions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The bytes of former versions, by path and id."""

    def refusal(self, path: str) -> str | None:
        """Return the code by which a deletion or an overwriting is refused."""
        found = self.protected.get(path, Protection())
        if found.is_held:
            return "BlobImmutableDueToLegalHold"
        is_kept = found.until is not None and found.until > (self.now or datetime.now(UTC))
        return "BlobImmutableDueToPolicy" if is_kept else None

    def everything(self) -> bytes:
        """Return the bytes of all former versions."""
        return b"".join(each for of in self.versions.values() for each in of.values())


@contextmanager
def immutable_account(target: str) -> Iterator[Account]:
    """Run the proxy before the account at ``target``, an URL."""
    account = Account(urlsplit(target).netloc)
    handler = type("Handler", (_Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    account.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    account: Account
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, query = self._where()
        comp = query.get("comp", "")
        if comp == "legalhold":
            status, _, _ = self._ask("HEAD", self.path.replace("comp=legalhold", ""), {}, b"")
            if status == 404:
                return self._refuse("BlobNotFound", 404)
            if self.account.failing is not None and self.account.failing():
                return self._refuse("AuthorizationPermissionMismatch", 403)
            self.account.protected.setdefault(path, Protection()).is_held = (
                self.headers[HOLD] == "true"
            )
            return self._answer(200, {HOLD: self.headers[HOLD]}, b"")
        # Put Block List, Put Blob and Set Blob Metadata change the blob.
        if comp in ("blocklist", "", "metadata") and (code := self.account.refusal(path)):
            return self._refuse(code)
        status, headers, content = self._forward(body)
        if comp == "blocklist" and status == 201 and UNTIL in self.headers:
            until = parsedate_to_datetime(self.headers[UNTIL])
            is_held = self.headers.get(HOLD) == "true"
            self.account.protected[path] = Protection(until, self.headers[MODE], is_held)
        return self._answer(status, headers, content)

    def do_DELETE(self) -> None:
        path, query = self._where()
        version = query.get("versionid")
        if code := self.account.refusal(f"{path}?{version}" if version else path):
            return self._refuse(code)
        if version:
            self.account.versions.get(path, {}).pop(version, None)
            return self._answer(202, {}, b"")
        blob = self._get(path)
        status, headers, content = self._forward(b"")
        if status == 202:
            name = datetime.now(UTC).isoformat()
            self.account.versions.setdefault(path, {})[name] = blob
            self.account.protected[f"{path}?{name}"] = self.account.protected.pop(
                path, Protection()
            )
        return self._answer(status, headers, content)

    def do_GET(self) -> None:
        path, query = self._where()
        status, headers, content = self._forward(b"")
        if query.get("comp") == "list" and "versions" in query.get("include", ""):
            content = self._with_versions(content, path, query.get("prefix", ""))
        self._answer(status, headers, content)

    def do_HEAD(self) -> None:
        path, _ = self._where()
        status, headers, _ = self._forward(b"")
        found = self.account.protected.get(path)
        if status == 200 and found is not None and self.account.tells:
            if found.until is not None:
                headers |= {UNTIL: format_datetime(found.until, usegmt=True), MODE: found.mode}
            headers |= {HOLD: "true"} if found.is_held else {}
        self._answer(status, headers, None)

    def _where(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    def _with_versions(self, listed: bytes, container: str, prefix: str) -> bytes:
        """Add former versions to a list of blobs."""
        more = b""
        for path, versions in self.account.versions.items():
            name = path.removeprefix(f"{container}/")
            if name.startswith(prefix):
                for version in versions:
                    more += (
                        f"<Blob><Name>{name}</Name><VersionId>{version}</VersionId>"
                        "<Properties><Content-Length>1</Content-Length>"
                        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
                    ).encode()
        return listed.replace(b"<Blobs/>", b"<Blobs></Blobs>").replace(
            b"</Blobs>", more + b"</Blobs>"
        )

    def _get(self, path: str) -> bytes:
        query = urlsplit(self.path).query
        return self._ask("GET", f"{path}?{query}", {}, b"")[2]

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        unknown = {UNTIL, MODE, HOLD}
        headers = {
            name: text for name, text in self.headers.items() if name.lower() not in _HOP | unknown
        }
        return self._ask(self.command, self.path, headers, body)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.account.target, timeout=30)
        try:
            connection.request(method, path, body, headers | {"Host": self.account.target})
            answer = connection.getresponse()
            kept = {n: t for n, t in answer.getheaders() if n.lower() not in _HOP}
            if method == "HEAD" and (size := answer.getheader("Content-Length")):
                kept["Content-Length"] = size
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _refuse(self, code: str, status: int = 409) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        headers = {"x-ms-error-code": code, "Content-Type": "application/xml"}
        self._answer(status, headers, body.encode())

    def _answer(self, status: int, headers: dict[str, str], content: bytes | None) -> None:
        self.send_response_only(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if content is not None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content is not None:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the base)
        """Say nothing."""
