"""A recording that a callback tells of is adopted only once ACS says that it is ours (B1)."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.contracts import names
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.errors import AlreadyRecording, Unavailable

from .scene import Scene, chunk

OCCUPIED = AlreadyRecording("Only one recording of a given type is supported.", code="8553")


def told(recording_id: str, **facts: Any) -> dict[str, Any]:
    at = {"at": "2026-01-01", "state": "inactive", "recording": 1}
    return {"recordingId": recording_id, **at, **facts}


async def occupied(scene: Scene, *callbacks: dict[str, Any]) -> None:
    """Have a start find a recording in its way, and tell ids to its callback address."""
    scene.service.fails("start", OCCUPIED, times=1)
    await scene.keep(request_id="s1")
    await scene.has_asked("start")
    for each in callbacks:
        await scene.signals(names.RECORDING_STATE_CHANGED, each)


@pytest.mark.parametrize(
    ("of_call", "is_signed", "why"),
    [
        (False, False, "it is a recording of another call"),
        (False, True, "it is a recording of another call"),
        (None, False, "ACS does not say of which call it is"),
    ],
)
async def test_b1_what_is_not_proven_to_be_ours_is_left_alone(
    scene: Scene, of_call: bool | None, is_signed: bool, why: str
) -> None:
    scene.service.recordings["recording-9"] = "active"
    if of_call is not None:
        scene.service.owners["recording-9"] = of_call
    await occupied(scene, told("recording-9", isSigned=is_signed))
    result = await scene.result()
    assert (result.outcome, scene.service.recordings) == (
        "failed_to_start",
        {"recording-9": "active"},
    )
    assert scene.service.control_calls() == ["start"]
    [alarm] = [alarm for alarm in scene.told() if alarm.kind == "state_unexpected"]
    assert why in alarm.what
    assert "'recording-9'" in alarm.what
    assert alarm.recording_id is None
    timeline = [entry.what for entry in (await scene.status()).timeline]
    assert any(why in what for what in timeline)
    assert (await scene.status()).requests["s1"].notified_at is None


async def test_b1_what_acs_does_not_know_is_left_alone(scene: Scene) -> None:
    await occupied(scene, told("never-was", isSigned=True))
    assert (await scene.result()).outcome == "failed_to_start"
    assert [alarm.kind for alarm in scene.told()].count("state_unexpected") == 1
    assert scene.service.control_calls() == ["start"]


async def test_b1_the_id_of_another_recording_of_the_call_is_left_alone(scene: Scene) -> None:
    scene.service.owners["recording-1"] = True
    await scene.recorded()
    await scene.asks("stop")
    scene.service.fails("start", OCCUPIED, times=1)
    await scene.says("start")
    forged = told("recording-1", recording=2, isSigned=True)
    await scene.signals(names.RECORDING_STATE_CHANGED, forged)
    await scene.has_asked("start", 2)
    await scene.is_notified(1)
    assert "belongs_to" not in scene.service.asked
    [alarm] = scene.told()
    assert "another recording of the call" in alarm.what


async def test_the_id_that_an_event_of_files_told_first_is_the_starts_own(scene: Scene) -> None:
    """Its file was sealed as that of a recording which nobody asked for, and nothing doubted."""
    await occupied(scene)
    await scene.announced(chunk(0), recording=9)
    await scene.until(lambda recording: recording.chunks != [], number=2)
    await scene.signals(names.RECORDING_STATE_CHANGED, told("recording-9", isSigned=True))
    await scene.until(lambda recording: recording.recording_id == "recording-9")
    result = await scene.result()
    [recording] = result.recordings
    assert (recording.origin, result.outcome) == ("requested", "archived")
    assert not [alarm for alarm in scene.told() if alarm.kind == "state_unexpected"]


async def test_b1_acs_is_asked_until_it_answers(scene: Scene) -> None:
    scene.service.recordings["recording-9"] = "active"
    scene.service.owners["recording-9"] = True
    scene.service.fails("belongs_to", Unavailable("away"), times=2)
    await occupied(scene, told("recording-9"))
    await scene.until(lambda recording: recording.recording_id == "recording-9")


async def test_a_signed_callback_is_believed_where_acs_does_not_say(scene: Scene) -> None:
    """ACS tells of a call's connections only to the application that made them."""
    scene.service.recordings["recording-9"] = "active"
    await occupied(scene, told("recording-9", isSigned=True))
    await scene.until(lambda recording: recording.recording_id == "recording-9")
    await scene.asks("stop")
    assert scene.service.recordings == {}


async def test_b1_a_forged_callback_keeps_no_genuine_one_from_being_believed(scene: Scene) -> None:
    scene.service.recordings |= {"recording-8": "active", "recording-9": "active"}
    scene.service.owners |= {"recording-8": False, "recording-9": True}
    await occupied(scene, told("recording-8"))
    await scene.has_asked("belongs_to")
    await scene.until(lambda recording: recording.callback_recording_id is None)
    await scene.signals(names.RECORDING_STATE_CHANGED, told("recording-9"))
    await scene.until(lambda recording: recording.recording_id == "recording-9")
    await scene.asks("stop")
    assert scene.service.recordings == {"recording-8": "active"}


# The attack as it was, against the emulator: ids and their calls are as in captured traffic.


class Victim:
    """Two calls of one ACS resource, in both of which another program records already."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.client = AcsClient(*parse_connection_string(emulator.connection_string))
        self._http = httpx.Client(base_url=emulator.control, trust_env=False)
        self.mine, self.my_recording = self._recorded("1")
        self.theirs, self.their_recording = self._recorded("2")

    def _recorded(self, number: str) -> tuple[str, str]:
        server_call_id = self._http.post("/calls", json={}).json()["serverCallId"]
        order = StartRecording(call_locator=ServerCallLocator(server_call_id=server_call_id))
        identity = Repeatability.model_validate(
            {"request_id": number, "first_sent": "2026-01-01T00:00:00Z"}
        )
        return server_call_id, self.client.start(order, identity).recording_id

    def requests(self, recording_id: str) -> list[str]:
        """Return the requests about a recording that the emulator got."""
        log = self._http.get("/request-log").json()["entries"]
        return [each["method"] for each in log if recording_id in each.get("path", "")]

    def close(self) -> None:
        self.client.close()
        self._http.close()


@pytest.fixture
def victim() -> Iterator[Victim]:
    with running(EmulatorSettings(seed=secrets.randbits(32))) as emulator:
        victim = Victim(emulator)
        yield victim
        victim.close()


async def test_b1_another_calls_recording_is_never_touched(scene: Scene, victim: Victim) -> None:
    scene.world.services[scene.resource] = victim.client  # type: ignore[assignment]
    scene.server_call_id = victim.mine
    await scene.keep()
    await scene.signals(names.RECORDING_STATE_CHANGED, told(victim.their_recording, isSigned=True))
    await scene.until(lambda recording: recording.state == "failed_to_start")
    assert victim.client.get_state(victim.their_recording, victim.theirs).recording_state
    assert set(victim.requests(victim.their_recording)) == {"GET"}
    alarms = [record.alarm for record in (await scene.status()).alarms]
    assert any("a recording of another call" in alarm.what for alarm in alarms)


async def test_b1_ones_own_recording_is_adopted(scene: Scene, victim: Victim) -> None:
    scene.world.services[scene.resource] = victim.client  # type: ignore[assignment]
    scene.server_call_id = victim.mine
    await scene.keep()
    await scene.signals(names.RECORDING_STATE_CHANGED, told(victim.my_recording))
    await scene.until(lambda recording: recording.recording_id == victim.my_recording)
    await scene.asks("stop")
    assert "DELETE" in victim.requests(victim.my_recording)
    assert victim.requests(victim.their_recording) == []
