"""Bodies of deliveries, in every form that was seen or may be sent (faults B8, D11, D13)."""

import base64
import gzip
import json
import time
import zlib
from typing import Any

import pytest

from callvault.contracts.participants import hiding
from callvault.errors import InvalidRequest
from callvault.ingest import deliveries
from callvault.ingest.deliveries import MAX_EVENTS, MAX_MEMBERS, read_delivery
from callvault.ingest.eventgrid import CallEndedEvent, read

ONE = {"id": "1", "eventType": "Microsoft.Communication.CallEnded", "data": {"x": "ü"}}
TEXT = json.dumps(ONE, ensure_ascii=False)
BINARY = {
    "Ce-Specversion": "1.0",
    "Ce-Type": "Microsoft.Communication.CallEnded",
    "Ce-Source": "/subscriptions/5",
    "Ce-Id": "7",
    "Ce-Subject": "call/%C3%BC",
    "Ce-Time": "2026-07-27T15:20:30Z",
    "Content-Type": "application/json",
}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (TEXT.encode(), {}),
        (b"\xef\xbb\xbf" + TEXT.encode(), {}),
        (TEXT.encode() + b"\0\0\n", {}),
        (TEXT.encode("utf-16"), {}),
        (gzip.compress(TEXT.encode()), {"Content-Encoding": "gzip"}),
        (gzip.compress(TEXT.encode()), {}),
        (zlib.compress(TEXT.encode()), {"content-encoding": "Deflate"}),
        (TEXT.encode(), {"content-encoding": "identity"}),
        (zlib.compress(TEXT.encode(), wbits=-15), {"content-encoding": "deflate"}),
        (gzip.compress(TEXT[:9].encode()) + gzip.compress(TEXT[9:].encode()), {}),
        (gzip.compress(TEXT.encode()) + bytes(7), {}),
    ],
    ids=[
        *("plain", "mark", "nuls", "utf-16", "gzip", "gzip unsaid", "deflate", "identity"),
        *("bare deflate", "two members", "filled up"),
    ],
)
def test_d11_a_body_is_read_however_it_is_written(body: bytes, headers: dict[str, str]) -> None:
    assert read_delivery(body, headers) == [ONE]


def test_d11_the_attributes_of_binary_mode_come_from_the_headers() -> None:
    [event] = read_delivery(b'{"serverCallId": "s"}', BINARY)
    assert event == {
        "specversion": "1.0",
        "type": "Microsoft.Communication.CallEnded",
        "source": "/subscriptions/5",
        "id": "7",
        "subject": "call/ü",
        "time": "2026-07-27T15:20:30Z",
        "data": {"serverCallId": "s"},
    }


def test_d11_an_event_with_attributes_in_its_headers_too_is_itself() -> None:
    assert read_delivery(TEXT.encode(), BINARY) == [ONE]
    assert read_delivery(f"[{TEXT}]".encode(), BINARY) == [ONE]


@pytest.mark.parametrize("batch", [True, False])
def test_d13_a_dead_letter_of_a_namespace_holds_its_event(batch: bool) -> None:
    dead_letter = {"deadLetterProperties": {"deadletterreason": "MaxAttempts"}, "event": ONE}
    body = json.dumps([dead_letter, dead_letter] if batch else dead_letter)
    for event in read_delivery(body.encode()):
        assert event == {**ONE, "deadletterreason": "MaxAttempts"}


@pytest.mark.parametrize("odd", ["9" * 5_000, "-" + "9" * 5_000, "NaN", "1e999", '"\\ud83d"'])
def test_b9_no_odd_value_costs_the_events_beside_it(odd: str) -> None:
    events = read_delivery(f'[{{"odd": {odd}}}, {TEXT}]'.encode())
    assert events[1] == ONE
    json.dumps(events)


def test_b9_an_odd_byte_in_a_text_costs_that_text_only() -> None:
    events = read_delivery(b'[{"odd": "\xff"}, ' + TEXT.encode() + b"]")
    assert events == [{"odd": "\ufffd"}, ONE]


def test_b8_the_number_of_events_is_bounded_before_any_is_looked_at() -> None:
    assert len(read_delivery(b"[" + b"{}," * (MAX_EVENTS - 1) + b"{}]")) == MAX_EVENTS
    with pytest.raises(InvalidRequest, match="100000 events, more than 5000"):
        read_delivery(b"[" + b"0," * 99_999 + b"0]")


def test_what_unpacks_to_too_much_is_not_unpacked() -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidRequest, match="once it is unpacked"):
        read_delivery(gzip.compress(bytes(200 << 20)), {"content-encoding": "gzip"})
    with pytest.raises(InvalidRequest, match="once it is unpacked"):
        read_delivery(gzip.compress(bytes(3 << 20)) * 2, {"content-encoding": "gzip"})
    assert deliveries.MAX_UNPACKED <= 16 << 20
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (TEXT.encode(), {"content-encoding": "br"}, "content-encoding that is not read"),
        (TEXT.encode(), {"content-encoding": "gzip"}, "cannot be unpacked"),
        (b"\x1f\x8b\x08", {}, "its end is missing"),
        (gzip.compress(TEXT.encode())[:-8], {}, "its end is missing"),
        (zlib.compress(TEXT.encode())[:-1], {"content-encoding": "deflate"}, "end is missing"),
        (gzip.compress(TEXT.encode()) + b"garbage", {}, "cannot be unpacked"),
        (gzip.compress(TEXT.encode()) * 2, {}, "not JSON"),
        (gzip.compress(b"") * (MAX_MEMBERS + 1), {}, "more than 100 packed members"),
        (b"[" * 100, {}, "nested deeper"),
        (gzip.compress(b"[" * 100_000), {}, "nested deeper"),
        (b"", BINARY, "not JSON"),
    ],
    ids=[
        *("br", "not packed", "cut", "no checksum", "no checksum of zlib", "garbage behind it"),
        *("two texts", "many members", "deep", "deep within", "nothing"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    body: bytes, headers: dict[str, str], problem: str
) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read_delivery(body, headers)


def event(**changes: Any) -> dict[str, Any]:
    """Return a CloudEvent with its data left to the test."""
    return {"type": "Microsoft.Communication.CallEnded", "source": "/s", **changes}


DATA = {"serverCallId": "c2VydmVy"}


@pytest.mark.parametrize(
    "fields",
    [
        {"data": DATA},
        {"data": json.dumps(DATA)},
        {"data": "\ufeff" + json.dumps(DATA)},
        {"data_base64": base64.b64encode(json.dumps(DATA).encode()).decode()},
    ],
)
def test_d11_the_data_is_read_as_an_object_a_text_or_bytes(fields: dict[str, Any]) -> None:
    found = read(event(**fields), hiding())
    assert isinstance(found, CallEndedEvent)
    assert found.server_call_id == DATA["serverCallId"]
    assert found.at is None
