"""Does a normal recording stay small, so that thousands of them are cheap to keep and to replay?"""

import asyncio
from collections import Counter

from temporalio.client import WorkflowHistory

from bench.costs import ANOTHER_ATTEMPT, SILENCE, Costs, costs_of
from callvault.contracts.requests import RecordingRequest
from callvault.temporal.updates import start_confirmed
from tests.patience import WAIT

from .scene import Scene, chunk

DEARER = (
    "a recording has become dearer or cheaper: leave out what it need not do, or else write the new"
    " figures here, into docs/costs.md and into a decision that says what they buy"
)

STANDARD_LIFE = {
    "start of a workflow": 1,
    "update": 4,
    "signal": 1,
    "activity": 8,
    "timer": 2,
    "search attributes": 3,
}
"""Billable actions of a recording that is started, paused, resumed, stopped, archived and sealed,
without the settings that cost more: `docs/costs.md`."""

STANDARD_EVENTS = 42
STANDARD_BYTES = 21_500
"""Both without those of workflow tasks: how many messages and answers share a task is chance."""

THREE_PAUSES = {**STANDARD_LIFE, "update": 8, "signal": 4, "activity": 15}
"""The same with three pauses and four chunks, each chunk told of by an event of its own."""

SILENCE_EVENTS = 3
"""Events of the activity that reads a silence, if it ends before the recording does. One serves for
pauses that follow each other within seconds: how many there are is chance on a busy machine."""

THREE_PAUSES_EVENTS = 74
THREE_PAUSES_TASKS = 30
THREE_PAUSES_BYTES = 49_000


async def test_the_standard_life_costs_what_its_page_says(scene: Scene) -> None:
    costs = await life(scene, pauses=1, chunks=1)
    assert billed(costs) == STANDARD_LIFE, DEARER
    assert costs.events <= STANDARD_EVENTS + of_silence(costs), DEARER
    assert costs.size - costs.size_of_tasks <= STANDARD_BYTES, DEARER


async def test_a_recording_with_three_pauses_and_four_chunks_has_a_small_history(
    scene: Scene,
) -> None:
    costs = await life(scene, pauses=3, chunks=4)
    assert billed(costs) == THREE_PAUSES, DEARER
    assert costs.events <= THREE_PAUSES_EVENTS + of_silence(costs), DEARER
    assert costs.tasks <= THREE_PAUSES_TASKS, DEARER
    assert costs.size - costs.size_of_tasks <= THREE_PAUSES_BYTES, DEARER


async def life(scene: Scene, *, pauses: int, chunks: int) -> Costs:
    """Live the life of a recording, as the gateway and a backend have it; return what it costs."""
    request = RecordingRequest.model_validate(
        {
            "server_call_id": scene.server_call_id,
            "resource": scene.resource,
            "requested_by": "backend",
            "recording_content_type": "audio",
            "recording_format_type": "mp3",
        }
    )
    with scene.environment.with_time_skipping_disabled():
        await start_confirmed(scene.environment.client, request)
    await scene.until(lambda recording: recording.actual == "active")
    for _ in range(pauses):
        await scene.asks("pause", reason="card number", requestedBy="agent-7")
        await scene.asks("resume", requestedBy="agent-7")
        await _silence_is_read(scene)
    await scene.asks("stop", requestedBy="agent-7")
    for index in range(chunks):
        await scene.announced(chunk(index, last=index == chunks - 1))
    assert (await scene.result()).outcome == "archived"
    return costs_of(of_the_call(await scene.handle.fetch_history()))


async def _silence_is_read(scene: Scene) -> None:
    """Wait for the reading of a pause: where the next one begins meanwhile, it needs a timer."""
    async with asyncio.timeout(WAIT):
        while (await scene.handle.describe()).raw_description.pending_activities:
            await asyncio.sleep(0.05)


def of_the_call(history: WorkflowHistory) -> WorkflowHistory:
    """Leave out what the tests' own time skipping writes into a history."""
    kept = [e for e in history.events if not e.HasField(_SKIPPING)]
    return WorkflowHistory(history.workflow_id, kept)


_SKIPPING = "workflow_execution_options_updated_event_attributes"


def billed(costs: Costs) -> Counter[str]:
    """Return the actions, without those that depend on how long a pause takes here."""
    left_out = (ANOTHER_ATTEMPT, SILENCE)
    return Counter({kind: n for kind, n in costs.actions.items() if kind not in left_out})


def of_silence(costs: Costs) -> int:
    return SILENCE_EVENTS * costs.actions[SILENCE]
