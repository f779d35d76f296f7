"""Every row of the table of codes, and every shape a refusal was seen in."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from callvault.acs.error_body import ErrorResponse
from callvault.acs.errors import Operation, error_for
from callvault.errors import (
    AccessDenied,
    AlreadyRecording,
    BrokenContent,
    CallvaultError,
    ContentMissing,
    InvalidRequest,
    NotReady,
    RecordingNotFound,
    StateConflict,
    TeamsInterop,
    Throttled,
    Unavailable,
)

START = Operation("start a recording", "call")
PAUSE = Operation("pause a recording", "recording")
DOWNLOAD = Operation("download a file", "content")
HTML = b"\r\n<!DOCTYPE html><html><body>Bad Request</body></html>"

CODES = [
    (400, "8553", AlreadyRecording),
    (400, "8559", AlreadyRecording),
    (400, "8501", NotReady),
    (400, "8527", InvalidRequest),
    (400, "8523", InvalidRequest),
    (400, "8528", InvalidRequest),
    (400, "8557", InvalidRequest),
    (400, "8562", InvalidRequest),
    (400, "8548", InvalidRequest),
    (409, "8519", StateConflict),
    (409, "8571", StateConflict),
    (400, "8573", StateConflict),
    (429, "8589", Throttled),
    (429, "8516", Throttled),
    (400, "8529", Throttled),
    (400, "8530", Throttled),
    (412, "8583", InvalidRequest),
    (405, "8520", InvalidRequest),
    (400, "8608", InvalidRequest),
    (400, "8588", InvalidRequest),
    (400, "8506", InvalidRequest),
    (400, "8556", InvalidRequest),
    (401, "Denied", AccessDenied),
    (401, "7509", AccessDenied),
    (401, "7502", AccessDenied),
    (401, "7504", AccessDenied),
    (403, "7605", TeamsInterop),
    (500, "9999", Unavailable),
    (500, "9001", Unavailable),
    (500, "9003", Unavailable),
    (500, "9998", Unavailable),
    (504, "9002", Unavailable),
]


@pytest.mark.parametrize(
    ("operation", "expected"), [(PAUSE, RecordingNotFound), (START, Unavailable)]
)
def test_a_recording_that_is_not_found_is_no_answer_to_a_start(
    operation: Operation, expected: type[CallvaultError]
) -> None:
    """An attempt before may have begun it, although its answer was lost."""
    error = error_for(ErrorResponse(404, body=b'{"error":{"code":"8522"}}'), operation)
    assert type(error) is expected


@pytest.mark.parametrize(("status", "code", "expected"), CODES)
@pytest.mark.parametrize("operation", [START, PAUSE])
def test_code_of_the_service_decides(
    status: int, code: str, expected: type[CallvaultError], operation: Operation
) -> None:
    body = json.dumps({"error": {"code": code, "message": "As documented."}}).encode()
    error = error_for(ErrorResponse(status, body=body), operation)
    assert type(error) is expected
    assert (error.status, error.code) == (status, code)
    assert str(error).startswith(
        f"could not {operation.verb}: ACS answered {status} {code} (As docu"
    )


STATUSES = [
    (START, 400, b"", InvalidRequest),
    (START, 401, b"", AccessDenied),
    (START, 403, b"", AccessDenied),
    (START, 404, b'{"code":"NotFound","message":"no such call"}', InvalidRequest),
    (START, 429, b"", Throttled),
    (PAUSE, 404, b'{"code":"NotFound","message":"no such recording"}', RecordingNotFound),
    (PAUSE, 404, b"", Unavailable),
    (PAUSE, 404, HTML, Unavailable),
    (PAUSE, 400, HTML, Unavailable),
    (PAUSE, 405, b'{"message":"The requested resource does not support DELETE."}', InvalidRequest),
    (PAUSE, 408, b"", Unavailable),
    (PAUSE, 409, b"", StateConflict),
    (PAUSE, 412, b"", InvalidRequest),
    (PAUSE, 429, HTML, Throttled),
    (PAUSE, 500, b"", Unavailable),
    (PAUSE, 501, b"", InvalidRequest),
    (PAUSE, 502, HTML, Unavailable),
    (PAUSE, 503, b"", Unavailable),
    (PAUSE, 504, b"", Unavailable),
    (PAUSE, 302, b"", Unavailable),
    (PAUSE, 200, b"", Unavailable),
    (DOWNLOAD, 400, HTML, BrokenContent),
    (DOWNLOAD, 400, b"", BrokenContent),
    (DOWNLOAD, 400, b'{"title":"Bad Request","status":400}', InvalidRequest),
    (DOWNLOAD, 401, b"", AccessDenied),
    (DOWNLOAD, 401, b'{"title":"Unauthorized","status":401,"traceId":"1"}', AccessDenied),
    (DOWNLOAD, 403, HTML, AccessDenied),
    (DOWNLOAD, 404, b"", ContentMissing),
    (DOWNLOAD, 404, HTML, ContentMissing),
    (DOWNLOAD, 405, b'{"message":"no DELETE here"}', InvalidRequest),
    (DOWNLOAD, 410, b"", ContentMissing),
    (DOWNLOAD, 412, b"", BrokenContent),
    (DOWNLOAD, 416, b"", NotReady),
    (DOWNLOAD, 429, b"", Throttled),
    (DOWNLOAD, 503, HTML, Unavailable),
]


@pytest.mark.parametrize(("operation", "status", "body", "expected"), STATUSES)
def test_status_decides_where_no_code_is_known(
    operation: Operation, status: int, body: bytes, expected: type[CallvaultError]
) -> None:
    error = error_for(ErrorResponse(status, body=body), operation)
    assert type(error) is expected
    assert error.status == status
    assert "<" not in str(error)


@pytest.mark.parametrize(
    ("content_range", "expected"),
    [("bytes */0", NotReady), ("bytes */957", BrokenContent), ("nonsense", NotReady)],
)
def test_416_tells_an_empty_file_from_a_changed_one(
    content_range: str, expected: type[CallvaultError]
) -> None:
    response = ErrorResponse(416, httpx.Headers({"Content-Range": content_range}))
    assert type(error_for(response, DOWNLOAD)) is expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"code":"8522","message":"Recording not found."}}',
        b'{"error":{"code":8522}}',
        b'{"code":"8522","message":"Recording not found."}',
        b'{"error":null,"code":"8522"}',
    ],
)
def test_error_is_read_in_every_shape(body: bytes) -> None:
    assert error_for(ErrorResponse(404, body=body), PAUSE).code == "8522"


@pytest.mark.parametrize(
    "body", [b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 60_000, b'{"error":[]}', b"{"]
)
def test_body_that_makes_no_sense_is_no_obstacle(body: bytes) -> None:
    error = error_for(ErrorResponse(500, body=body), PAUSE)
    assert type(error) is Unavailable
    assert error.code is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (httpx.ConnectTimeout("timed out"), "no answer came in time"),
        (httpx.ReadTimeout("timed out"), "no answer came in time"),
        (httpx.PoolTimeout("timed out"), "no answer came in time"),
        (httpx.ConnectError("connection refused"), "connection refused"),
        (httpx.ReadError(""), "ReadError"),
        (httpx.RemoteProtocolError("Server disconnected"), "Server disconnected"),
        (httpx.ProxyError("407"), "407"),
    ],
)
def test_broken_connection_is_worth_another_try(error: httpx.HTTPError, text: str) -> None:
    unavailable = error_for(error, PAUSE)
    assert type(unavailable) is Unavailable
    assert text in str(unavailable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("7", 7), ("2.5", 2.5), ("86400", 300), ("1e400", 300), ("-3", 0)],
)
def test_retry_after_in_seconds_is_kept_within_reason(value: str, seconds: float) -> None:
    response = ErrorResponse(429, httpx.Headers({"Retry-After": value}))
    assert error_for(response, PAUSE).retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "nan", "Tue, 99 Jan 2024 03:04:05 GMT"])
def test_retry_after_that_cannot_be_read_is_no_wish(value: str) -> None:
    response = ErrorResponse(503, httpx.Headers({"Retry-After": value}))
    assert error_for(response, PAUSE).retry_after is None


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    wish = error_for(ErrorResponse(503, httpx.Headers({"Retry-After": date})), PAUSE).retry_after
    assert wish is not None
    assert timedelta(seconds=50) < wish <= timedelta(seconds=60)


def test_retry_after_in_the_past_means_now() -> None:
    response = ErrorResponse(503, httpx.Headers({"Retry-After": "Tue, 02 Jan 2024 03:04:05 GMT"}))
    assert error_for(response, PAUSE).retry_after == timedelta(0)


def test_message_is_bounded_and_on_one_line() -> None:
    body = {"error": {"code": "x" * 5_000, "message": "line\r\n\x1b[31m" * 5_000}}
    error = error_for(ErrorResponse(400, body=json.dumps(body).encode()), START)
    assert len(str(error)) <= 600
    assert str(error).isprintable()
    assert error.code is not None
    assert len(error.code) <= 250


@pytest.mark.parametrize(
    "echoed",
    [
        "Authorization: Bearer eyJhbGciOi.SECRET-x/y+z=",
        'got "Bearer SECRET"',
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=SECRET/+=",
        "https://blob/x?sv=1&sig=SECRET%2B&se=2",
        "endpoint=https://c;accesskey=SECRET==",
    ],
)
def test_credentials_that_a_service_echoes_are_not_repeated(echoed: str) -> None:
    body = json.dumps({"error": {"code": "Denied", "message": echoed}}).encode()
    assert "SECRET" not in str(error_for(ErrorResponse(401, body=body), START))
