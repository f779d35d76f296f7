"""The operations of ACS Call Recording, one method each.

No method repeats a request by itself: whoever calls owns the retries. Errors are those of
`callvault.errors`, whatever went wrong.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple, Self

import httpx

from callvault.acs.allowed_hosts import AllowedHosts, parse_endpoint
from callvault.acs.connection_pool import ConnectionPool
from callvault.acs.content import DOWNLOAD, ByteRange, Content, is_plain, open_answer
from callvault.acs.credentials import Credential
from callvault.acs.downloads import MAX_REDIRECTS, RangedContent
from callvault.acs.error_body import Refusal
from callvault.acs.errors import Doing, fault
from callvault.acs.models import (
    RecordingResultResponse,
    RecordingStateResponse,
    Repeatability,
    StartRecording,
)
from callvault.acs.routes import LATEST, Route, Routes
from callvault.acs.signing import http_date
from callvault.contracts.activity_io import ACS_TIMEOUT
from callvault.errors import BrokenContent, Unavailable

MAX_METADATA = 1 << 20
"""Longest metadata file that is read, in bytes; real ones have about one thousand."""

_MAX_ANSWER = 64 << 10
"""Longest control answer or error that is read, in bytes."""

_LOOPBACK = ("all://127.0.0.1", "all://[::1]", "all://localhost")
_REDIRECTS = frozenset({301, 302, 307, 308})
_DOWNLOADED = frozenset({200, 206})
_DELETED = frozenset({200, 202, 204})

_START = Doing("start a recording", "call")
_STATE = Doing("read a recording's state", "recording")
_RESULT = Doing("read what became of a recording", "recording")
_PAUSE = Doing("pause a recording", "recording")
_RESUME = Doing("resume a recording", "recording")
_STOP = Doing("stop a recording", "recording")
_DELETE = Doing("delete a file at its source", "content")


_KEPT_WARM = httpx.Limits(keepalive_expiry=300.0)
"""Seconds an idle connection is kept: a pause must not wait for another TLS handshake."""


class Timeouts(NamedTuple):
    """Seconds to connect, and to wait for the next bytes of a control answer or of a file."""

    connect: float = 5.0
    control: float = ACS_TIMEOUT.total_seconds()
    content: float = 30.0


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
        self._http = _http_client(transport)
        self._bulk = ConnectionPool(connect=timeout.connect, silence=timeout.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()
        self._bulk.close()

    def with_patience(self, seconds: float) -> "AcsClient":
        """The same client, over the same connections, that waits this long for control answers."""
        hurried = copy(self)
        hurried._control_timeout = httpx.Timeout(seconds, connect=seconds / 2)
        return hurried

    def start(self, order: StartRecording, repeatability: Repeatability) -> RecordingStateResponse:
        """Start a recording; the same ``repeatability`` again yields the same recording.

        Raises NotReady while the call is not established, AlreadyRecording when another recording
        of the kind runs, TeamsInterop for a call of Microsoft Teams.
        """
        headers = {
            "Content-Type": "application/json",
            "Repeatability-Request-ID": str(repeatability.request_id),
            "Repeatability-First-Sent": http_date(repeatability.first_sent),
        }
        route = self._routes.start(order.call_locator.server_call_id)
        body = self._routes.start_body(order)
        return _state(self._control(route, _START, body, headers), _START)

    def get_state(self, recording_id: str, server_call_id: str) -> RecordingStateResponse:
        """Read the state. Raises RecordingNotFound once the recording is over."""
        answer = self._control(self._routes.state(recording_id, server_call_id), _STATE)
        return _state(answer, _STATE, recording_id)

    def get_result(self, recording_id: str, server_call_id: str) -> RecordingResultResponse:
        """What became of a recording: its files, as far as there are any, and what went wrong.

        Only the preview `callvault.acs.routes.RESULT_VERSION` has it, and may cease to.
        """
        answer = self._control(self._routes.result(recording_id), _RESULT)
        try:
            return RecordingResultResponse.model_validate_json(answer)
        except ValueError:
            raise _not_understood(_RESULT, "a recording's result") from None

    def pause(self, recording_id: str, server_call_id: str) -> None:
        """Pause. Returns only when ACS has confirmed; pausing twice may be a StateConflict."""
        self._control(self._routes.pause(recording_id, server_call_id), _PAUSE)

    def resume(self, recording_id: str, server_call_id: str) -> None:
        """Resume. Returns only when ACS has confirmed; when active it may be a StateConflict."""
        self._control(self._routes.resume(recording_id, server_call_id), _RESUME)

    def stop(self, recording_id: str, server_call_id: str) -> None:
        """Stop for good. Raises RecordingNotFound when it was over already."""
        self._control(self._routes.stop(recording_id, server_call_id), _STOP)

    @contextmanager
    def open_content(
        self, url: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[Content]:
        """Open a file of a recording at the URL its event gave, for reading as a stream.

        ``offset`` and ``length`` in bytes ask for a part. Raises HostNotAllowed before anything is
        sent to a foreign host, NotReady, ContentMissing or BrokenContent as the file is.
        """
        with self._opened(url, ByteRange(offset, length), json_allowed=False) as content:
            yield content

    def ranged_content(self, url: str) -> RangedContent:
        """A file at the URL its event gave, for many threads to read parts of.

        Nothing is sent yet; whoever reads gets the errors of `open_content`.
        """
        return RangedContent(url, self._hosts, self._bulk, self._sign_download)

    def _sign_download(self, method: str, target: str) -> dict[str, str]:
        return {"x-ms-host": self._acs_host, **self._auth.headers(method, target, b"")}

    def read_metadata(self, url: str) -> bytes:
        """Read the metadata file at ``url`` whole; at most `MAX_METADATA` bytes."""
        body = bytearray()
        with self._opened(url, ByteRange(), json_allowed=True) as content:
            for chunk in content.iter_bytes():
                body += chunk
                if len(body) > MAX_METADATA:
                    raise BrokenContent(
                        f"the metadata file exceeds {MAX_METADATA} bytes: it cannot be what it "
                        "should be; look at its URL"
                    )
        return bytes(body)

    def delete_content(self, url: str) -> None:
        """Delete what ``url`` (an event's ``deleteLocation``) names at the service.

        Raises ContentMissing when it is gone already.
        """
        with closing(self._follow("DELETE", url, _DELETE)) as response:
            if response.status_code not in _DELETED:
                raise fault(_refusal(response, _DELETE), _DELETE)

    def _control(
        self, route: Route, doing: Doing, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> bytes:
        request = self._http.build_request(
            route.method,
            f"{str(self._endpoint).rstrip('/')}{route.target}",
            content=body,
            headers={"Accept": "application/json", **headers},
            timeout=self._control_timeout,
        )
        with closing(self._send(request, doing)) as response:
            refusal = _refusal(response, doing)
        if refusal.status not in route.success:
            raise fault(refusal, doing)
        return refusal.body

    @contextmanager
    def _opened(self, url: str, asked: ByteRange, *, json_allowed: bool) -> Iterator[Content]:
        with closing(self._follow("GET", url, DOWNLOAD, asked.headers())) as response:
            if response.status_code not in _DOWNLOADED:
                raise fault(_refusal(response, DOWNLOAD), DOWNLOAD)
            yield open_answer(response, asked, json_allowed=json_allowed)

    def _follow(
        self, method: str, url: str, doing: Doing, headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        """Ask for content, through redirects; every hop is checked and signed for itself."""
        target = self._hosts.check(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(self._content_request(method, target, headers), doing)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            target = self._hosts.check(response.headers.get("Location", ""), base=target)
        raise Unavailable(f"could not {doing.verb}: more than {MAX_REDIRECTS} redirects; try again")

    def _content_request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Request:
        # The signature covers the host of the resource, so media hosts have to be told it.
        return self._http.build_request(
            method,
            url,
            headers={"x-ms-host": self._acs_host, **headers},
            timeout=self._content_timeout,
        )

    def _send(self, request: httpx.Request, doing: Doing) -> httpx.Response:
        """Send with credentials; the caller has made sure that the host may see them."""
        try:
            return self._http.send(request, auth=self._auth, stream=True)
        except httpx.HTTPError as error:
            raise fault(error, doing) from error


def _http_client(transport: httpx.BaseTransport | None) -> httpx.Client:
    return httpx.Client(
        transport=transport,
        limits=_KEPT_WARM,
        # A proxy of the environment is for the way out, not for an emulator on this machine.
        mounts=None if transport else dict.fromkeys(_LOOPBACK),
        # Files are hashed and counted as they are: no compression on the way.
        headers={"Accept-Encoding": "identity"},
        # Requests stand alone: no host leaves a cookie here.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
    )


def _refusal(response: httpx.Response, doing: Doing) -> Refusal:
    """Read the answer's beginning, enough to understand it."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes() if is_plain(response.headers) else ():
            body += chunk
            if len(body) >= _MAX_ANSWER:
                break
    except httpx.HTTPError as error:
        raise fault(error, doing) from error
    return Refusal(response.status_code, response.headers, bytes(body[:_MAX_ANSWER]))


def _state(answer: bytes, doing: Doing, recording_id: str = "") -> RecordingStateResponse:
    """Read a state; previews leave the id out where the request has named it."""
    try:
        fields = json.loads(answer)
        return RecordingStateResponse.model_validate({"recordingId": recording_id} | fields)
    except (ValueError, TypeError, RecursionError):
        raise _not_understood(doing, "a recording's state") from None


def _not_understood(doing: Doing, expected: str) -> Unavailable:
    """The answer is not quoted: it may be any gateway's page."""
    return Unavailable(
        f"could not {doing.verb}: the answer is not {expected}. Try again; if this lasts, check "
        "endpoint and api-version."
    )
