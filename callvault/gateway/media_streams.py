"""The route that sends the bytes of an opened file, to whoever has the link, while it lasts.

A client that does not read is disconnected like any other (`connections`), and only so many files
are sent at a time: a listener takes no place of an event or a pause.
"""

import hashlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from callvault.archive.store import Archive, StoredObject
from callvault.errors import InvalidRequest
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.byte_ranges import ByteRange, asked_range
from callvault.gateway.error_responses import error_response
from callvault.gateway.media_links import PATH, MediaLink, MediaLinks
from callvault.gateway.methods import add_read
from callvault.gateway.openapi import operations
from callvault.gateway.request_url import SECRET_HEADER


class MediaStreams:
    """Sends files, or parts of them, to those who have a link."""

    def __init__(self, archives: ArchiveReaders, links: MediaLinks, max_streams: int) -> None:
        self._archives = archives
        self._links = links
        self._places = _Places(max_streams)

    async def send(self, request: Request) -> Response:
        """The bytes of a file, or the part that `Range` asks for."""
        link = self._links.read(request.headers.get(SECRET_HEADER, ""))
        archive = (await self._archives.open(link.archive)).archive
        found = await self._archives.run(lambda: archive.stat(link.object_name))
        if found is None:
            raise InvalidRequest(
                "the file is gone: open the recording again, the answer says what became of it",
                status=404,
                code="not_found",
            )
        part = _asked_part(request, found)
        if part is not None and not part.length:
            return _no_such_part(found.size)
        headers = _headers(link, found, part)
        status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
        if request.method == "HEAD":
            return Response(None, status, headers, link.content_type)
        pieces = self._pieces(archive, link.object_name, part or ByteRange(0, found.size))
        return _Limited(self._places, pieces, status, headers, link.content_type)

    async def _pieces(
        self, archive: Archive, object_name: str, part: ByteRange
    ) -> AsyncIterator[bytes]:
        pieces = archive.read(object_name, offset=part.offset, length=part.length)
        while piece := await self._archives.run(lambda: next(pieces, b"")):
            yield piece


class _Places:
    """The number of files that may still be sent at this moment."""

    def __init__(self, count: int) -> None:
        self.free = count


class _Limited(StreamingResponse):
    """A response that takes a place while it is sent, and an error where none is free."""

    def __init__(
        self,
        places: _Places,
        pieces: AsyncIterator[bytes],
        status: int,
        headers: dict[str, str],
        content_type: str,
    ) -> None:
        super().__init__(pieces, status, headers, content_type)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._places.free <= 0:
            message = "as many files as may be at a time are being sent: ask again"
            refused = error_response(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", message)
            await refused(scope, receive, send)
            return
        # Here, and not where the first byte is read: a client may have gone before that.
        self._places.free -= 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.free += 1


def media_streams_router(streams: MediaStreams) -> APIRouter:
    """Return the route that sends files."""
    router = APIRouter(tags=["recordings"])
    add_read(router, PATH, streams.send, **operations.MEDIA)
    return router


def _asked_part(request: Request, found: StoredObject) -> ByteRange | None:
    """Return the part that is asked for; None for the whole file."""
    if request.headers.get("if-range", _tag(found)) != _tag(found):
        return None
    return asked_range(request.headers.get("range"), found.size)


def _headers(link: MediaLink, found: StoredObject, part: ByteRange | None) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": link.content_disposition,
        "content-length": str(part.length if part else found.size),
        "etag": _tag(found),
    }
    if part:
        last = part.offset + part.length - 1
        headers["content-range"] = f"bytes {part.offset}-{last}/{found.size}"
    return headers


def _no_such_part(size: int) -> Response:
    return error_response(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "range_not_satisfiable",
        f"the file has {size} bytes, and none in the range that is asked for",
        headers={"content-range": f"bytes */{size}"},
    )


def _tag(found: StoredObject) -> str:
    # The name is enough: an object is never overwritten.
    return f'"{hashlib.sha256(f"{found.name} {found.size}".encode()).hexdigest()[:32]}"'
