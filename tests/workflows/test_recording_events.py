"""Do webhooks learn what becomes of each recording, once and truthfully, and hold up nothing?"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.recording_events import EventKind
from callvault.contracts.requests import RecordingRequest
from callvault.errors import InvalidRequest, Unavailable
from callvault.temporal.call_client import CallClient
from callvault.temporal.recording_events import begin_delivery, undelivered
from tests.patience import WAIT

from .scene import SHORT_WINDOW, Scene, chunk

URL = "https://crm.example/hooks"
TOLD_ACTIVE = {
    "recording": 1,
    "recordingId": "recording-1",
    "state": "active",
    "at": "2026-01-01",
    "isSigned": True,
}
"""ACS's callback about the only recording."""


class Receiver:
    """A webhook that remembers what it took, and fails as long as it is away."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.attempts = 0
        self.is_away = False

    def post(self, event: dict[str, Any], message_id: str, *, timeout: float) -> int:
        self.attempts += 1
        if self.is_away:
            raise Unavailable("the event webhook answered 503", owner="caller")
        assert event["id"] == message_id
        self.events.append(event)
        return 204

    @property
    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("callvault.recording.") for event in self.events]

    async def until(self, kind: EventKind) -> dict[str, Any]:
        """Wait for an event, and return its data."""
        async with asyncio.timeout(WAIT):
            while kind not in self.kinds:
                await asyncio.sleep(0.02)
        data: dict[str, Any] = self.events[self.kinds.index(kind)]["data"]
        return data


@pytest.fixture
def receiver(scene: Scene) -> Receiver:
    receiver = scene.world.receivers[scene.resource] = Receiver()
    return receiver


async def test_a_recording_is_told_from_its_start_to_its_archived_files(
    scene: Scene, receiver: Receiver
) -> None:
    await scene.recorded()
    await scene.asks("pause")
    await scene.asks("resume")
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"

    assert receiver.kinds == ["started", "paused", "resumed", "stopped", "archived"]
    sequences = [event["sequence"] for event in receiver.events]
    assert sequences == sorted(set(sequences))
    assert len({event["id"] for event in receiver.events}) == 5
    _, paused, resumed, _, archived = (event["data"] for event in receiver.events)
    recording = await scene.recording()
    [silent] = recording.silence.silent
    assert datetime.fromisoformat(paused["silentSince"]) == silent.since
    assert datetime.fromisoformat(resumed["silentUntil"]) == silent.until
    assert not resumed["isRetracted"]
    assert (archived["isFinal"], archived["archive"]) == (True, scene.resource)
    [file] = archived["files"]
    copy = recording.chunks[0].archived
    assert copy is not None
    assert (file["objectName"], file["size"], file["sha256"]) == (
        copy.object_name,
        copy.size,
        copy.sha256,
    )
    assert recording.sealed is not None
    assert archived["manifest"]["sha256"] == recording.sealed.sha256


async def test_a_receiver_that_is_away_delays_nothing_and_gets_all_under_the_same_ids(
    scene: Scene, receiver: Receiver
) -> None:
    receiver.is_away = True
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert receiver.events == []
    # Once it took nothing, the call waits for it no more, for a minute.
    assert await deliveries(scene) == ["deliver_event", *[names.HAND_OVER_EVENT_ACTIVITY] * 3]
    waiting = [each async for each in undelivered(scene.environment.client)]
    own = [each for each in waiting if each.delivery.event.resource == scene.resource]
    assert {each.delivery.event.kind for each in own} == {"started", "stopped", "archived"}
    # Handed over again, as after an answer of Temporal that was lost: one of each id delivers.
    assert not await begin_delivery(scene.environment.client, own[0].delivery)

    receiver.is_away = False
    for each in own:
        handle = scene.environment.client.get_workflow_handle(each.workflow_id)
        await handle.result()
    assert sorted(receiver.kinds) == ["archived", "started", "stopped"]
    assert {event["id"] for event in receiver.events} == {e.delivery.event.id for e in own}


async def test_what_is_not_taken_within_a_day_is_alarmed_once_and_can_be_sent_again(
    scene: Scene, receiver: Receiver
) -> None:
    receiver.is_away = True
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    client = scene.environment.client
    own = [
        each async for each in undelivered(client) if each.delivery.event.resource == scene.resource
    ]
    for each in own:
        handle = client.get_workflow_handle(each.workflow_id)
        with suppress(RPCError):  # it has ended already
            await scene.environment.fast_forward(handle)
        with pytest.raises(Exception, match="execution failed"):
            await handle.result()
    async with asyncio.timeout(WAIT):
        while AlarmKind.EVENT_UNDELIVERED not in {each.kind for each in told(scene)}:
            await asyncio.sleep(0.05)
    [alarm] = [each for each in told(scene) if each.kind is AlarmKind.EVENT_UNDELIVERED]
    assert "does not take events about recordings (the event webhook answered 503" in alarm.what
    assert "callvault webhooks resend" in alarm.what

    receiver.is_away = False
    assert await begin_delivery(client, own[0].delivery)
    await client.get_workflow_handle(own[0].workflow_id).result()
    assert [event["id"] for event in receiver.events] == [own[0].delivery.event.id]
    # It is delivered: no longer listed, and not begun once more.
    left = {each.workflow_id async for each in undelivered(client)}
    assert own[0].workflow_id not in left
    assert not await begin_delivery(client, own[0].delivery)


def told(scene: Scene) -> list[Any]:
    return [a for a in scene.world.told.alarms if a.resource == scene.resource]


async def test_a_url_of_the_request_is_told_beside_the_resource_and_only_if_it_is_allowed(
    scene: Scene, receiver: Receiver
) -> None:
    own = scene.world.receivers[URL] = Receiver()
    await scene.recorded(webhook_url=URL)
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    ours = [e for e in own.events if e["data"]["resource"] == scene.resource]
    assert [e["id"] for e in ours] == [e["id"] for e in receiver.events]
    assert receiver.kinds == ["started", "stopped", "archived"]


async def test_a_url_that_is_not_allowed_gets_nothing_and_costs_no_recording(
    scene: Scene,
) -> None:
    await scene.recorded(webhook_url="https://elsewhere.example/hooks")
    status = await scene.status()
    assert status.recordings[0].webhook_url is None
    [said] = [e.what for e in status.timeline if "webhookUrl" in e.what]
    assert f"resource {scene.resource} does not allow this URL" in said
    assert await deliveries(scene) == []


async def deliveries(scene: Scene) -> list[str]:
    """Return the activities of the call that are about events."""
    kinds = ("deliver_event", names.HAND_OVER_EVENT_ACTIVITY)
    history = await scene.handle.fetch_history()
    scheduled = (e.activity_task_scheduled_event_attributes for e in history.events)
    return [each.activity_type.name for each in scheduled if each.activity_type.name in kinds]


async def test_a_start_that_is_refused_is_told_as_failed(scene: Scene, receiver: Receiver) -> None:
    scene.service.fails("start", InvalidRequest("the call is not there"), times=1)
    await scene.keep()
    await scene.result()
    assert receiver.kinds == ["failed"]
    data = receiver.events[0]["data"]
    assert (data["isFinal"], "the call is not there" in data["reason"]) == (True, True)


async def test_a_start_that_was_given_up_and_has_begun_is_told_anew(
    scene: Scene, receiver: Receiver
) -> None:
    """What is told as failed was the truth that was known; the end corrects it."""
    scene.service.loses_answers("start", Unavailable("the answer is lost"), times=1_000)
    await scene.keep()
    await scene.passes(timedelta(minutes=11))
    await scene.until(lambda recording: recording.state == "failed_to_start")
    assert (await receiver.until(EventKind.FAILED))["corrects"] is None
    await scene.signals(names.RECORDING_STATE_CHANGED, TOLD_ACTIVE)
    await receiver.until(EventKind.STOPPED)
    await scene.announced(chunk())
    await scene.result()
    assert receiver.kinds == ["failed", "started", "stopped", "archived"]
    failed, *_, archived = (event["data"] for event in receiver.events)
    assert archived["corrects"] == failed["id"]


async def test_a_lost_recording_is_told_with_its_reason(scene: Scene, receiver: Receiver) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    scene.service.fails("open_content", Unavailable("the service is away"), times=10_000)
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "lost"
    data = receiver.events[-1]["data"]
    assert receiver.kinds == ["started", "stopped", "lost"]
    assert data["files"][0]["state"] == "lost"
    assert "the service is away" in data["files"][0]["lostReason"]


async def test_what_continues_as_new_tells_nothing_twice(scene: Scene, receiver: Receiver) -> None:
    scene.world.max_history_events[scene.resource] = 60
    await scene.recorded()
    for _ in range(4):
        await scene.asks("pause")
        await scene.asks("resume")
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    ids = [event["id"] for event in receiver.events]
    assert len(ids) == len(set(ids))
    assert receiver.kinds == ["started", *["paused", "resumed"] * 4, "stopped", "archived"]


async def test_a_late_file_after_the_end_corrects_what_was_told(
    scene: Scene, receiver: Receiver
) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0))
    await scene.result()

    event = FileStatusUpdated.model_validate(scene.event(chunk(0, document="another")))
    request = RecordingRequest(
        server_call_id=scene.server_call_id, resource=scene.resource, start_recording=False
    )
    await CallClient(scene.environment.client).announce(request, event, None)
    await scene.result()
    assert receiver.kinds == ["started", "stopped", "archived", "archived"]
    first, second = (event["data"] for event in receiver.events[-2:])
    assert second["corrects"] == first["id"]
    assert (len(first["files"]), len(second["files"])) == (1, 2)
