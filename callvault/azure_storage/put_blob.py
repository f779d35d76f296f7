"""Put Blob for small blobs, over connections that are kept: one attempt, and what fails is not it.

The SDK's way costs five times the CPU time of everything else in the copy of a small file. So this
is a shortcut alone: it sends what the SDK would send, signed by the SDK, and knows no errors and no
retries. Where a blob was not created, its caller goes the SDK's way, which tells why.
"""

import time
import uuid
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit
from wsgiref.handlers import format_date_time

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import HttpRequest
from azure.core.tracing.decorator import distributed_trace
from azure.storage.blob import ContainerClient

from callvault.connection_pool import ConnectionPool, Origin
from callvault.errors import CallvaultError

SHORTCUT_RETRY_AFTER = 60.0
"""Seconds without the shortcut after it has failed: else each blob would be sent twice."""

_NEVER = float("inf")
_AUDIENCE = "https://storage.azure.com/.default"
_CREATED, _EXISTS = 201, (409, 412)

_Signer = SansIOHTTPPolicy[Any, Any] | BearerTokenCredentialPolicy[Any, Any]


class PutBlob:
    """Creates blobs of one container. Thread-safe."""

    def __init__(self, container: ContainerClient, *, connect: float, read_timeout: float) -> None:
        """``connect`` and ``read_timeout`` as those of `ConnectionPool`."""
        url = urlsplit(container.url)
        self._host, self._path, self._query = url.netloc, url.path, url.query
        port = url.port or {"https": 443, "http": 80}[url.scheme]
        self._origin = Origin(url.scheme, url.hostname or "", port)
        self._version = container.api_version
        self._signer = _signer(container.credential)
        self._connections = ConnectionPool(connect=connect, read_timeout=read_timeout)
        # the pool sends to loopback alone without TLS, and knows no proxy there
        self._resumes_at = 0.0 if url.scheme == "https" or _is_loopback(url.hostname) else _NEVER

    @distributed_trace  # a span, as each operation of the SDK is one
    def create(self, name: str, data: memoryview | bytes, headers: Mapping[str, str]) -> str | None:
        """Create a blob that does not exist; return its ETag, None where it was not created.

        ``headers`` say what it is, with metadata as ``x-ms-meta-…``. With None the blob may exist
        all the same: its answer may be lost.
        """
        if time.monotonic() < self._resumes_at:
            return None
        try:
            answer = self._exchange(name, data, headers)
        except (OSError, HTTPException, AzureError, CallvaultError):
            answer = None
        if answer is not None and answer.status == _CREATED:
            return answer.headers.get("ETag")
        if answer is None or answer.status not in _EXISTS:
            self._resumes_at = time.monotonic() + SHORTCUT_RETRY_AFTER
        return None

    def close(self) -> None:
        """Close idle connections."""
        self._connections.close()

    def _exchange(
        self, name: str, data: memoryview | bytes, headers: Mapping[str, str]
    ) -> HTTPResponse:
        target = f"{self._path}/{quote(name, safe='~/')}"
        target += f"?{self._query}" if self._query else ""
        signed = self._signed(target, len(data), headers)
        try:
            return self._request(self._connections.acquire(self._origin), target, data, signed)
        # A server may close an idle connection just as it is taken from the pool.
        except (ConnectionError, HTTPException):
            return self._request(self._connections.fresh(self._origin), target, data, signed)

    def _request(
        self,
        connection: HTTPConnection,
        target: str,
        data: memoryview | bytes,
        headers: Mapping[str, str],
    ) -> HTTPResponse:
        try:
            connection.request("PUT", target, body=data, headers=headers)
            answer = connection.getresponse()
            answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self._connections.release(self._origin, connection)
        return answer

    def _signed(self, target: str, size: int, headers: Mapping[str, str]) -> Mapping[str, str]:
        request = HttpRequest(
            "PUT",
            f"{self._origin.scheme}://{self._host}{target}",
            headers={
                "x-ms-version": self._version,
                "x-ms-date": format_date_time(time.time()),
                "x-ms-client-request-id": str(uuid.uuid4()),
                "x-ms-blob-type": "BlockBlob",
                "If-None-Match": "*",
                "Content-Type": "application/octet-stream",
                "Content-Length": str(size),
                **headers,
            },
        )
        if self._signer is not None:
            self._signer.on_request(PipelineRequest(request, PipelineContext(None)))
        return request.headers


def _signer(credential: Any) -> _Signer | None:
    """Return the SDK's policy that authenticates a request; None where the URL does."""
    if hasattr(credential, "get_token"):
        return BearerTokenCredentialPolicy(credential, _AUDIENCE)
    return credential if isinstance(credential, SansIOHTTPPolicy) else None


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
