"""The operations of ACS Call Recording, one method each.

No method repeats a request by itself: the caller owns the retries. All errors are those of
`callvault.errors`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from copy import copy
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple, Self

import httpx

from callvault.acs.allowed_hosts import AllowedHosts, parse_endpoint
from callvault.acs.content import DOWNLOAD, ByteRange, Content, is_plain, open_answer
from callvault.acs.credentials import Credential
from callvault.acs.downloads import (
    DOWNLOADED,
    MAX_REDIRECTS,
    REDIRECTS,
    RangedContent,
)
from callvault.acs.error_body import MAX_BODY, ErrorResponse
from callvault.acs.errors import Operation, error_for
from callvault.acs.media_location import MediaLocation
from callvault.acs.models import (
    CallConnectionProperties,
    RecordingResultResponse,
    RecordingStateResponse,
    Repeatability,
    StartRecording,
)
from callvault.acs.routes import LATEST, Route, Routes
from callvault.acs.signing import DATE_HEADER, http_date
from callvault.acs.socket_options import control_sockets
from callvault.connection_pool import ConnectionPool
from callvault.contracts.activity_io import ACS_TIMEOUT
from callvault.contracts.call_ids import call_connection_in, canonical_call_id
from callvault.contracts.media_urls import UrlKind
from callvault.deadlines import deadline
from callvault.errors import BrokenContent, NeverAgain, Unavailable
from callvault.http_transports import Transport

MAX_METADATA = 1 << 20
"""Longest metadata file that is read, in bytes; real ones have about one thousand."""

_DELETED = frozenset({200, 202, 204})

_START = Operation("start a recording", "call")
_STATE = Operation("read a recording's state", "recording")
_CALL = Operation("read which call a recording is of", "recording")
_RESULT = Operation("read what became of a recording", "recording")
_PAUSE = Operation("pause a recording", "recording")
_RESUME = Operation("resume a recording", "recording")
_STOP = Operation("stop a recording", "recording")
_PROBE = Operation("ask if a resource lets us in", "call")
_DELETE = Operation("delete a file at its source", "content")

_KEEP_ALIVE = httpx.Limits(keepalive_expiry=300.0)
"""Idle connections stay open so long, in seconds: a pause must not wait for a TLS handshake."""


class Timeouts(NamedTuple):
    """Seconds to connect, and to wait for the next bytes of a control answer or of a file."""

    connect: float = 5.0
    control: float = ACS_TIMEOUT.total_seconds()
    content: float = 30.0
    exchange: float = 60.0
    """For a request for content up to the headers of its answer, with all redirects; and for all of
    an answer that is small: metadata, an error."""


DEFAULT_TIMEOUTS = Timeouts()


class AcsClient:
    """One ACS resource. Safe to share between threads; close it, or use it as a context manager.

    ``content_hosts`` names hosts, beyond the service's own, that may be asked for media with
    credentials: ``host`` or ``host:port``.
    """

    def __init__(
        self,
        endpoint: str,
        credential: Credential,
        *,
        api_version: str = LATEST,
        content_hosts: Sequence[str] = (),
        timeout: Timeouts = DEFAULT_TIMEOUTS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._endpoint = parse_endpoint(endpoint)
        self._acs_host = self._endpoint.netloc.decode("ascii")
        self._auth = credential.authenticator(self._acs_host)
        self._routes = Routes(api_version)
        self._hosts = AllowedHosts(self._endpoint, content_hosts)
        self._control_timeout = httpx.Timeout(timeout.control, connect=timeout.connect)
        self._content_timeout = httpx.Timeout(timeout.content, connect=timeout.connect)
        self._exchange_timeout = timeout.exchange
        self._http = _http_client(transport)
        self._bulk = ConnectionPool(connect=timeout.connect, read_timeout=timeout.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._bulk.close()

    def with_timeout(self, seconds: float) -> "AcsClient":
        """Return a client over the same connections that waits this long for control answers."""
        # Shallow: both share the connections, and closing one closes the other.
        client = copy(self)
        client._control_timeout = httpx.Timeout(seconds, connect=seconds / 2)
        return client

    def probe(self) -> tuple[str | None, str]:
        """Ask for what does not exist; return the answer's ``Date``, and why ACS lets us not in.

        The second is empty where it does. Raises `Unavailable` where it does not answer.
        """
        target = self._routes.call_connection("00000000-0000-0000-0000-000000000000").target
        request = self._http.build_request(
            "GET", f"{str(self._endpoint).rstrip('/')}{target}", timeout=self._control_timeout
        )
        with (
            deadline(_sum(self._control_timeout)),
            closing(self._send(request, _PROBE)) as response,
        ):
            answer = _error_response(response, _PROBE)
        refused = answer.status in (401, 403)
        return response.headers.get("Date"), str(error_for(answer, _PROBE)) if refused else ""

    def start(
        self, request: StartRecording, repeatability: Repeatability
    ) -> RecordingStateResponse:
        """Start a recording; the same ``repeatability`` again yields the same recording.

        Raises NotReady while the call is not established, AlreadyRecording when another recording
        of the kind runs, TeamsInterop for a call of Microsoft Teams.
        """
        headers = {
            "Content-Type": "application/json",
            "Repeatability-Request-ID": str(repeatability.request_id),
            # ACS demands this one wherever the first is given: only the pair identifies a start.
            "Repeatability-First-Sent": http_date(repeatability.first_sent),
        }
        route = self._routes.start(request.call_locator.server_call_id)
        body = self._routes.start_body(request)
        return _state(self._control(route, _START, body, headers), _START)

    def get_state(self, recording_id: str, server_call_id: str) -> RecordingStateResponse:
        """Read the state; raise RecordingNotFound once the recording is over."""
        answer = self._control(self._routes.state(recording_id, server_call_id), _STATE)
        return _state(answer, _STATE, recording_id)

    def belongs_to(self, recording_id: str, server_call_id: str) -> bool | None:
        """Tell if a running recording is that of a call; None if ACS does not say.

        Raises RecordingNotFound if ACS knows no such recording.
        """
        self.get_state(recording_id, server_call_id)
        if self._routes.puts_recordings_under_calls:
            return True
        connection = call_connection_in(recording_id)
        if connection is None:
            return None
        try:
            answer = self._control(self._routes.call_connection(connection), _CALL)
        # ACS tells only of the connections that the resource's own applications have made.
        except NeverAgain:
            return None
        try:
            call = CallConnectionProperties.model_validate_json(answer)
        except ValueError:
            raise _not_understood(_CALL, "a call's connection") from None
        return canonical_call_id(call.server_call_id) == canonical_call_id(server_call_id)

    def get_result(self, recording_id: str, server_call_id: str) -> RecordingResultResponse:
        """Read the result of a recording: its files, as far as there are any, and its errors.

        Only the preview `callvault.acs.routes.RESULT_VERSION` has this operation, and may lose it.
        """
        answer = self._control(self._routes.result(recording_id), _RESULT)
        try:
            return RecordingResultResponse.model_validate_json(answer)
        except ValueError:
            raise _not_understood(_RESULT, "a recording's result") from None

    def pause(self, recording_id: str, server_call_id: str) -> None:
        """Pause; return only when ACS has confirmed. Pausing twice may be a StateConflict."""
        self._control(self._routes.pause(recording_id, server_call_id), _PAUSE)

    def resume(self, recording_id: str, server_call_id: str) -> None:
        """Resume; return only when ACS has confirmed. While active it may be a StateConflict."""
        self._control(self._routes.resume(recording_id, server_call_id), _RESUME)

    def stop(self, recording_id: str, server_call_id: str) -> None:
        """Stop for good; raise RecordingNotFound when the recording was over already."""
        self._control(self._routes.stop(recording_id, server_call_id), _STOP)

    @contextmanager
    def open_content(
        self, url: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[Content]:
        """Open a file of a recording at the URL its event gave, for reading as a stream.

        ``offset`` and ``length`` in bytes ask for a part. Raises UrlNotAllowed before anything is
        sent to a foreign host or path, NotReady, ContentMissing or BrokenContent as the file is.
        """
        location = MediaLocation(self._hosts, UrlKind.CONTENT, url)
        with self._opened(location, ByteRange(offset, length), json_allowed=False) as content:
            yield content

    def ranged_content(self, url: str) -> RangedContent:
        """Return a file at the URL its event gave, for many threads to read parts of.

        Nothing is sent yet; reading raises the errors of `open_content`.
        """
        location = MediaLocation(self._hosts, UrlKind.CONTENT, url)
        return RangedContent(location, self._bulk, self._sign_download)

    def _sign_download(self, method: str, target: str) -> dict[str, str]:
        # No body is sent, and the signature covers the hash of an empty one.
        return {"x-ms-host": self._acs_host, **self._auth.headers(method, target, b"")}

    def read_metadata(self, url: str) -> bytes:
        """Read the metadata file at ``url`` whole; at most `MAX_METADATA` bytes."""
        body = bytearray()
        location = MediaLocation(self._hosts, UrlKind.METADATA, url)
        with (
            deadline(self._exchange_timeout),
            self._opened(location, ByteRange(), json_allowed=True) as content,
        ):
            for chunk in content.iter_bytes():
                body += chunk
                # While it arrives: a body without end must not fill the memory.
                if len(body) > MAX_METADATA:
                    raise BrokenContent(
                        f"the metadata file exceeds {MAX_METADATA} bytes: it cannot be what it "
                        "should be; look at its URL"
                    )
        return bytes(body)

    def delete_content(self, url: str) -> None:
        """Delete the file that ``url`` (an event's ``deleteLocation``) names at the service.

        Raises ContentMissing when the file is gone already.
        """
        location = MediaLocation(self._hosts, UrlKind.DELETE, url)
        with (
            deadline(self._exchange_timeout),
            closing(self._follow("DELETE", location, _DELETE)) as response,
        ):
            if response.status_code not in _DELETED:
                raise error_for(_error_response(response, _DELETE), _DELETE)

    def _control(
        self, route: Route, operation: Operation, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> bytes:
        request = self._http.build_request(
            route.method,
            f"{str(self._endpoint).rstrip('/')}{route.target}",
            content=body,
            headers={"Accept": "application/json", **headers},
            timeout=self._control_timeout,
        )
        with (
            deadline(_sum(self._control_timeout)),
            closing(self._send(request, operation)) as response,
        ):
            answer = _error_response(response, operation)
        if answer.status not in route.success:
            raise error_for(answer, operation)
        return answer.body

    @contextmanager
    def _opened(
        self, location: MediaLocation, requested: ByteRange, *, json_allowed: bool
    ) -> Iterator[Content]:
        with ExitStack() as stack:
            with deadline(self._exchange_timeout):
                response = self._follow("GET", location, DOWNLOAD, requested.headers())
                stack.enter_context(closing(response))
                if response.status_code not in DOWNLOADED:
                    raise error_for(_error_response(response, DOWNLOAD), DOWNLOAD)
            yield open_answer(response, requested, json_allowed=json_allowed)

    def _follow(
        self,
        method: str,
        location: MediaLocation,
        operation: Operation,
        headers: Mapping[str, str] = {},
    ) -> httpx.Response:
        """Ask for content, through redirects; every hop is checked and signed for itself."""
        target = location.target()
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(self._content_request(method, target, headers), operation)
            if response.status_code not in REDIRECTS:
                return response
            # An unread stream would keep its connection from the pool.
            response.close()
            target = location.redirected(response.headers.get("Location", ""), target)
        raise Unavailable(
            f"could not {operation.verb}: more than {MAX_REDIRECTS} redirects; try again"
        )

    def _content_request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Request:
        # the signature covers the host of the resource, so the request names it to media hosts
        return self._http.build_request(
            method,
            url,
            headers={"x-ms-host": self._acs_host, **headers},
            timeout=self._content_timeout,
        )

    def _send(self, request: httpx.Request, operation: Operation) -> httpx.Response:
        """Send with credentials; the caller has checked that the host may see them."""
        try:
            # As a stream: headers are judged before any byte of a file is read.
            return self._http.send(request, auth=self._auth, stream=True)
        except httpx.HTTPError as error:
            raise error_for(error, operation) from error


def _sum(timeout: httpx.Timeout) -> float:
    """Return the seconds that a control request may take as a whole."""
    return (timeout.connect or 0) + (timeout.read or 0)


def _http_client(transport: httpx.BaseTransport | None) -> httpx.Client:
    return httpx.Client(
        transport=transport or Transport(limits=_KEEP_ALIVE, socket_options=control_sockets()),
        # files are hashed and counted as they are: no compression on the way
        headers={"Accept-Encoding": "identity"},
        # requests stand alone: no host leaves a cookie here
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # `_follow` follows them: each hop has to be allowed, and signed for its own path
        follow_redirects=False,
    )


def _error_response(response: httpx.Response, operation: Operation) -> ErrorResponse:
    """Read the answer's beginning, enough to understand it."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes() if is_plain(response.headers) else ():
            body += chunk
            if len(body) >= MAX_BODY:
                break
    except httpx.HTTPError as error:
        raise error_for(error, operation) from error
    return ErrorResponse(
        response.status_code,
        response.headers,
        bytes(body[:MAX_BODY]),
        response.request.headers.get(DATE_HEADER, ""),
    )


def _state(answer: bytes, operation: Operation, recording_id: str = "") -> RecordingStateResponse:
    """Read a state out of an answer; `Unavailable` where the answer holds none."""
    try:
        fields = json.loads(answer)
        # The 2021 preview leaves the id out where the request has named it.
        return RecordingStateResponse.model_validate({"recordingId": recording_id} | fields)
    # RecursionError: JSON that is nested too deeply, as any gateway may send it.
    except (ValueError, TypeError, RecursionError):
        raise _not_understood(operation, "a recording's state") from None


def _not_understood(operation: Operation, expected: str) -> Unavailable:
    # the answer is not quoted: it may be any gateway's page
    return Unavailable(
        f"could not {operation.verb}: the answer is not {expected}. Try again; if this lasts,"
        " check endpoint and api-version."
    )
