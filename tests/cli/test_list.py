"""Does `callvault recordings list` show every call whole, and those in danger first?"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from temporalio.common import SearchAttributePair

from callvault.cli.actions.listing import table
from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.temporal.call_list import Filter, ListedCall, query_of

from .conftest import Terminal

ARCHIVING, ARCHIVED = RecordingState.ARCHIVING, RecordingState.ARCHIVED
HOUR = timedelta(hours=1)


def a_call(**facts: object) -> ListedCall:
    return ListedCall.model_validate(
        {
            "workflow_id": names.workflow_id("call"),
            "state": "failed_to_start",
            "status": "terminated",
            "expires_at": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            "is_at_risk": True,
            "resource": "a-resource-with-a-long-name",
            "is_orphan": True,
            "duties": 3,
            "recording_ids": (),
            "call_ids": (),
            "started_at": datetime(2030, 1, 1, tzinfo=UTC),
            "closed_at": None,
            **facts,
        }
    )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_narrow_terminal_cuts_nothing_off(width: int) -> None:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table([a_call()]))
    shown = capture.get()
    assert names.workflow_id("call") in shown, "an id can be copied"
    assert "…" not in shown
    letters = "".join(shown.split())
    for words in ("2030-01-02", "terminated", "atrisk,orphan,duties:3"):
        assert sorted(set(words)) == sorted(set(words) & set(letters))


def test_open_calls_are_asked_for_by_their_end_and_not_by_a_status() -> None:
    """A paused workflow is open, and its status is not `Running`."""
    assert "CloseTime IS NULL" in query_of(Filter(open=True))
    assert "Running" not in query_of(Filter(open=True))


@pytest.mark.slow("a Temporal server of its own")
async def test_all_calls_are_listed_whole_and_the_nearest_deadline_first(
    own_terminal: Terminal,
) -> None:
    terminal = own_terminal
    late = await terminal.kept("late", ARCHIVING, HOUR / 2)
    lost = SearchAttributePair(names.AT_RISK, True)
    risky = await terminal.kept("risky", ARCHIVING, 30 * HOUR, [lost])
    calm = await terminal.kept("calm", ARCHIVING, 20 * HOUR)
    dead = await terminal.kept("dead", RecordingState.RECORDING)
    await dead.terminate()
    over = await terminal.kept("over", ARCHIVED)
    await over.terminate()
    paused = await terminal.kept("paused", RecordingState.RECORDING)
    await terminal.pauses(paused.id)

    calls = await terminal.lists(6)
    async with asyncio.timeout(60):
        while {c["status"] for c in calls} != {"running", "terminated", "paused"} or [
            c["status"] for c in calls
        ].count("terminated") < 2:
            calls = await terminal.lists(6)
    ids = [call["workflowId"] for call in calls]
    assert ids[:4] == [late.id, calm.id, risky.id, paused.id]
    assert set(ids[4:]) == {dead.id, over.id}

    async def listed(*options: str) -> list[str]:
        found = await terminal.tells("recordings", "list", *options)
        return [call["workflowId"] for call in found]

    assert await listed("--limit", "2") == [late.id, calm.id]
    assert await listed("--open") == [late.id, calm.id, risky.id, paused.id]
    assert await listed("--state", "archived") == [over.id]
    assert await listed("--at-risk") == [late.id, risky.id, paused.id, dead.id]
    await piped(terminal, late.id)


async def test_a_run_that_another_one_has_replaced_is_no_call_of_its_own(
    terminal: Terminal,
) -> None:
    """As after a reset: the run before is terminated, and says of itself that it is unfinished."""
    before = await terminal.kept("reset", RecordingState.RECORDING)
    await before.terminate()
    await terminal.kept("reset", ARCHIVED)
    async with asyncio.timeout(60):
        while await statuses(terminal, before.id) != ["running"]:
            pass


async def statuses(terminal: Terminal, workflow_id: str) -> list[str]:
    calls = await terminal.tells("recordings", "list")
    return [call["status"] for call in calls if call["workflowId"] == workflow_id]


async def piped(terminal: Terminal, first: str) -> None:
    """In a pipe there is no width: COLUMNS is what a shell may have exported."""
    status, out, _ = await terminal.runs("recordings", "list", COLUMNS="40")
    header, line, *rest = out.splitlines()
    assert status == 0
    assert header.split("\t")[:3] == ["workflow", "state", "status"]
    fields = line.split("\t")
    assert fields[:3] == [first, "archiving", "running"]
    assert fields[3].endswith(" UTC")
    assert fields[6] == "at risk"
    assert len(rest) == 5
    assert {len(each.split("\t")) for each in out.splitlines()} == {7}


async def test_a_call_that_another_run_keeps_is_at_risk_no_more(own_terminal: Terminal) -> None:
    dead = await own_terminal.kept("call", RecordingState.RECORDING)
    await dead.terminate()
    async with asyncio.timeout(60):
        while not await own_terminal.tells("recordings", "list", "--at-risk"):
            await asyncio.sleep(0.1)
    await own_terminal.kept("call", RecordingState.RECORDING)
    assert await own_terminal.tells("recordings", "list", "--at-risk") == []


async def test_a_state_that_does_not_exist_is_refused_with_the_nearest(terminal: Terminal) -> None:
    status, _, said = await terminal.runs("recordings", "list", "--state", "archivd")
    assert status == 2
    assert "Did you mean archived?" in said
    assert "awaiting_consent" in said


async def test_a_list_in_a_pipe_is_not_watched(terminal: Terminal) -> None:
    assert "--watch is for a terminal" in await terminal.refuses("recordings", "list", "--watch")
