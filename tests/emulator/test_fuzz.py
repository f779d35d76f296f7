"""No request brings the emulator down: everything is answered, and never with 500."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callvault.emulator.server import running
from tests.emulator.signing import signed_headers
from tests.emulator.stage import API, Acs, StagedCall

FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FIELDS = [
    "callLocator", "kind", "serverCallId", "groupCallId", "roomId", "callConnectionId",
    "recordingStateCallbackUri", "recordingContentType", "recordingChannelType",
    "recordingFormatType", "audioChannelParticipantOrdering", "channelAffinity", "channel",
    "participant", "rawId", "communicationUser", "phoneNumber", "id", "value", "pauseOnStart",
    "externalStorage", "recordingStorageKind", "recordingDestinationContainerUrl",
    "participants", "displayName", "mediaBytes", "speaking", "endpoint", "schema",
    "deliveryHeaders", "includedEventTypes", "rate", "kinds", "operation", "path", "nth", "times",
    "probability", "which", "start", "subject", "event_loss",
]  # fmt: skip
WORDS = [
    "serverCallLocator", "groupCallLocator", "roomCallLocator", "audio", "audioVideo", "mixed",
    "unmixed", "wav", "mp3", "mp4", "acs", "room", "azureBlobStorage", "bm90aGluZw", "8:acs:1",
    "http://[", "http://x:99999/", "https://x/y", "\ud800", "throttled", "state", "primary",
    "EventGridSchema",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20),
    st.sampled_from(WORDS),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)
    ),
    max_leaves=12,
)
BODIES = st.one_of(VALUES.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200))
SEGMENTS = st.one_of(st.text(min_size=1, max_size=30), st.just("{known}"))
PATHS = st.sampled_from(
    [
        "/calling/recordings",
        "/calling/recordings/{}",
        "/calling/recordings/{}:pause",
        "/calling/recordings/{}:resume",
        "/calling/recordings/{}/result",
        "/calling/serverCalls/{}/recordings",
        "/calling/serverCalls/{}/recordings/{}",
        "/calling/serverCalls/{}/recordings/{}/:pause",
        "/v1/objects/{}",
        "/v1/objects/{}/content/video",
        "/v1/objects/{}/content/acsmetadata",
        "/calling/.well-known/acsopenidconfiguration",
        "/_emulator/calls",
        "/_emulator/calls/{}",
        "/_emulator/calls/{}/participants",
        "/_emulator/calls/{}/participants/{}",
        "/_emulator/calls/{}/speech",
        "/_emulator/behaviours",
        "/_emulator/request-log",
        "/_emulator/keys/rotate",
        "/_emulator/faults",
        "/_emulator/{}",
        "/{}",
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
VERSIONS = st.sampled_from(["", API, "api-version=2021-06-15-preview", "api-version=%00&x=%ff"])
RANGES = st.one_of(st.none(), st.from_regex(r"\A(bytes|x)=-?[0-9]{0,25}-[0-9]{0,25}\Z"))


@pytest.fixture(scope="module")
def acs(http: httpx.Client) -> Iterator[Acs]:
    with running() as emulator:
        yield Acs(emulator, http)


@pytest.fixture(scope="module")
def known(acs: Acs) -> list[str]:
    """Ids that lead further than made-up ones."""
    call = StagedCall(acs)
    recording = call.is_recorded(recordingContentType="audio", recordingFormatType="wav")
    return [call.call_id, call.server_call_id, recording]


def target(path: str, segments: list[str], version: str, known: list[str]) -> str:
    for count, segment in enumerate(segments):
        chosen = known[count % len(known)] if segment == "{known}" else segment
        path = path.replace("{}", quote(chosen, safe=""), 1)
    return f"{path.replace('{}', 'x')}?{version}" if version else path.replace("{}", "x")


@FUZZ
@given(METHODS, PATHS, st.lists(SEGMENTS, max_size=3), VERSIONS, BODIES, RANGES)
def test_every_request_is_answered(
    acs: Acs,
    known: list[str],
    method: str,
    path: str,
    segments: list[str],
    version: str,
    body: bytes,
    span: str | None,
) -> None:
    acs.http.delete(f"{acs.emulator.control}/faults")
    address = target(path, segments, version, known)
    headers = signed_headers(acs.key, method, address, acs.host, body)
    if span is not None:
        headers["Range"] = span
    url = httpx.URL(acs.emulator.endpoint).copy_with(raw_path=address.encode("ascii"))
    answer = acs.http.request(method, url, content=body, headers=headers)
    assert answer.status_code != 500, (method, address, body)
    assert acs.http.get(f"{acs.emulator.control}/health").status_code == 200


@FUZZ
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))
def test_every_start_is_answered(acs: Acs, known: list[str], body: dict[str, Any]) -> None:
    locator = {"kind": "serverCallLocator", "serverCallId": known[1]}
    answer = acs.send("POST", f"/calling/recordings?{API}", {"callLocator": locator} | body)
    assert answer.status_code in {200, 202, 400}
    if answer.status_code == 400:
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("value", ["\ud800", "x\x00y", "1" * 5000, 10**400])
def test_odd_text_is_answered_wherever_it_is_put(acs: Acs, known: list[str], value: Any) -> None:
    calls = f"{acs.emulator.control}/calls"
    locator = {"kind": "serverCallLocator", "serverCallId": known[1]}
    asked = [
        acs.http.post(calls, content=_json({"participants": [{"displayName": value}]})),
        acs.http.post(calls, content=_json({value: 1} if isinstance(value, str) else [value])),
        acs.http.post(f"{calls}/{known[0]}/speech", content=_json({"rawId": value})),
        acs.http.post(f"{acs.emulator.control}/faults", content=_json({"kind": value})),
        acs.http.post(f"{acs.emulator.control}/behaviours", content=_json({"start": value})),
        acs.send("POST", f"/calling/recordings?{API}", {"callConnectionId": value}),
        acs.send("POST", f"/calling/recordings?{API}", {"callLocator": {"kind": value}}),
        acs.send(
            "POST",
            f"/calling/recordings?{API}",
            {"callLocator": locator, "recordingStateCallbackUri": f"http://a/{value}"},
        ),
        acs.send("POST", f"/calling/recordings?{API}", {"recordingFormatType": value}),
    ]
    assert {each.status_code for each in asked} <= {200, 201, 400, 404}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /%%% HTTP/1.1\r\nHost: x\r\nx-ms-date: \xe9\r\nAuthorization: Bearer \xff\r\n\r\n",
        b"POST /calling/recordings HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)
def test_what_is_hardly_http_harms_nobody(acs: Acs, line: bytes) -> None:
    import socket

    address = httpx.URL(acs.emulator.endpoint)
    with socket.create_connection((address.host, address.port or 0), timeout=2) as connection:
        connection.sendall(line)
        assert b" 500 " not in connection.recv(64)
    assert acs.http.get(f"{acs.emulator.control}/health").status_code == 200
