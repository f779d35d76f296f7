import base64
import json
import re
from uuid import uuid4

import httpx

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall


def test_a_recording_goes_through_the_states_that_the_service_shows(acs: Acs) -> None:
    call = StagedCall(acs)
    started = acs.start(call.server_call_id)
    recording = started.json()["recordingId"]
    assert started.status_code == 200
    assert started.json() == {
        "recordingId": recording,
        "recordingState": "inactive",
        "recordingKind": "azureCommunicationServices",
    }
    call.lasts(0.2)
    assert acs.state(recording).json()["recordingState"] == "active"
    paused = acs.pause(recording)
    assert (paused.status_code, paused.content) == (202, b"")
    assert acs.state(recording).json()["recordingState"] == "inactive"
    assert acs.resume(recording).status_code == 202
    assert acs.state(recording).json()["recordingState"] == "active"
    stopped = acs.stop(recording)
    assert (stopped.status_code, stopped.content) == (204, b"")


def test_after_stop_every_operation_says_not_found(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded()
    acs.stop(recording)
    for operation in (acs.state, acs.pause, acs.resume, acs.stop):
        answer = operation(recording)
        assert answer.status_code == 404
        assert answer.json() == {"error": {"code": "8522", "message": "Recording not found."}}


def test_pausing_twice_and_resuming_what_runs_change_nothing(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded()
    assert acs.resume(recording).status_code == 202
    assert [acs.pause(recording).status_code for _ in range(2)] == [202, 202]
    assert call.truth()["recordings"][0]["state"] == "paused"
    assert acs.resume(recording).status_code == 202
    assert acs.state(recording).json()["recordingState"] == "active"


def test_pause_on_start_waits_for_resume(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded(pauseOnStart=True)
    assert acs.state(recording).json()["recordingState"] == "inactive"
    acs.resume(recording)
    assert acs.state(recording).json()["recordingState"] == "active"


def test_a_pause_before_the_recording_is_active_holds_from_its_first_frame(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = acs.start(call.server_call_id).json()["recordingId"]
    assert acs.pause(recording).status_code == 202
    call.lasts(2)
    assert acs.state(recording).json()["recordingState"] == "inactive"
    truth = call.truth()["recordings"][0]
    assert truth["durationMs"] == 0
    assert truth["pausedIntervals"][0]["startTime"][:-4] == truth["activeAt"][:-4]


def test_resuming_before_the_recording_is_active_leaves_no_pause(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = acs.start(call.server_call_id).json()["recordingId"]
    acs.pause(recording)
    acs.resume(recording)
    call.lasts(1)
    assert acs.state(recording).json()["recordingState"] == "active"
    assert call.truth()["recordings"][0]["pausedIntervals"] == []


def test_a_recording_that_was_never_resumed_gives_no_file(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded(pauseOnStart=True)
    call.lasts(2)
    acs.stop(recording)
    truth = call.rendered()
    assert (truth["media"], truth["chunks"]) == ("none", [])


def test_the_end_of_the_call_stops_the_recording(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded(recordingContentType="audio", recordingFormatType="wav")
    call.lasts(1)
    call.ends()
    assert acs.stop(recording).status_code == 404
    assert call.rendered()["sessionEndReason"] == "CallEnded"
    assert acs.start(call.server_call_id).json()["error"]["code"] == "8528"


def test_a_repeated_start_is_answered_with_the_same_recording(acs: Acs) -> None:
    call = StagedCall(acs)
    pair = {
        "Repeatability-Request-ID": str(uuid4()),
        "Repeatability-First-Sent": "Tue, 02 Jan 2024 03:04:05 GMT",
    }
    first = acs.start(call.server_call_id, headers=pair)
    again = acs.start(call.server_call_id, headers=pair)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["recordingId"] == again.json()["recordingId"]
    assert acs.start(call.server_call_id).json()["error"]["code"] == "8553"


def test_a_repeatability_id_needs_its_first_sent(acs: Acs) -> None:
    call = StagedCall(acs)
    answer = acs.start(call.server_call_id, headers={"Repeatability-Request-ID": str(uuid4())})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_a_call_takes_one_recording_of_each_kind(acs: Acs) -> None:
    call = StagedCall(acs)
    assert acs.start(call.server_call_id).status_code == 200
    second = acs.start(call.server_call_id)
    assert (second.status_code, second.json()["error"]["code"]) == (400, "8553")
    audio = {"recordingContentType": "audio", "recordingFormatType": "mp3"}
    assert acs.start(call.server_call_id, **audio).status_code == 200


def test_a_new_start_after_stop_is_a_new_recording(acs: Acs) -> None:
    call = StagedCall(acs)
    first = call.is_recorded()
    acs.stop(first)
    assert call.is_recorded() != first


def test_calls_are_found_by_group_and_by_connection_too(acs: Acs) -> None:
    for field, body in (
        ("groupCallId", lambda value: {"callLocator": {"kind": "groupCallLocator", **value}}),
        ("callConnectionId", lambda value: value),
    ):
        truth = StagedCall(acs).truth()
        request = body({field: truth[field]})
        answer = acs.send("POST", "/calling/recordings?api-version=2026-03-12", request)
        assert answer.status_code == 200


def test_ids_have_the_shapes_of_the_service(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = call.is_recorded()
    inner = json.loads(base64.urlsafe_b64decode(_padded(recording)))
    assert list(inner) == ["PlatformEndpointId", "ResourceSpecificId"]
    standard = call.server_call_id.replace("-", "+").replace("_", "/")
    conversation = base64.b64decode(_padded(standard)).decode()
    assert re.fullmatch(r"https://\S+\.skype\.com/conv/[\w-]{22}\?i=[\d-]+&e=\d{18}", conversation)
    assert "=" not in recording
    assert all(raw.startswith("8:acs:") for raw in call.raw_ids.values())


def test_calls_have_ids_of_every_captured_spelling(acs: Acs) -> None:
    """A9: padded with one and two, and unpadded in the URL-safe alphabet."""
    ids = [StagedCall(acs).server_call_id for _ in range(100)]
    assert {len(each) - len(each.rstrip("=")) for each in ids} == {0, 1, 2}
    assert any("_" in each for each in ids)
    assert any("/" in each for each in ids)
    assert not [each for each in ids if "=" in each and len(each) % 4]
    assert len(set(ids)) == len(ids)


def test_a_call_is_known_by_every_spelling_of_its_id(acs: Acs) -> None:
    """A9: with and without padding, in both alphabets."""
    calls = [StagedCall(acs) for _ in range(20)]
    for number, call in enumerate(calls):
        unpadded = call.server_call_id.rstrip("=")
        alphabet = ("-_", "+/") if number % 2 else ("+/", "-_")
        other = unpadded.translate(str.maketrans(*alphabet))
        spelling = other if number % 3 else _padded(other)
        assert acs.start(spelling).status_code == 200
        assert len(call.truth()["recordings"]) == 1


def test_the_same_seed_gives_the_same_ids(http: httpx.Client) -> None:
    def ids(seed: int) -> tuple[str, str, dict[str, str]]:
        with running(EmulatorSettings(seed=seed)) as emulator:
            call = StagedCall(Acs(emulator, http))
            return call.is_recorded(), call.server_call_id, call.raw_ids

    assert ids(7) == ids(7) != ids(8)


def test_the_kind_came_with_a_later_version(acs: Acs) -> None:
    call = StagedCall(acs)
    locator = {"kind": "serverCallLocator", "serverCallId": call.server_call_id}
    target = "/calling/recordings?api-version=2023-10-15"
    assert "recordingKind" not in acs.send("POST", target, {"callLocator": locator}).json()


def test_the_client_request_id_comes_back(acs: Acs) -> None:
    call = StagedCall(acs)
    answer = acs.start(call.server_call_id, headers={"x-ms-client-request-id": "mine"})
    assert answer.headers["x-ms-client-request-id"] == "mine"


def _padded(encoded: str) -> str:
    return encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
