from typing import Any

import pytest

from tests.emulator.stage import Acs, StagedCall, request_log


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "/calls", {"participants": [{"name": "Ana"}]}, 400, "displayName"),
        (
            "POST",
            "/calls",
            {"participants": [{"displayName": "A", "rawId": "4:1"}] * 2},
            400,
            "rawId",
        ),
        ("POST", "/calls", {"kind": "conference"}, 400, "kind"),
        ("POST", "/calls", {"people": []}, 400, "people"),
        ("POST", "/clock", {"advanceSeconds": -1}, 400, "advanceSeconds"),
        ("POST", "/clock", {}, 400, "advanceSeconds"),
        ("POST", "/subscriptions", {"endpoint": "ftp://x"}, 400, "endpoint"),
        ("POST", "/subscriptions", {"endpoint": "http://x", "schema": "y"}, 400, "schema"),
        ("GET", "/calls/unknown", None, 404, "unknown"),
        ("DELETE", "/calls/unknown", None, 404, "unknown"),
        ("POST", "/faults", {"kind": "earthquake"}, 400, "kind"),
        ("POST", "/faults", {"kind": "hang", "when": "now"}, 400, "when"),
        ("POST", "/faults", {"rate": 2}, 400, "rate"),
        ("POST", "/behaviours", {"start": "204"}, 400, "start"),
        ("POST", "/behaviours", {"stat": "200"}, 400, "stat"),
        ("POST", "/keys/rotate", {"which": "third"}, 400, "which"),
        ("POST", "/reset", [], 400, "object"),
        ("GET", "/weather", None, 501, "/_emulator/weather"),
    ],
)
def test_a_wrong_command_is_told_what_is_wrong(
    acs: Acs, method: str, path: str, body: Any, status: int, named: str
) -> None:
    answer = acs.http.request(method, acs.emulator.control + path, json=body)
    assert answer.status_code == status
    assert named in answer.json()["error"]["message"]


def test_only_who_is_in_the_call_speaks_or_leaves(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    call.is_left_by("Ben")
    base = f"{acs.emulator.control}/calls/{call.call_id}"
    ben = call.raw_ids["Ben"]
    spoken = acs.http.post(f"{base}/speech", json={"rawId": ben, "speaking": True})
    left = acs.http.delete(f"{base}/participants/{ben}")
    assert (spoken.status_code, left.status_code) == (404, 404)


def test_a_participant_joins_once_and_returns_with_the_same_voice(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    address = f"{acs.emulator.control}/calls/{call.call_id}/participants"
    ben = {"displayName": "Ben", "rawId": call.raw_ids["Ben"]}
    assert acs.http.post(address, json=ben).status_code == 409
    voice = call.truth()["participants"][1]["voiceHz"]
    call.begins_to_speak("Ben")
    call.is_left_by("Ben")
    assert acs.http.post(address, json=ben).status_code == 201
    back = call.truth()["participants"][1]
    assert (back["inCall"], back["speaking"], back["voiceHz"]) == (True, False, voice)


def test_an_ended_call_takes_no_commands(acs: Acs) -> None:
    call = StagedCall(acs)
    call.ends()
    base = f"{acs.emulator.control}/calls/{call.call_id}"
    assert acs.http.delete(base).status_code == 409
    assert acs.http.post(f"{base}/participants", json={"displayName": "Cleo"}).status_code == 409
    assert call.truth()["endedAt"]


def test_the_truth_tells_paused_from_starting(acs: Acs) -> None:
    call = StagedCall(acs)
    recording = acs.start(call.server_call_id).json()["recordingId"]
    assert call.truth()["recordings"][0]["state"] == "starting"
    call.lasts(1)
    assert call.truth()["recordings"][0]["state"] == "active"
    acs.pause(recording)
    call.lasts(2)
    truth = call.truth()["recordings"][0]
    assert truth["state"] == "paused"
    assert truth["pausedIntervals"][0]["duration"] == pytest.approx(2000, abs=250)
    assert truth["durationMs"] == pytest.approx(800, abs=250)


def test_every_request_is_in_the_request_log(acs: Acs) -> None:
    acs.http.get(f"{acs.emulator.endpoint}/nowhere?at=all")
    entry = request_log(acs, "request")[-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/nowhere?at=all", 501)


def test_health_answers(acs: Acs) -> None:
    assert acs.http.get(f"{acs.emulator.control}/health").json() == {"status": "ok"}
