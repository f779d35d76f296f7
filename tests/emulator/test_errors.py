from typing import Any

import pytest

from tests.emulator.signing import signed_headers
from tests.emulator.stage import API, Acs, StagedCall

START = f"/calling/recordings?{API}"
LOCATOR = {"kind": "serverCallLocator", "serverCallId": "bm90aGluZw"}
UNMIXED = {
    "callLocator": LOCATOR,
    "recordingContentType": "audio",
    "recordingChannelType": "unmixed",
    "recordingFormatType": "wav",
}
AFFINITY: dict[str, Any] = {"channel": 0, "participant": {"rawId": "8:acs:1"}}


def _stored(kind: str, url: str | None) -> dict[str, Any]:
    storage = {"recordingStorageKind": kind, "recordingDestinationContainerUrl": url}
    return {"callLocator": LOCATOR, "externalStorage": storage}


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({"callLocator": LOCATOR}, "8527", "Invalid join identity"),
        ({}, "8523", "callLocator"),
        ({"callLocator": LOCATOR, "callConnectionId": "x"}, "8523", "exactly one"),
        ({"callLocator": {"kind": "roomCallLocator", "roomId": "1"}}, "8523", "roomCallLocator"),
        ({"callLocator": {"kind": "serverCallLocator"}}, "8523", "serverCallId"),
        ({"callLocator": "x"}, "BadRequest", "callLocator"),
        ({"callLocator": LOCATOR, "pauseOnStart": "perhaps"}, "BadRequest", "pauseOnStart"),
        (
            {"callLocator": LOCATOR, "recordingStateCallbackUri": "/callback"},
            "BadRequest",
            "recordingStateCallbackUri",
        ),
        (
            {"callLocator": LOCATOR, "recordingStateCallbackUri": "http://["},
            "BadRequest",
            "recordingStateCallbackUri",
        ),
        ({"callLocator": LOCATOR, "recordingFormatType": "mp3"}, "8557", "mp3"),
        ({"callLocator": LOCATOR, "recordingChannelType": "unmixed"}, "8557", "unmixed"),
        ({"callLocator": LOCATOR, "recordingFormatType": "avi"}, "8557", "avi"),
        ({"callLocator": LOCATOR, "recordingContent": "audio"}, "BadRequest", "recordingContent"),
        ({"callLocator": LOCATOR | {"callId": "1"}}, "BadRequest", "callLocator.callId"),
        (
            {"callLocator": LOCATOR | {"serverCallId": "36cf910b-932c-4101-a443-04e11a98aba5"}},
            "8523",
            "not a valid Base-64 string",
        ),
        ({"callLocator": LOCATOR, "channelAffinity": [AFFINITY]}, "8523", "unmixed"),
        (UNMIXED | {"channelAffinity": [AFFINITY, AFFINITY]}, "8523", "twice"),
        (UNMIXED | {"channelAffinity": [AFFINITY, AFFINITY | {"channel": 1}]}, "8523", "one"),
        (UNMIXED | {"channelAffinity": [AFFINITY | {"channel": 5}]}, "BadRequest", "channel"),
        (UNMIXED | {"audioChannelParticipantOrdering": [{}]}, "8523", "rawId"),
        ({"callLocator": LOCATOR, "externalStorage": {}}, "BadRequest", "recordingStorageKind"),
        (_stored("cloud", "https://x/y"), "8523", "cloud"),
        (_stored("azureBlobStorage", None), "BadRequest", "recordingDestinationContainerUrl"),
        (_stored("azureBlobStorage", "https://x"), "8523", "container"),
        ([], "BadRequest", "object"),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_its_code(
    acs: Acs, body: Any, code: str, named: str
) -> None:
    answer = acs.send("POST", START, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert named in answer.json()["error"]["message"]


def test_a_teams_call_is_not_recorded(acs: Acs) -> None:
    call = StagedCall(acs, kind="teamsInterop")
    answer = acs.start(call.server_call_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "7605")
    assert "Teams" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "query", ["", "?api-version=2019-01-01", "?api-version=2021-06-15-preview"]
)
def test_the_api_version_must_be_a_known_one(acs: Acs, query: str) -> None:
    answer = acs.send("GET", f"/calling/recordings/REC{query}")
    assert answer.status_code == 400
    assert "api-version" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"callLocator": NaN}'])
def test_a_body_that_is_no_json_object_is_a_bad_request(acs: Acs, body: bytes) -> None:
    headers = signed_headers(acs.key, "POST", START, acs.host, body)
    answer = acs.http.post(acs.emulator.endpoint + START, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_an_oversize_body_is_refused(acs: Acs) -> None:
    answer = acs.http.post(acs.emulator.endpoint + START, content=bytes(2 << 20))
    assert answer.status_code == 413


def test_what_is_not_implemented_says_so(acs: Acs) -> None:
    answer = acs.send("GET", f"/calling/callConnections/C/participants?{API}")
    assert answer.status_code == 501
    assert "GET /calling/callConnections/C/participants" in answer.json()["error"]["message"]


def test_the_result_operation_exists_in_its_preview_only(acs: Acs) -> None:
    answer = acs.send("GET", f"/calling/recordings/REC/result?{API}")
    assert answer.status_code == 501
    assert "2024-09-01-preview" in answer.json()["error"]["message"]


def test_a_wrong_method_is_answered_in_the_words_of_the_service(acs: Acs) -> None:
    answer = acs.send("DELETE", f"/calling/recordings/?{API}")
    assert answer.status_code == 405
    assert answer.json() == {
        "message": "The requested resource does not support http method 'DELETE'."
    }
