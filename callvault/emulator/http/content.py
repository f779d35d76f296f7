"""Recorded files over HTTP: download, ranges and deletion, on the paths of the content hosts."""

import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from callvault.emulator.emulator import Emulator
from callvault.emulator.http.requests import read_signed, target
from callvault.emulator.storage import AnyFile

PREFIX = "/v1/objects/"

AMS_UNAUTHORIZED = {"title": "Unauthorized", "status": 401, "message": "Unauthorized"}
"""The body that content hosts of 2023 give a 401."""

_RANGE = re.compile(r"bytes=\s*(?P<first>\d*)-(?P<last>\d*)\s*")
_MAX_DIGITS = 20
_RANGES = "Accept-Ranges"


class Objects:
    """Routes of the content hosts; errors have empty bodies, as the service's do."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [
            Route(PREFIX + "{document_id}/content/{view}", self.download, methods=["GET"]),
            Route(PREFIX + "{document_id}", self.delete, methods=["DELETE"]),
        ]

    async def download(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        wanted = request.path_params
        file = self._emulator.storage.find(wanted["document_id"], wanted["view"])
        if file is None:
            return Response(status_code=404)
        behaviours = self._emulator.behaviours.now
        if behaviours.content_redirect and self._at_location(request):
            return Response(status_code=302, headers={"Location": self._elsewhere(request)})
        return serve_file(request, file, int(behaviours.range_status), self._headers(wanted))

    async def delete(self, request: Request) -> Response:
        await read_signed(request, self._emulator)
        found = self._emulator.storage.delete(request.path_params["document_id"])
        return Response(status_code=200 if found else 404)

    def _headers(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a file, beside those of its content."""
        written_at = self._emulator.storage.expiry(wanted["document_id"])
        written_at -= self._emulator.settings.retention
        return {
            "Last-Modified": format_datetime(written_at, usegmt=True),
            "Cache-Control": "private",
            **({_RANGES: "bytes"} if self._emulator.behaviours.now.content_etag else {}),
        }

    def _at_location(self, request: Request) -> bool:
        """Return True if this is the host that events name, not the one that it redirects to."""
        # By port: both listeners have the same address.
        port: int = request.scope["server"][1]
        at_content_host = port == self._emulator.content_port
        return at_content_host is (self._emulator.behaviours.now.content_host == "other")

    def _elsewhere(self, request: Request) -> str:
        hosts = {self._emulator.endpoint, self._emulator.content_host}
        (other,) = hosts - {self._emulator.file_locations}
        return other + target(request)


class Span(NamedTuple):
    """Bytes from ``first`` up to, but not including, ``end``."""

    first: int
    end: int


class Unsatisfiable(Exception):
    """The range begins after the end of the file."""


def requested_span(header: str | None, size: int) -> Span | None:
    """Parse a ``Range`` header; None for the whole file.

    Malformed and several ranges are ignored, as HTTP allows: SDK 1.4.0 always sends ``bytes=None``.
    Raises `Unsatisfiable`.
    """
    match = _RANGE.fullmatch(header or "")
    # `int` refuses texts of thousands of digits.
    if match is None or len(match[0]) > 2 * _MAX_DIGITS:
        return None
    first, last = match["first"], match["last"]
    if not first:
        return _suffix(last, size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return Span(int(first), min(int(last) + 1, size) if last else size)


def _suffix(length: str, size: int) -> Span | None:
    if not length:
        return None
    if int(length) == 0 or size == 0:
        raise Unsatisfiable
    return Span(max(0, size - int(length)), size)


def serve_file(request: Request, file: AnyFile, status: int, told: dict[str, str]) -> Response:
    """Answer with the file, or with the requested range of it under ``status``."""
    headers = {**told, "ETag": file.etag} if _RANGES in told else told
    try:
        span = requested_span(_wanted(request, file), file.size)
    except Unsatisfiable:
        return Response(
            status_code=416, headers={**headers, "Content-Range": f"bytes */{file.size}"}
        )
    if span is None and file.size == 0:
        return _streamed(file, Span(0, 0), 200, headers)
    if span is None:
        span, status = Span(0, file.size), 200
    content_range = f"bytes {span.first}-{span.end - 1}/{file.size}"
    return _streamed(file, span, status, {**headers, "Content-Range": content_range})


def _wanted(request: Request, file: AnyFile) -> str | None:
    """Return the ``Range`` header, unless ``If-Range`` names another version of the file."""
    condition = request.headers.get("if-range")
    return None if condition and condition != file.etag else request.headers.get("range")


def _streamed(file: AnyFile, span: Span, status: int, headers: dict[str, str]) -> Response:
    length = {"Content-Length": str(span.end - span.first)}
    return StreamingResponse(
        file.blocks(*span), status, {**headers, **length}, "application/octet-stream"
    )
