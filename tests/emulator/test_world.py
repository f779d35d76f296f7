"""The control API for the whole emulator: time, keys, behaviours, reset."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.scheduler import Scheduler
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, EventSchema
from tests.emulator.stage import Acs, StagedCall, advance, request_log

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}
RESULT = "api-version=2024-09-01-preview"


@pytest.fixture
def own(http: httpx.Client) -> Iterator[Acs]:
    with running() as emulator:
        yield Acs(emulator, http)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler(EmulatorClock())
    yield scheduler
    scheduler.close()


def behave(acs: Acs, **behaviours: object) -> None:
    address = f"{acs.emulator.control}/behaviours"
    acs.http.post(address, json=behaviours).raise_for_status()


def test_time_stops_at_everything_that_falls_due_on_the_way() -> None:
    clock = EmulatorClock()
    scheduler = Scheduler(clock)
    begun = clock.now()
    happened: list[tuple[str, float]] = []

    def job(name: str) -> None:
        happened.append((name, (clock.now() - begun).total_seconds()))
        if name == "first":
            scheduler.at(clock.now() + timedelta(minutes=30), lambda: job("consequence"))

    scheduler.at(begun + timedelta(hours=2), lambda: job("last"))
    scheduler.at(begun + timedelta(hours=1), lambda: job("first"))
    scheduler.advance(timedelta(hours=48))
    scheduler.close()
    assert [name for name, _ in happened] == ["first", "consequence", "last"]
    assert [at for _, at in happened] == [pytest.approx(s, abs=5) for s in (3600, 5400, 7200)]
    assert clock.advanced == timedelta(hours=48)


def test_time_does_not_go_back(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="never goes back"):
        scheduler.advance(timedelta(seconds=-1))


def test_the_clock_stays_within_the_calendar(own: Acs) -> None:
    ten_years = {"advanceSeconds": 3660 * 86_400}
    address = f"{own.emulator.control}/clock"
    answers = [own.http.post(address, json=ten_years) for _ in range(101)]
    assert [each.status_code for each in answers] == [200] * 100 + [400]
    assert own.start(StagedCall(own).server_call_id).status_code == 200


def test_a_recording_is_told_and_expires_within_one_advance(own: Acs) -> None:
    call = StagedCall(own)
    recording = call.is_recorded(**WAV)
    call.lasts(1)
    own.stop(recording)
    advance(own, 48 * 3600 + 60)
    chunk = call.truth()["recordings"][0]["chunks"][0]
    assert own.fetch(chunk["contentLocation"]).status_code == 404


def test_both_keys_work_until_they_are_rotated(own: Acs) -> None:
    recording = StagedCall(own).is_recorded(**WAV)
    before = own.key
    rotate = f"{own.emulator.control}/keys/rotate"
    keys = own.http.post(rotate, json={"which": "primary"}).json()
    refused = own.state(recording)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "7509")
    for key in keys.values():
        own.key = key
        assert own.state(recording).status_code == 200
    assert before not in keys.values()
    again = own.http.post(rotate, json={"which": "secondary"}).json()
    assert again["primaryKey"] == keys["primaryKey"]
    assert own.state(recording).status_code == 401


def test_a_reset_forgets_everything(own: Acs) -> None:
    call = StagedCall(own)
    recording = call.is_recorded(**WAV)
    own.http.post(f"{own.emulator.control}/faults", json={"kind": "hang"}).raise_for_status()
    own.http.post(f"{own.emulator.control}/keys/rotate", json={}).raise_for_status()
    behave(own, start="202")
    advance(own, 3600)
    assert own.http.post(f"{own.emulator.control}/reset").status_code == 204
    assert own.state(recording).status_code == 404
    control = own.emulator.control
    assert own.http.get(f"{control}/calls/{call.call_id}").status_code == 404
    assert own.http.get(f"{control}/faults").json()["active"] == []
    assert own.http.get(f"{control}/clock").json()["advancedSeconds"] == 0
    fresh = StagedCall(own)
    assert fresh.server_call_id == call.server_call_id
    assert own.start(fresh.server_call_id).status_code == 200


def test_the_result_tells_what_became_of_a_recording(own: Acs) -> None:
    call = StagedCall(own)
    recording = call.is_recorded(**WAV)
    target = f"/calling/recordings/{recording}/result?{RESULT}"
    ongoing = own.send("GET", target).json()
    assert ongoing["sessionEndReason"] == "sessionStillOngoing"
    assert ongoing["recordingExpirationTime"] is None
    call.lasts(1)
    call.ends()
    truth = call.rendered()
    ended = own.send("GET", target).json()
    (chunk,) = ended["recordingStorageInfo"]["recordingChunks"]
    assert chunk["endReason"] == "sessionEnded"
    assert own.fetch(chunk["contentLocation"]).status_code == 200
    assert ended["recordingDurationMs"] == truth["durationMs"]
    assert ended["sessionEndReason"] == "callEnded"
    assert ended["recordingExpirationTime"] == truth["chunks"][0]["expiresAt"]
    behave(own, result="absent")
    assert own.send("GET", target).status_code == 404


def test_pausing_twice_and_resuming_what_runs_can_be_refused(own: Acs) -> None:
    behave(own, pause_twice="400", resume_active="400")
    recording = StagedCall(own).is_recorded(**WAV)
    refused = own.resume(recording)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "8573")
    assert own.pause(recording).status_code == 202
    assert own.pause(recording).json()["error"]["code"] == "8573"
    assert own.resume(recording).status_code == 202


def test_a_room_can_be_recorded_where_that_is_allowed(own: Acs) -> None:
    room = StagedCall(own, kind="room").truth()["roomId"]
    body = {"callLocator": {"kind": "roomCallLocator", "roomId": room}}
    target = "/calling/recordings?api-version=2026-03-12"
    assert own.send("POST", target, body).json()["error"]["code"] == "8523"
    behave(own, room_locator="accepted")
    assert own.send("POST", target, body).status_code == 200


def test_the_request_log_tells_the_reason(own: Acs) -> None:
    own.state("nothing")
    entry = request_log(own, "request")[-1]
    assert (entry["operation"], entry["status"]) == ("state", 404)
    assert entry["reason"] == "8522: Recording not found."


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_it_listens_beyond_loopback_on_purpose_only(host: str) -> None:
    with pytest.raises(ValueError, match="allow_remote"):
        EmulatorSettings(host=host)
    assert EmulatorSettings(host=host, allow_remote=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_purpose(host: str) -> None:
    assert EmulatorSettings(host=host).host == host


def test_behaviours_and_endpoints_are_written_on_a_command_line() -> None:
    settings = EmulatorSettings.model_validate(
        {
            "event_grid_endpoints": ("http://a/b", "cloudevents:http://c/d?e=f"),
            "behaviours": Behaviours.parse(["start=202", "event_loss=0.25"]),
        }
    )
    assert (settings.behaviours.start, settings.behaviours.event_loss) == ("202", 0.25)
    assert [(each.url, each.schema) for each in settings.event_grid_endpoints] == [
        ("http://a/b", EventSchema.EVENT_GRID),
        ("http://c/d?e=f", EventSchema.CLOUD_EVENTS),
    ]


@pytest.mark.parametrize("pair", ["start", "start=201", "begin=200", "event_loss=2"])
def test_a_behaviour_that_is_none_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match=pair.partition("=")[0]):
        Behaviours.parse([pair])
