"""Checks that a download brings exactly the bytes that were asked for."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx

from callvault.acs.errors import Operation, error_for
from callvault.errors import BrokenContent, NotReady
from callvault.header_values import whole_number

DOWNLOAD = Operation("download a file", "content")

_EVIDENCE_HEADERS = ("Content-MD5", "Date", "Last-Modified", "X-Microsoft-Skype-Chain-ID")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.IGNORECASE)
_ERROR_PAGE = re.compile(r"html|json|xml", re.IGNORECASE)


class ByteRange(NamedTuple):
    """A requested range: ``length`` bytes from ``offset``, or all that follow."""

    offset: int = 0
    length: int | None = None

    @property
    def is_partial(self) -> bool:
        """True unless the whole file is asked for."""
        # A first part has offset 0: Azure's SDK takes that for the whole file, and sends no Range.
        return self.offset > 0 or self.length is not None

    def headers(self) -> dict[str, str]:
        """Build the ``Range`` header; none for the whole file."""
        if self.offset < 0 or (self.length is not None and self.length < 1):
            raise ValueError(f"no such range: {self.length} bytes from {self.offset}")
        if not self.is_partial:
            return {}
        last = "" if self.length is None else self.offset + self.length - 1
        return {"Range": f"bytes={self.offset}-{last}"}

    def is_satisfied_by(self, content_range: "ContentRange") -> bool:
        """Tell if exactly these bytes come: up to ``length``, or up to the end of the file."""
        if content_range.offset != self.offset or content_range.length is None:
            return False
        if content_range.size is None:
            return content_range.length == self.length
        left = content_range.size - self.offset
        return content_range.length == (left if self.length is None else min(self.length, left))


class ContentRange(NamedTuple):
    """An announced range: ``length`` bytes from ``offset``, of a file of ``size``."""

    offset: int
    length: int | None
    size: int | None


class Content:
    """A file, or a part of it, on its way.

    When a range was asked for and ``offset`` is 0 instead of the one asked for, or ``length`` is
    the whole ``size``, the service has ignored the range and sends everything.
    """

    def __init__(self, response: httpx.Response, content_range: ContentRange) -> None:
        self._response = response
        self.offset, self.length, self.size = content_range
        self.etag: str | None = response.headers.get("ETag")
        self.content_type: str | None = response.headers.get("Content-Type")
        self.headers: Mapping[str, str] = {
            name: response.headers[name] for name in _EVIDENCE_HEADERS if name in response.headers
        }
        """Headers kept as evidence of the file's origin."""

    def iter_bytes(self, chunk_size: int = 1 << 20) -> Iterator[bytes]:
        """Yield the bytes once, in order, and raise unless exactly those announced arrived."""
        received = 0
        for chunk in self._chunks(chunk_size):
            received += len(chunk)
            # Before the yield, so that no byte too many reaches an archive.
            if self.length is not None and received > self.length:
                raise BrokenContent(f"more than the announced {self.length} bytes arrived")
            yield chunk
        if received == 0:
            raise NotReady("the file has 0 bytes: the service is still writing it; ask again")
        if self.length is not None and received < self.length:
            raise BrokenContent(f"{received} of {self.length} bytes arrived; download again")

    def _chunks(self, chunk_size: int) -> Iterator[bytes]:
        chunks = self._response.iter_bytes(chunk_size)
        while True:
            try:
                chunk = next(chunks, None)
            # First, as a subclass of HTTPError: here a part of the file has come already.
            except httpx.RemoteProtocolError as error:
                raise BrokenContent("the download was cut before its end; repeat it") from error
            except httpx.HTTPError as error:
                raise error_for(error, DOWNLOAD) from error
            if chunk is None:
                return
            yield chunk


def open_answer(response: httpx.Response, requested: ByteRange, *, json_allowed: bool) -> Content:
    """Check an answer of status 200 or 206 against what was asked, before any byte is read.

    Raises BrokenContent where it cannot be the file, NotReady where the file is still empty.
    """
    headers = response.headers
    content_range = check_answer(
        response.status_code, headers, requested, json_allowed=json_allowed
    )
    return Content(response, content_range)


def check_answer(
    status: int, headers: httpx.Headers, requested: ByteRange, *, json_allowed: bool
) -> ContentRange:
    """Read the range that an answer of status 200 or 206 brings; raise as `open_answer` does."""
    _reject_error_page(headers.get("Content-Type", ""), json_allowed)
    if not is_plain(headers):
        raise BrokenContent("the file came compressed although that was ruled out; download again")
    content_range = _content_range(status, headers)
    # Seen for the first download after an event (azure-sdk-for-python #33415).
    if content_range.size == 0 or content_range.length == 0:
        raise NotReady("the file has 0 bytes: the service is still writing it; ask again")
    # A server may ignore a Range and answer 200 with everything: callers can tell.
    is_whole = (
        status == 200 and content_range.offset == 0 and content_range.length == content_range.size
    )
    if not is_whole and not requested.is_satisfied_by(content_range):
        raise BrokenContent(
            f"asked for {requested.length or 'all'} bytes from {requested.offset}, but the service "
            f"announces {content_range.length} from {content_range.offset} of"
            f" {content_range.size}; download again"
        )
    return content_range


def is_plain(headers: httpx.Headers) -> bool:
    """Tell if the body is sent as it is: neither compressed nor otherwise coded."""
    return headers.get("Content-Encoding", "identity").strip().lower() in {"", "identity"}


def _reject_error_page(content_type: str, json_allowed: bool) -> None:
    found = _ERROR_PAGE.search(content_type.partition(";")[0])
    if found and not (json_allowed and found[0].lower() == "json"):
        raise BrokenContent(
            f"a page of type {found[0]} came in place of the file, probably from a gateway on "
            "the way; download again"
        )


def _content_range(status: int, headers: httpx.Headers) -> ContentRange:
    """Read the announced range; `BrokenContent` where the headers do not tell it."""
    length = _content_length(headers)
    stated = headers.get("Content-Range")
    # Recorded sessions show a 200 with a Content-Range, too.
    if stated is None and status == 200:
        return ContentRange(0, length, length)
    found = _CONTENT_RANGE.fullmatch((stated or "").strip())
    if not found:
        raise BrokenContent("the service does not say which part of the file it sends")
    first, last = int(found[1]), int(found[2])
    size = None if found[3] == "*" else int(found[3])
    if last < first or length not in {None, last - first + 1}:
        raise BrokenContent("the service contradicts itself on which part of the file it sends")
    return ContentRange(first, last - first + 1, size)


def _content_length(headers: httpx.Headers) -> int | None:
    stated = headers.get("Content-Length", "")
    length = whole_number(stated)
    if length is not None:
        return length
    # Chunked coding marks its own end; else a cut connection would pass for the end of the file.
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise BrokenContent("the service does not say how long the file is: its end is unprovable")
    return None
