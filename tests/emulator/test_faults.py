"""Each fault as a client meets it, over a real socket."""

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from callvault.emulator.faults import KINDS, FaultKind, FaultScript, RandomFaults, ScriptedFault
from callvault.emulator.operations import Operation
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall, request_log

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}
RANGE = {"Range": "bytes=100-299"}


@pytest.fixture(scope="module")
def faulty(http: httpx.Client) -> Iterator[Acs]:
    with running() as emulator:
        yield Acs(emulator, http)


@pytest.fixture
def acs(faulty: Acs) -> Iterator[Acs]:
    yield faulty
    faulty.http.delete(f"{faulty.emulator.control}/faults").raise_for_status()


@pytest.fixture(scope="module")
def chunk(faulty: Acs) -> dict[str, Any]:
    call = StagedCall(faulty)
    call.begins_to_speak("Ana")
    recording = call.is_recorded(**WAV)
    call.lasts(40)  # more than the emulator sends in one piece
    faulty.stop(recording)
    recorded: dict[str, Any] = call.rendered()["chunks"][0]
    return recorded


@pytest.fixture(scope="module")
def whole(faulty: Acs, chunk: dict[str, Any]) -> bytes:
    content = faulty.fetch(chunk["contentLocation"]).content
    assert hashlib.sha256(content).hexdigest() == chunk["sha256"]
    return content


@pytest.fixture
def recording(acs: Acs) -> str:
    return StagedCall(acs).is_recorded(**WAV)


def happens(acs: Acs, kind: str, **rule: Any) -> None:
    answer = acs.http.post(f"{acs.emulator.control}/faults", json={"kind": kind, **rule})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttled", 429, "8589"),
        ("internal_error", 500, "9999"),
        ("unauthorized", 401, "Denied"),
        ("early_404", 404, "8522"),
    ],
)
def test_an_operation_fails_once_with_its_code(
    acs: Acs, recording: str, kind: str, status: int, code: str
) -> None:
    happens(acs, kind)
    failed = acs.state(recording)
    assert (failed.status_code, failed.json()["error"]["code"]) == (status, code)
    assert acs.state(recording).status_code == 200


@pytest.mark.parametrize("code", ["8571", "8573"])
def test_a_pause_meets_a_conflict(acs: Acs, recording: str, code: str) -> None:
    happens(acs, f"conflict_{code}")
    assert acs.state(recording).status_code == 200
    refused = acs.pause(recording)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, code)
    assert acs.state(recording).json()["recordingState"] == "active"


def test_a_throttled_client_is_told_when_to_come_back(acs: Acs, recording: str) -> None:
    happens(acs, "throttled", retryAfter=7)
    assert acs.state(recording).headers["retry-after"] == "7"


def test_an_unavailable_service_says_nothing_more(acs: Acs, recording: str) -> None:
    happens(acs, "unavailable")
    answer = acs.state(recording)
    assert (answer.status_code, answer.content) == (503, b"")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("throttled", 429), ("internal_error", 500), ("unavailable", 503), ("early_404", 404)],
)
def test_content_hosts_fail_with_empty_bodies(
    acs: Acs, chunk: dict[str, Any], kind: str, status: int
) -> None:
    happens(acs, kind)
    answer = acs.fetch(chunk["contentLocation"])
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_content_host_refuses_a_right_signature(acs: Acs, chunk: dict[str, Any]) -> None:
    happens(acs, "unauthorized", operation="download")
    answer = acs.fetch(chunk["contentLocation"])
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")


def test_a_hanging_request_outlasts_the_clients_patience(acs: Acs, recording: str) -> None:
    happens(acs, "hang")
    with httpx.Client(timeout=0.2, trust_env=False) as impatient:
        acs_in_a_hurry = Acs(acs.emulator, impatient)
        with pytest.raises(httpx.ReadTimeout):
            acs_in_a_hurry.state(recording)
    assert acs.state(recording).status_code == 200


def test_a_hang_can_end(acs: Acs, recording: str) -> None:
    happens(acs, "hang", seconds=0.1)
    began = time.monotonic()
    assert acs.state(recording).status_code == 504
    assert 0.1 <= time.monotonic() - began < 5


def test_a_connection_is_reset(acs: Acs, recording: str) -> None:
    happens(acs, "reset")
    address = urlsplit(acs.emulator.endpoint)
    with socket.create_connection((address.hostname, address.port)) as connection:
        path = f"/calling/recordings/{recording}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_download_is_reset_in_its_middle(acs: Acs, chunk: dict[str, Any]) -> None:
    happens(acs, "reset", afterBytes=1000)
    with pytest.raises(httpx.HTTPError):
        acs.fetch(chunk["contentLocation"])


def test_a_request_takes_effect_although_its_answer_is_lost(acs: Acs, recording: str) -> None:
    happens(acs, "reset", takesEffect=True, operation="pause")
    with pytest.raises(httpx.HTTPError):
        acs.pause(recording)
    assert acs.state(recording).json()["recordingState"] == "inactive"


def test_a_download_drips(acs: Acs, chunk: dict[str, Any], whole: bytes) -> None:
    happens(acs, "slow_drip", seconds=0.01)
    began = time.monotonic()
    dripped = acs.fetch(chunk["contentLocation"], Range="bytes=0-20479").content
    assert dripped == whole[:20480]
    assert time.monotonic() - began > 15 * 0.01


def test_a_download_breaks_off(acs: Acs, chunk: dict[str, Any]) -> None:
    happens(acs, "truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
        acs.fetch(chunk["contentLocation"])


def test_a_short_body_looks_complete(acs: Acs, chunk: dict[str, Any], whole: bytes) -> None:
    happens(acs, "wrong_content_length")
    answer = acs.fetch(chunk["contentLocation"])
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content) < len(whole)
    assert whole.startswith(answer.content)


def test_the_first_download_is_empty(acs: Acs, chunk: dict[str, Any], whole: bytes) -> None:
    happens(acs, "zero_bytes_first")
    first = acs.fetch(chunk["contentLocation"], **RANGE)
    assert (first.status_code, first.content) == (200, b"")
    assert acs.fetch(chunk["contentLocation"], **RANGE).content == whole[100:300]


@pytest.mark.parametrize(("kind", "status"), [("html_400", 400), ("html_200", 200)])
def test_a_page_comes_instead_of_the_file(
    acs: Acs, chunk: dict[str, Any], kind: str, status: int
) -> None:
    happens(acs, kind)
    answer = acs.fetch(chunk["contentLocation"])
    assert answer.status_code == status
    assert answer.text.startswith("<!DOCTYPE html>")
    assert answer.headers["content-type"].startswith("text/html")


def test_one_bit_is_flipped(acs: Acs, chunk: dict[str, Any], whole: bytes) -> None:
    happens(acs, "flipped_bit")
    spoiled = acs.fetch(chunk["contentLocation"]).content
    difference = int.from_bytes(spoiled) ^ int.from_bytes(whole)
    assert (len(spoiled), difference.bit_count()) == (len(whole), 1)


def test_the_etag_changes_between_ranges(acs: Acs, chunk: dict[str, Any]) -> None:
    happens(acs, "etag_changes", nth=2)
    tags = [acs.fetch(chunk["contentLocation"], **RANGE).headers["etag"] for _ in range(3)]
    assert tags[0] == tags[2] != tags[1]


def test_a_range_is_ignored(acs: Acs, chunk: dict[str, Any], whole: bytes) -> None:
    happens(acs, "range_ignored")
    answer = acs.fetch(chunk["contentLocation"], **RANGE)
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-range"] == f"bytes 0-{len(whole) - 1}/{len(whole)}"


def test_a_pause_is_confirmed_and_does_not_happen(acs: Acs, recording: str) -> None:
    happens(acs, "pause_not_effective")
    assert acs.pause(recording).status_code == 202
    assert acs.state(recording).json()["recordingState"] == "active"
    assert acs.pause(recording).status_code == 202
    assert acs.state(recording).json()["recordingState"] == "inactive"


def test_a_pause_that_does_nothing_still_wants_a_recording(acs: Acs) -> None:
    happens(acs, "pause_not_effective")
    assert acs.pause("nothing").status_code == 404


def test_rules_pick_their_requests(acs: Acs, recording: str) -> None:
    other = StagedCall(acs).is_recorded(**WAV)
    happens(acs, "unavailable", path=f"*/{other}", operation="state", nth=2, times=2)
    assert [acs.state(other).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert acs.state(recording).status_code == 200
    assert acs.pause(other).status_code == 202


def test_faults_are_listed_with_what_they_did(acs: Acs, recording: str) -> None:
    happens(acs, "unavailable", operation="state")
    acs.state(recording)
    listed = acs.http.get(f"{acs.emulator.control}/faults").json()
    assert {each["kind"] for each in listed["kinds"]} == {kind.value for kind in FaultKind}
    (active,) = listed["active"]
    assert (active["kind"], active["operation"], active["fired"]) == ("unavailable", "state", 1)
    assert request_log(acs, "request")[-2]["reason"] == "fault unavailable"


def test_the_control_api_has_no_faults(acs: Acs) -> None:
    happens(acs, "unavailable", times=None)
    assert acs.http.get(f"{acs.emulator.control}/health").status_code == 200


Strike = Callable[[FaultScript], FaultKind | None]


def struck(seed: int, paths: list[str]) -> dict[str, list[FaultKind | None]]:
    script = FaultScript(seed)
    script.add(RandomFaults(rate=0.4))
    met: dict[str, list[FaultKind | None]] = {}
    for path in paths:
        fault = script.fault_for(Operation.DOWNLOAD, "GET", path)
        met.setdefault(path, []).append(fault.kind if fault else None)
    return met


def test_the_same_seed_gives_the_same_faults_however_requests_interleave() -> None:
    one_by_one = ["/a"] * 40 + ["/b"] * 40
    in_turn = ["/a", "/b"] * 40
    assert struck(1, one_by_one) == struck(1, in_turn) != struck(2, in_turn)


def test_a_rate_is_kept_and_every_kind_comes() -> None:
    met = struck(3, ["/a"] * 2000)["/a"]
    faults = [kind for kind in met if kind]
    assert 0.35 < len(faults) / len(met) < 0.45
    assert set(faults) == {
        kind for kind, what in KINDS.items() if Operation.DOWNLOAD in what.operations
    }


def test_random_faults_reach_clients(http: httpx.Client) -> None:
    def statuses(seed: int) -> list[int]:
        with running(EmulatorSettings(seed=seed)) as emulator:
            acs = Acs(emulator, http)
            recording = StagedCall(acs).is_recorded(**WAV)
            rule = {"rate": 0.5, "kinds": ["unavailable", "throttled"]}
            http.post(f"{emulator.control}/faults", json=rule).raise_for_status()
            return [acs.state(recording).status_code for _ in range(20)]

    assert statuses(4) == statuses(4) != statuses(5)
    assert set(statuses(4)) == {200, 429, 503}


def test_a_probability_below_one_spares_some() -> None:
    script = FaultScript(0)
    rule = ScriptedFault(kind=FaultKind.HANG, times=None, probability=0.5)
    script.add(rule)
    met = [script.fault_for(Operation.STATE, "GET", "/x") is not None for _ in range(200)]
    assert 60 < sum(met) < 140
