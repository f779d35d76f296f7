from typing import Any

import httpx
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
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
        ("POST", "/subscriptions", {"endpoint": "http://[::1"}, 400, "endpoint"),
        ("POST", "/subscriptions", {"endpoint": "http://a:99999"}, 400, "endpoint"),
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


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "evil.example"},
        {"host": "evil.example:8900"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::1"},
        {"host": "127.0.0.1@evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_web_page_drives_the_emulator(acs: Acs, headers: dict[str, str]) -> None:
    """B15: neither by calls nor by subscriptions nor by looking at the journal."""
    for method, path in (("POST", "/calls"), ("POST", "/subscriptions"), ("GET", "/request-log")):
        body = {"endpoint": "https://evil.example/"} if path == "/subscriptions" else {}
        address = acs.emulator.control + path
        answer = acs.http.request(method, address, json=body, headers=headers)
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "Forbidden"
    known = acs.http.get(f"{acs.emulator.control}/subscriptions").json()["subscriptions"]
    assert "evil" not in str(known)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:{port}", "[::1]:{port}"])
def test_programs_of_this_machine_drive_it(acs: Acs, host: str) -> None:
    """B15: by any name of this machine."""
    port = acs.emulator.endpoint.rpartition(":")[2]
    headers = {"host": host.format(port=port), "sec-fetch-site": "none"}
    assert acs.http.get(f"{acs.emulator.control}/clock", headers=headers).status_code == 200


def test_who_lets_others_reach_it_may_name_it_but_lets_no_page_in(http: httpx.Client) -> None:
    """B15: behind another name there are still no web pages."""
    with running(EmulatorSettings(allow_remote=True)) as emulator:
        address = f"{emulator.control}/clock"
        named = {"host": "acs-emulator:8900"}
        assert http.get(address, headers=named).status_code == 200
        page = named | {"origin": "https://evil.example"}
        assert http.get(address, headers=page).status_code == 403


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
