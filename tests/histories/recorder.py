"""Plays stories, and writes the histories of their workflows, without a trace of the machine."""

import asyncio
import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory

from .calls import Story
from .recorded import SUFFIX
from .studio import Studio

STORY_TIMEOUT = 120.0
"""Seconds for one story."""

MAX_AT_ONCE = 2
"""Stories that are played at a time."""

MAX_RUNS = 20
MAX_EVENTS = 4_000
"""Runs of one workflow, and events of one run, that are kept."""

ROOT = "/studio"
"""Stands for the folder of the studio, which has another name on every machine."""

RANDOM = ("requestId", "binaryChecksum")
"""Members of events that no replay reads, and that compress badly."""


class TooMuch(Exception):
    """A story takes too long, or its history is too large to be kept; the sentence says which."""


async def played(
    studio: Studio, stories: Sequence[Story], within: float = STORY_TIMEOUT
) -> dict[str, bytes]:
    """Play stories, some at a time; return the files of their histories, by name.

    An error ends them all, and names its story: `TooMuch` where one is not over ``within`` seconds,
    or is too large.
    """
    room = asyncio.Semaphore(MAX_AT_ONCE)

    async def one(story: Story) -> dict[str, bytes]:
        async with room:
            return await _played(studio, story, within)

    async with asyncio.TaskGroup() as group:
        playing = [group.create_task(one(story)) for story in stories]
    return {name: content for each in playing for name, content in each.result().items()}


def replace_histories(folder: Path, files: dict[str, bytes]) -> None:
    """Write the histories of a version in place of those that it had."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob(f"*{SUFFIX}"):
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


async def _played(studio: Studio, story: Story, within: float) -> dict[str, bytes]:
    name = story.__name__.replace("_", "-")
    limit = asyncio.timeout(within)
    try:
        async with limit:
            workflows = await story(studio)
            histories = [each for w in workflows for each in await _runs(studio.client, w)]
    except Exception as error:
        if limit.expired():
            raise TooMuch(f"story {name} is not over within {within:g} s") from None
        error.add_note(f"This was story {name}.")
        raise
    for history in histories:
        if len(history.events) > MAX_EVENTS:
            raise TooMuch(f"story {name} has {len(history.events)} events in one run")
    numbers = [""] if len(histories) == 1 else [f".{n + 1}" for n in range(len(histories))]
    return {
        f"{name}{number}{SUFFIX}": packed(history, str(studio.root))
        for number, history in zip(numbers, histories, strict=True)
    }


async def _runs(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    """Return the history of every run of a workflow, the oldest first."""
    found: list[WorkflowHistory] = []
    run_id = (await client.get_workflow_handle(workflow_id).describe()).run_id
    while run_id:
        if len(found) == MAX_RUNS:
            raise TooMuch(f"{workflow_id} has more than {MAX_RUNS} runs")
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        found.insert(0, await handle.fetch_history())
        started = found[0].events[0].workflow_execution_started_event_attributes
        run_id = started.continued_execution_run_id
    return found


def packed(history: WorkflowHistory, root: str) -> bytes:
    """Write a history as compressed JSON, the same whenever it is the same."""
    found = {"workflowId": history.workflow_id, **_without(history.to_json_dict(), root)}
    text = json.dumps(found, separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode(), mtime=0)


def _without(value: Any, root: str) -> Any:
    """Take the studio's folder out of every text and payload, and what is random and not read."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in RANDOM}
        return {key: _of_member(key, each, root) for key, each in kept.items()}
    if isinstance(value, list):
        return [_without(each, root) for each in value]
    return value.replace(root, ROOT) if isinstance(value, str) else value


def _of_member(key: str, value: Any, root: str) -> Any:
    if key == "data" and isinstance(value, str):
        content = base64.b64decode(value).replace(root.encode(), ROOT.encode())
        return base64.b64encode(content).decode()
    return _without(value, root)
