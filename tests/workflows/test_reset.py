"""Is a call kept though an operator resets its workflow? (Of fault A1's kind.)

A reset begins another run from a point in the history of the last one, which knows nothing of what
came after that point: what ACS was asked, and what is archived.
"""

import asyncio
import uuid
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from callvault.contracts import names
from callvault.contracts.status import CallStatus
from callvault.contracts.takeover import LastState
from tests.patience import WAIT
from workers.abandoned import AbandonedCalls
from workers.recall import Recall
from workflows.call.deadlines import escalation_ages

from .scene import SHORT_WINDOW, Scene, chunk
from .test_continue_as_new import grows, has_runs, short_histories
from .test_polling import told

FIRST, MIDDLE, LAST = "first", "middle", "last"
POINTS = pytest.mark.parametrize("to", [FIRST, MIDDLE, LAST])


async def completed_tasks(handle: WorkflowHandle[Any, Any]) -> list[int]:
    """Return the numbers of the events that end a workflow task of the newest run."""
    history = await handle.fetch_history()
    return [
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]


async def reset(scene: Scene, to: str) -> None:
    """Reset the newest run of a call to its first, middle or last workflow task."""
    await reset_workflow(scene.environment.client, scene.handle, to)


async def reset_workflow(client: Client, handle: WorkflowHandle[Any, Any], to: str) -> None:
    """Reset the newest run of a workflow, as the CLI does."""
    # A run that has only begun has no task yet that it could be reset to.
    async with asyncio.timeout(WAIT):
        while not (tasks := await completed_tasks(handle)):
            await asyncio.sleep(0.05)
    event_id = {FIRST: tasks[0], MIDDLE: tasks[len(tasks) // 2], LAST: tasks[-1]}[to]
    before = (await handle.describe()).run_id
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=before),
            reason="an operator",
            workflow_task_finish_event_id=event_id,
            request_id=str(uuid.uuid4()),
        )
    )
    assert (await handle.describe()).run_id != before


async def recalled(scene: Scene) -> CallStatus:
    """Wait until the new run knows what the one before knew, and no task of it fails."""
    async with asyncio.timeout(WAIT):
        while not (status := await scene.status()).taken_over:
            await asyncio.sleep(0.02)
    failed = [
        event.workflow_task_failed_event_attributes.cause
        for event in (await scene.handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    # None if the run has continued as new since.
    assert set(failed) <= {WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW}
    return status


async def ends_well(scene: Scene, *files: dict[str, Any]) -> None:
    await scene.announced(*files)
    result = await scene.result()
    assert result.outcome == "archived"
    assert len(scene.archived()) == len(files)
    watch = AbandonedCalls(scene.environment.client, scene.world.told.send)
    run = (await scene.handle.describe()).run_id
    await watch.take_over_ended()
    assert (await scene.handle.describe()).run_id == run, "nothing is left to be taken over"


@POINTS
async def test_a_recording_stays_under_control(scene: Scene, to: str) -> None:
    await scene.recorded()
    await reset(scene, to)
    await recalled(scene)
    recording = await scene.recording()
    assert recording.recording_id == "recording-1"
    assert (await scene.asks("pause")).state == "confirmed"
    assert (await scene.asks("stop")).state == "confirmed"
    assert scene.service.control_calls() == ["start", "pause", "stop"], "not recorded twice"
    await ends_well(scene, chunk())


async def test_a_start_that_is_answered_before_the_recall_keeps_its_id(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before knew of no id, and this one forgot it: nobody controlled the recording."""
    is_known, last_state = asyncio.Event(), Recall.last_state

    async def slowly(self: Recall, workflow_id: str, run_id: str) -> LastState:
        state = await last_state(self, workflow_id, run_id)
        await is_known.wait()
        return state

    monkeypatch.setattr(Recall, "last_state", slowly)
    answer = scene.service.holds("start")
    await scene.keep(requested_by="backend")
    async with asyncio.timeout(WAIT):
        while "start" not in scene.service.asked:
            await asyncio.sleep(0.02)
    # The last task is done once more: one behind that which asks for the start.
    asking = await completed_tasks(scene.handle)
    await scene.signals("hello", {})
    async with asyncio.timeout(WAIT):
        while await completed_tasks(scene.handle) == asking:
            await asyncio.sleep(0.02)
    await reset(scene, LAST)
    answer.set()
    await scene.until(lambda recording: recording.recording_id == "recording-1")
    is_known.set()
    await recalled(scene)
    assert (await scene.recording()).recording_id == "recording-1"
    assert (await scene.asks("pause")).state == "confirmed"
    assert (await scene.asks("stop")).state == "confirmed"
    await ends_well(scene, chunk())


@POINTS
async def test_a_pause_holds_and_its_evidence_stays(scene: Scene, to: str) -> None:
    await scene.recorded()
    await scene.asks("pause", requested_by="agent", reason="card")
    await scene.asks("resume", requested_by="agent")
    await scene.asks("pause", requested_by="agent", reason="card again")
    await reset(scene, to)
    await recalled(scene)
    await scene.until(lambda recording: recording.actual == "paused" and not recording.needs_read)
    assert scene.service.recordings == {"recording-1": "inactive"}
    pauses = (await scene.recording()).pauses
    assert [pause.reason for pause in pauses] == ["card", "card again"]
    assert pauses[1].resumed_at is None
    assert (await scene.asks("resume", requested_by="agent")).state == "confirmed"
    await scene.asks("stop")
    await ends_well(scene, chunk())
    assert scene.service.control_calls().count("start") == 1


@POINTS
async def test_what_is_archived_is_not_archived_again(scene: Scene, to: str) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False))
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    names_before = set(scene.archive.names())
    await reset(scene, to)
    await recalled(scene)
    assert (await scene.recording()).chunks[0].state == "archived"
    await scene.announced(chunk(1))
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 2
    assert names_before <= set(scene.archive.names())
    assert scene.service.control_calls() == ["start", "stop"]


@POINTS
async def test_a_call_that_had_ended_well_ends_well_again(scene: Scene, to: str) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    await reset(scene, to)
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 1
    assert scene.service.control_calls() == ["start", "stop"]
    assert scene.told() == []


async def test_what_a_run_forgets_to_have_looked_for_is_looked_for_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before had no answer yet: its loss stayed undecided for ever, and nothing looked."""
    last_state = Recall.last_state

    async def without_the_answer(self: Recall, workflow_id: str, run_id: str) -> LastState:
        state = await last_state(self, workflow_id, run_id)
        [recording] = state.status.recordings
        recording.looked_up -= 1
        return state

    monkeypatch.setattr(Recall, "last_state", without_the_answer)
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await scene.recorded()
    await scene.asks("stop")
    # The first alarm, and one at each step of the escalation.
    all_alarms = 1 + len(escalation_ages(scene.world.policy_of(scene.resource)))
    while (await scene.recording()).escalations < all_alarms:
        await scene.passes(SHORT_WINDOW / 50)
    await scene.until(lambda recording: recording.looked_up == all_alarms)
    await reset(scene, LAST)
    status = await recalled(scene)
    assert status.recordings[0].looked_up == all_alarms - 1
    await scene.passes(SHORT_WINDOW)
    await scene.until(lambda recording: recording.state == "lost")


@POINTS
async def test_a_later_run_of_the_call_can_be_reset_too(scene: Scene, to: str) -> None:
    short_histories(scene, 40)
    await scene.recorded()
    await grows(scene, 20)
    await has_runs(scene, 2)
    await scene.asks("pause", requested_by="agent")
    await reset(scene, to)
    await recalled(scene)
    await scene.until(lambda recording: recording.actual == "paused" and not recording.needs_read)
    await scene.asks("stop")
    await ends_well(scene, chunk())
    assert scene.service.control_calls().count("start") == 1


async def test_a_withdrawal_of_consent_is_not_forgotten(scene: Scene) -> None:
    who = "a" * 64
    await scene.keep(consent_policy="named", consent_participants=[who], requested_by="backend")
    await scene.signals(names.CONSENT, {"participant": who, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    await scene.signals(names.CONSENT, {"participant": who, "given": False})
    await scene.until(lambda recording: recording.actual == "paused")
    await reset(scene, FIRST)
    await recalled(scene)
    await scene.until(lambda recording: recording.actual == "paused" and not recording.needs_read)
    assert scene.service.recordings == {"recording-1": "inactive"}
    assert [record.given for record in (await scene.status()).consents] == [True, False]
    assert scene.service.control_calls().count("start") == 1


async def test_a_call_that_is_reset_to_its_first_task_takes_the_settings_of_now(
    scene: Scene,
) -> None:
    """So ACS is asked for files that no event announces."""
    await scene.recorded()
    await scene.asks("stop")
    scene.service.results["recording-1"] = told(chunk())
    scene.world.polls_result.add(scene.resource)
    await reset(scene, FIRST)
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 1
    assert scene.service.control_calls() == ["start", "stop"]
