"""Ranges of a file, and the answers that carry them."""

import re
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from callvault.emulator.storage import AnyFile

_RANGE = re.compile(r"bytes=\s*(?P<first>\d*)-(?P<last>\d*)\s*")
_MOST_DIGITS = 20


class Span(NamedTuple):
    """Bytes from ``first`` up to, but not including, ``end``."""

    first: int
    end: int


class Unsatisfiable(Exception):
    """The range begins after the end of the file."""


def requested_span(header: str | None, size: int) -> Span | None:
    """The bytes that are asked for; None for all of them.

    What is malformed, or asks for several ranges, is ignored, as HTTP allows: SDK 1.4.0 always
    sends ``bytes=None``. Raises `Unsatisfiable`.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or len(match[0]) > 2 * _MOST_DIGITS:
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


def serve(request: Request, file: AnyFile, status: int) -> Response:
    """The file, or the range of it that is asked for under ``status``."""
    headers = {"ETag": file.etag, "Accept-Ranges": "bytes"}
    try:
        span = requested_span(_wanted(request, file), file.size)
    except Unsatisfiable:
        return Response(
            status_code=416, headers={**headers, "Content-Range": f"bytes */{file.size}"}
        )
    if span is None:
        return _streamed(file, Span(0, file.size), 200, headers)
    content_range = f"bytes {span.first}-{span.end - 1}/{file.size}"
    return _streamed(file, span, status, {**headers, "Content-Range": content_range})


def _wanted(request: Request, file: AnyFile) -> str | None:
    """A range counts only for the file that ``If-Range`` names."""
    condition = request.headers.get("if-range")
    return None if condition and condition != file.etag else request.headers.get("range")


def _streamed(file: AnyFile, span: Span, status: int, headers: dict[str, str]) -> Response:
    length = {"Content-Length": str(span.end - span.first)}
    return StreamingResponse(
        file.blocks(*span), status, {**headers, **length}, "application/octet-stream"
    )
