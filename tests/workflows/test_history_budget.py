"""Does a normal recording stay small, so that thousands of them are cheap to keep and to replay?"""

from collections import Counter

from temporalio.client import WorkflowHistory

from .scene import Scene, chunk

MOST_EVENTS = 100
"""Besides those of workflow tasks. A change of a recording has an activity of its own (decision
63)."""

MOST_TASKS = 30
"""Three events each. How many messages and answers, 28 in all, share a task is chance: 24 to 26
were counted."""
MOST_BYTES = 100 * 1024


async def test_a_recording_with_three_pauses_and_four_chunks_has_a_small_history(
    scene: Scene,
) -> None:
    await scene.recorded()
    for _ in range(3):
        await scene.asks("pause", reason="card number", requestedBy="agent-7")
        await scene.asks("resume", requestedBy="agent-7")
    await scene.asks("stop", requestedBy="agent-7")
    for index in range(3):
        await scene.announced(chunk(index, last=False))
    await scene.announced(chunk(3))
    assert (await scene.result()).outcome == "archived"

    history = await scene.handle.fetch_history()

    events = counted(history)
    of_tasks = sum(count for kind, count in events.items() if "workflow_task" in kind)
    assert events.total() - of_tasks <= MOST_EVENTS, events
    assert events["workflow_task_scheduled_event_attributes"] <= MOST_TASKS, events
    assert encoded_size(history) <= MOST_BYTES


def encoded_size(history: WorkflowHistory) -> int:
    """Bytes, as Temporal keeps and sends it."""
    return sum(event.ByteSize() for event in history.events)


def counted(history: WorkflowHistory) -> Counter[str]:
    """Count the events of a history by their kind."""
    return Counter(str(event.WhichOneof("attributes")) for event in history.events)
