"""Is a call minded again after its workflow was ended by force, or makes no step any more?"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from tests.patience import WAIT
from workers import recall
from workers.abandoned import AbandonedCalls

from .scene import Scene, chunk


async def taken_over(scene: Scene) -> None:
    """Look for abandoned calls, as a worker does, until this one is found."""
    ended = (await scene.handle.describe()).run_id
    watch = AbandonedCalls(scene.environment.client, scene.world.told.send)
    with scene.environment.with_time_skipping_disabled():
        async with asyncio.timeout(WAIT):
            while (await scene.handle.describe()).run_id == ended:
                await watch.take_over_ended()
                await asyncio.sleep(0.1)


async def test_a1_a_terminated_call_is_taken_over_and_kept_to_its_end(scene: Scene) -> None:
    """Of fault A1's kind: ACS recorded on, and nobody was told."""
    await scene.recorded()
    await scene.asks("pause", requested_by="agent")
    await scene.asks("resume", requested_by="agent")
    await scene.handle.terminate("somebody clicked")
    asked = scene.service.asked.count("get_state")
    await taken_over(scene)
    await scene.has_asked("get_state", times=asked + 1)

    assert (await scene.asks("pause")).state == "confirmed"
    assert (await scene.asks("stop")).state == "confirmed"
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert result.recordings[0].pauses[0].requested_by == "agent"
    assert scene.service.control_calls() == ["start", "pause", "resume", "pause", "stop"]
    [alarm] = scene.told()
    assert (alarm.kind, alarm.severity) == (AlarmKind.ABANDONED, Severity.CRITICAL)


async def test_a1_what_ended_meanwhile_is_read_from_acs(scene: Scene) -> None:
    await scene.recorded()
    await scene.handle.terminate()
    scene.service.forgets("recording-1")
    await taken_over(scene)
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert scene.service.control_calls() == ["start"]


async def test_a1_what_was_archived_is_known_and_not_copied_again(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False))
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await scene.handle.terminate()
    copied = scene.service.asked.count("open_content")
    await taken_over(scene)
    await scene.announced(chunk(1))
    assert (await scene.result()).outcome == "archived"
    assert scene.service.asked.count("open_content") == copied + 1
    assert len(scene.archived()) == 2


async def test_a1_a_call_that_is_kept_by_another_run_is_left_alone(scene: Scene) -> None:
    """Two workers look at once; and a call that came to its end needs nobody."""
    await scene.recorded()
    await scene.handle.terminate()
    await asyncio.gather(taken_over(scene), taken_over(scene))
    run = (await scene.handle.describe()).run_id
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    assert (await scene.handle.describe()).run_id == run
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    assert (await scene.handle.describe()).run_id == run
    assert [alarm.kind for alarm in scene.told()] == [AlarmKind.ABANDONED]


async def test_a1_a_call_is_taken_over_once_temporal_is_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm said that nothing takes over, by this machine's clock, and nothing ever did."""
    await scene.recorded()
    await scene.handle.terminate()
    before = (await scene.handle.describe()).run_id

    asked: list[object] = []

    async def away(*query: object) -> None:
        asked.append(query)
        raise RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b"")

    watch = AbandonedCalls(scene.environment.client, scene.world.told.send)
    with scene.environment.with_time_skipping_disabled(), monkeypatch.context() as meanwhile:
        meanwhile.setattr(recall.Recall, "last_state", away)
        async with asyncio.timeout(WAIT):
            while not asked:
                await watch.take_over_ended()
                await asyncio.sleep(0.1)
    assert AlarmKind.ABANDONED not in {alarm.kind for alarm in scene.told()}
    with scene.environment.with_time_skipping_disabled():
        await watch.take_over_ended()
    assert (await scene.handle.describe()).run_id != before


async def two_recordings(scene: Scene) -> None:
    """Record twice: the first is archived, the second is paused."""
    await scene.recorded()
    await scene.asks("stop")
    # Before the first is archived: the call would be over, perhaps just as this is asked.
    await scene.asks("start")
    await scene.until(lambda recording: recording.actual == "active", number=2)
    await scene.announced(chunk())
    await scene.until(lambda recording: recording.state == "archived")
    await scene.asks("pause", requested_by="agent", reason="card")


@pytest.mark.parametrize("answers", [True, False], ids=["by its own word", "by its history"])
async def test_a1_two_recordings_are_taken_over_and_the_pause_holds(
    scene: Scene, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead run whose history does not replay, or whose worker is gone, answers no query."""
    await two_recordings(scene)
    await scene.handle.terminate()
    copied = scene.service.asked.count("open_content")
    if not answers:
        monkeypatch.setattr(recall, "ANSWER_TIMEOUT", timedelta(microseconds=1))
    await taken_over(scene)
    await scene.until(lambda recording: recording.actual == "paused", number=2)
    assert [r.recording_id for r in (await scene.status()).recordings] == [
        "recording-1",
        "recording-2",
    ]
    assert scene.service.recordings == {"recording-2": "inactive"}
    [record] = [r for r in (await scene.status()).requests.values() if r.reason == "card"]
    assert record.requested_by == "agent"

    assert (await scene.asks("stop")).state == "confirmed"
    await scene.announced(chunk(document="0-eus-d1-" + "f" * 32), recording=2)
    assert (await scene.result()).outcome == "archived"
    assert scene.service.asked.count("open_content") == copied + 1, "nothing is archived twice"
    assert scene.service.control_calls().count("start") == 2


@pytest.mark.parametrize("answers", [True, False], ids=["by its own word", "by its history"])
async def test_a1_consent_that_is_pending_stays_pending(
    scene: Scene, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = "a" * 64
    await scene.keep(consent_policy="named", consent_participants=[who])
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.handle.terminate()
    if not answers:
        monkeypatch.setattr(recall, "ANSWER_TIMEOUT", timedelta(microseconds=1))
    await taken_over(scene)
    await scene.until(lambda recording: not recording.needs_read)
    assert scene.service.recordings == {"recording-1": "inactive"}
    await scene.signals(names.CONSENT, {"participant": who, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    assert scene.service.control_calls().count("start") == 1
    assert (await scene.asks("stop")).state == "confirmed"
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


@pytest.mark.parametrize("answers", [True, False], ids=["by its own word", "by its history"])
async def test_a1_a_run_that_a_backend_began_meanwhile_learns_of_the_dead_ones_recordings(
    scene: Scene, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left alone, so that ACS recorded on what nobody controlled."""
    await scene.recorded()
    await scene.handle.terminate()
    await scene.recorded()
    watch = AbandonedCalls(scene.environment.client, scene.world.told.send)
    if not answers:
        monkeypatch.setattr(recall, "ANSWER_TIMEOUT", timedelta(microseconds=1))
    async with asyncio.timeout(WAIT):
        while len((await scene.status()).recordings) < 2:
            await watch.take_over_ended()
            await asyncio.sleep(0.1)
    assert {r.recording_id for r in (await scene.status()).recordings} == {
        "recording-1",
        "recording-2",
    }
    await scene.signals(names.CALL_ENDED, {})
    for number in (1, 2):
        await scene.until(lambda recording: recording.actual == "stopped", number=number)
        file = chunk(document=f"0-eus-d1-{number:032x}")
        await scene.announced(file, recording=number)
    assert scene.service.recordings == {}
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 2
    run = (await scene.handle.describe()).run_id
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    assert (await scene.handle.describe()).run_id == run
    assert [a.kind for a in scene.told()].count(AlarmKind.ABANDONED) == 1


async def test_a1_a_refusal_that_is_kept_for_a_recording_to_come_is_taken_over(
    scene: Scene,
) -> None:
    """Its list shows a final state: the next start would have recorded who had refused."""
    who = "a" * 64
    await scene.keep(start_recording=False, participants=[who])
    await scene.signals(names.CONSENT, {"participant": who, "given": False})
    async with asyncio.timeout(WAIT):
        while names.STATE not in (await scene.handle.describe()).typed_search_attributes:
            await asyncio.sleep(0.05)
    await scene.handle.terminate()
    await taken_over(scene)
    assert [record.given for record in (await scene.status()).consents] == [False]
    await scene.signals(names.CALL_ENDED, {})
    assert (await scene.result()).outcome == "empty"


@workflow.defn(name=names.WORKFLOW_TYPE)
class Stuck:
    """A workflow whose tasks fail."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("a fault of ours")


@pytest.mark.slow("the server reports a workflow only after several failed tasks")
async def test_a2_a_workflow_whose_tasks_fail_is_told_of(scene: Scene) -> None:
    """Of fault A2's kind, for faults that nobody knows yet."""
    client, told = scene.environment.client, list[Alarm]()
    queue = f"stuck-{uuid.uuid4()}"
    watch = AbandonedCalls(client, told.append)
    async with Worker(
        client, task_queue=queue, workflows=[Stuck], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await client.start_workflow(
            names.WORKFLOW_TYPE, id=queue, task_queue=queue, run_timeout=timedelta(minutes=5)
        )
        await until(lambda: [a.workflow_id for a in told] == [queue], watch)
    await watch.tell_of_stuck()
    assert [a.workflow_id for a in told] == [queue], "once"
    assert told[0].severity is Severity.CRITICAL
    assert told[0].what.endswith("nobody minds the call: the log of the worker says why")
    await client.get_workflow_handle(queue).terminate("mended")
    await until(lambda: len(told) == 2, watch)
    assert (told[1].status, told[1].dedup_key) == ("resolved", told[0].dedup_key)


async def until(condition: Callable[[], bool], watch: AbandonedCalls) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await watch.tell_of_stuck()
            await asyncio.sleep(0.5)
