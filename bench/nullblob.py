"""A blob service that keeps names and sizes and discards the bytes.

Azurite accepts 150 to 200 MiB/s from any writer; this service accepts more than any copier can
deliver, so that the copiers are measured and not the sink. It implements the operations of uploads:
Put Block, Put Block List, Get Block List, Put Blob, and properties. It checks nothing, not even
credentials.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.sax.saxutils import escape

from bench.http_server import Request, run

_LISTED = re.compile(rb"<(?:Latest|Uncommitted|Committed)>([^<]+)</")


@dataclass
class Blob:
    blocks: dict[str, int] = field(default_factory=dict)
    """Sizes of staged blocks that are not committed, by id."""
    size: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class NullBlobs:
    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}
        self._lock = threading.Lock()

    def handle(self, request: Request) -> None:
        kind = (request.method, request.option("comp") or request.option("restype"))
        actions: dict[tuple[str, str], Callable[[Request], None]] = {
            ("PUT", "block"): self._stage,
            ("PUT", "blocklist"): self._commit,
            ("PUT", ""): self._put,
            ("GET", "blocklist"): self._list,
            ("HEAD", ""): self._properties,
            ("PUT", "container"): lambda request: request.answer(201),
            ("GET", "container"): lambda request: request.answer(200),
            ("HEAD", "container"): lambda request: request.answer(200),
        }
        if (action := actions.get(kind)) is not None:
            action(request)
        else:
            request.answer(501)

    def _blob(self, request: Request) -> Blob:
        with self._lock:
            return self._blobs.setdefault(unquote(request.path), Blob())

    def _stage(self, request: Request) -> None:
        size = request.left
        request.drop_body()
        self._blob(request).blocks[request.option("blockid")] = size
        request.answer(201)

    def _commit(self, request: Request) -> None:
        blob, listed = self._blob(request), _LISTED.findall(request.body())
        if _is_refused(request, blob):
            return
        try:
            blob.size = sum(blob.blocks[unquote(each.decode())] for each in listed)
        except KeyError:
            request.answer(400, {"x-ms-error-code": "InvalidBlockList"})
            return
        blob.blocks, blob.headers = {}, _kept(request)
        request.answer(201, _HEADERS)

    def _put(self, request: Request) -> None:
        blob = self._blob(request)
        if _is_refused(request, blob):
            return
        blob.size, blob.headers = request.left, _kept(request)
        request.answer(201, _HEADERS)

    def _list(self, request: Request) -> None:
        blob = self._blob(request)
        blocks = "".join(
            f"<Block><Name>{escape(name)}</Name><Size>{size}</Size></Block>"
            for name, size in blob.blocks.items()
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?><BlockList><CommittedBlocks />'
            f"<UncommittedBlocks>{blocks}</UncommittedBlocks></BlockList>"
        )
        request.answer(200, {"Content-Type": "application/xml"}, body.encode())

    def _properties(self, request: Request) -> None:
        blob = self._blob(request)
        if blob.size is None:
            request.answer(404, {"x-ms-error-code": "BlobNotFound"})
            return
        request.answer(200, _HEADERS | blob.headers | {"Content-Length": str(blob.size)})


_HEADERS = {
    "ETag": '"0x1"',
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "x-ms-blob-type": "BlockBlob",
}


def _is_refused(request: Request, blob: Blob) -> bool:
    """Answer a request that must not overwrite what is there."""
    is_refused = request.headers.get("if-none-match") == "*" and blob.size is not None
    if is_refused:
        request.answer(409, {"x-ms-error-code": "BlobAlreadyExists"})
    return is_refused


def _kept(request: Request) -> dict[str, str]:
    return {name: v for name, v in request.headers.items() if name.startswith("x-ms-meta-")}


if __name__ == "__main__":
    run(NullBlobs().handle)
