"""Fast reading of parts of a file: many threads, each with a reader of its own.

Every request is signed just before it is sent, every redirect is checked against the allowed hosts
and paths, and every answer is compared with the request before a byte of it is read.
"""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse

import httpx

from callvault.acs.content import DOWNLOAD, ByteRange, ContentRange, check_answer
from callvault.acs.error_body import MAX_BODY, ErrorResponse
from callvault.acs.errors import connection_failed, error_for
from callvault.acs.media_location import MediaLocation
from callvault.acs.signing import DATE_HEADER
from callvault.connection_pool import ConnectionPool, Origin
from callvault.errors import BrokenContent, Unavailable

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 307, 308})
DOWNLOADED = frozenset({200, 206})

Sign = Callable[[str, str], Mapping[str, str]]
"""Headers that authenticate a request of this method for this target."""


@dataclass(frozen=True)
class RangedContent:
    """A file of a recording; satisfies `callvault.archive.transfer.source.Source`."""

    location: MediaLocation
    connections: ConnectionPool
    sign: Sign

    def reader(self) -> "RangeReader":
        """Make a reader for one thread; close it."""
        return RangeReader(self)


class RangeAnswer:
    """A part of the file on its way; its headers were checked, its bytes are counted by its reader.

    ``offset`` and ``length`` say which part comes, ``size`` is that of the whole file; None where
    the service does not say. All in bytes.
    """

    def __init__(
        self, response: HTTPResponse, headers: httpx.Headers, content_range: ContentRange
    ) -> None:
        self._response = response
        self.offset, self.length, self.size = content_range
        self.etag: str | None = headers.get("ETag")
        self.last_modified: str | None = headers.get("Last-Modified")
        self.content_type: str | None = headers.get("Content-Type")

    def readinto(self, buffer: memoryview) -> int:
        """Read up to ``len(buffer)`` bytes; 0 at the end, which may have come too early."""
        try:
            return self._response.readinto(buffer)
        except HTTPException as error:
            raise BrokenContent("the download was cut before its end; repeat it") from error
        except (OSError, ValueError, AttributeError) as error:
            # `abort` takes the socket away under a reading thread, hence the last two
            raise connection_failed(error, DOWNLOAD) from error


class RangeReader:
    """Asks for one part after the other, over a connection that is kept alive.

    For one thread; only `abort` may be called by another.
    """

    def __init__(self, content: RangedContent) -> None:
        self._content = content
        self._connection: HTTPConnection | None = None
        self._origin: Origin | None = None
        self._response: HTTPResponse | None = None
        self._signed_date = ""

    def open(self, offset: int, length: int | None) -> RangeAnswer:
        """Ask for ``length`` bytes from ``offset``, or all that follow; drop the previous answer.

        Without an end of its own: time-outs are for the next bytes alone, so whoever calls it has
        it ended by `abort`. Where `RangeAnswer.offset` is 0 and its length the whole size instead,
        the service has ignored the range. Raises as `callvault.acs.client.AcsClient.open_content`
        does.
        """
        requested = ByteRange(offset, length)
        location = self._content.location
        target = location.target()
        for _ in range(MAX_REDIRECTS + 1):
            response, headers = self._ask(target, requested)
            if response.status not in REDIRECTS:
                return self._opened(response, headers, requested)
            # Read to its end, so that the connection can serve again.
            _beginning(response)
            target = location.redirected(headers.get("Location", ""), target)
        raise Unavailable(
            f"could not {DOWNLOAD.verb}: more than {MAX_REDIRECTS} redirects; try again"
        )

    def close(self) -> None:
        """Give the connection back to the pool if it can be used again."""
        connection, origin, self._connection = self._connection, self._origin, None
        if connection is None or origin is None:
            return
        answered = self._response
        # Bytes that are left unread would be taken for the beginning of the next answer.
        if answered is not None and answered.isclosed() and not answered.will_close:
            self._content.connections.release(origin, connection)
        else:
            if answered is not None:
                answered.close()  # where the server said that it closes, the connection forgot it
            connection.close()

    def abort(self) -> None:
        """End the request that is under way, from another thread."""
        connection = self._connection
        if connection is not None and (under_way := connection.sock) is not None:
            with suppress(OSError):
                # `close` does not wake a thread that waits for bytes; `shutdown` does.
                under_way.shutdown(socket.SHUT_RDWR)

    def _opened(
        self, response: HTTPResponse, headers: httpx.Headers, requested: ByteRange
    ) -> RangeAnswer:
        if response.status not in DOWNLOADED:
            body = _beginning(response)
            answer = ErrorResponse(response.status, headers, body, self._signed_date)
            raise error_for(answer, DOWNLOAD)
        content_range = check_answer(response.status, headers, requested, json_allowed=False)
        return RangeAnswer(response, headers, content_range)

    def _ask(self, url: httpx.URL, requested: ByteRange) -> tuple[HTTPResponse, httpx.Headers]:
        target = url.raw_path.decode("ascii")
        headers = {"Accept-Encoding": "identity", **requested.headers()}
        try:
            response = self._exchange(Origin.of(url), target, headers)
            return response, httpx.Headers(response.getheaders())
        except (OSError, HTTPException) as error:
            raise connection_failed(error, DOWNLOAD) from error

    def _exchange(self, origin: Origin, target: str, headers: Mapping[str, str]) -> HTTPResponse:
        """Send on a pooled connection; one that was closed meanwhile is replaced once."""
        self.close()
        self._origin, self._response = origin, None
        self._connection = self._content.connections.acquire(origin)
        try:
            return self._request(self._connection, target, headers)
        # A server may close an idle connection just as it is taken from the pool.
        except (ConnectionError, HTTPException):
            self._connection.close()
            self._connection = self._content.connections.fresh(origin)
            return self._request(self._connection, target, headers)

    def _request(
        self, connection: HTTPConnection, target: str, headers: Mapping[str, str]
    ) -> HTTPResponse:
        # Signed for each request, as the key may have been replaced since the last one.
        signed = self._content.sign("GET", target)
        self._signed_date = signed.get(DATE_HEADER, "")
        connection.request("GET", target, headers={**headers, **signed})
        try:
            self._response = connection.getresponse()
        except (ValueError, AttributeError) as error:
            raise ConnectionAbortedError("`abort` took the socket away") from error
        return self._response


def _beginning(response: HTTPResponse) -> bytes:
    try:
        return response.read(MAX_BODY)
    except (OSError, HTTPException) as error:
        raise connection_failed(error, DOWNLOAD) from error
