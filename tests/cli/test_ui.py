"""Do the links of `callvault ui` show what they say?"""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from temporalio.common import SearchAttributePair

from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.temporal.executions import list_executions
from callvault.temporal.web_ui import MEANINGS, View, list_url, query_of

from .conftest import Terminal

NOW = datetime.now(UTC)


def test_every_view_has_a_meaning_and_shows_calls_alone() -> None:
    assert set(MEANINGS) == set(View)
    for view in View:
        assert query_of(view, NOW).startswith("WorkflowType = 'RecordingWorkflow' AND ")


def test_a_link_holds_the_query_as_it_is() -> None:
    url = list_url("https://ui.example", "recordings.a1b2c", "A = 'b c' AND D != 'é'")
    assert urlsplit(url).path == "/namespaces/recordings.a1b2c/workflows"
    assert parse_qs(urlsplit(url).query) == {"query": ["A = 'b c' AND D != 'é'"]}


@pytest.mark.slow("a Temporal server of its own")
async def test_without_a_name_it_is_all_that_is_at_risk_and_a_lost_call_is_among_it(
    own_terminal: Terminal,
) -> None:
    """The workflow of a lost recording has completed: by its status it would look well."""
    terminal, at_risk = own_terminal, SearchAttributePair(names.AT_RISK, True)
    calm = SearchAttributePair(names.AT_RISK, False)
    lost = await terminal.kept("lost", RecordingState.LOST, more=[at_risk])
    due = await terminal.kept("due", expires_in=timedelta(minutes=5), more=[calm])
    paused = await terminal.kept("paused", more=[calm])
    await terminal.pauses(paused.id)
    dead = await terminal.kept("dead", more=[calm])
    await dead.terminate()
    await terminal.kept("later", expires_in=timedelta(hours=5), more=[calm])
    await trace_of_a_call(terminal)

    link = await terminal.tells("ui")
    assert parse_qs(urlsplit(link["url"]).query)["query"] == [link["query"]]
    everything = {lost.id, due.id, paused.id, dead.id}
    assert await shown(terminal, link["query"], 4) == everything
    abandoned = query_of(View.ABANDONED, NOW)
    assert await shown(terminal, abandoned, 2) == {paused.id, dead.id}
    assert await shown(terminal, query_of(View.LOST, NOW), 1) == {lost.id}
    assert len(await shown(terminal, query_of(View.CALLS, NOW), 5)) == 5
    for view in View:
        await shown(terminal, query_of(view, NOW), 0)


async def trace_of_a_call(terminal: Terminal) -> None:
    client, call_id = terminal.server.client, names.call_seen_id("other", "began")
    await client.start_workflow(names.CALL_SEEN_TYPE, id=call_id, task_queue=names.CONTROL_QUEUE)


async def shown(terminal: Terminal, query: str, count: int) -> set[str]:
    """Return what a query finds, as soon as that is so much: visibility lags."""
    found: set[str] = set()
    async with asyncio.timeout(30):
        while True:
            found = {run.id async for run in list_executions(terminal.server.client, query)}
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


async def test_a_wrong_view_is_told_the_nearest_and_an_id_leads_to_its_page(
    terminal: Terminal,
) -> None:
    status, _, err = await terminal.runs("ui", "at-rsk")
    assert status == 2
    assert "Did you mean at-risk?" in err
    workflow_id = names.workflow_id("call")
    environment = {"CALLVAULT_WEB_UI__URL": "https://ui.example", "TEMPORAL_NAMESPACE": "calls"}
    _, out, _ = await terminal.runs("ui", workflow_id, **environment)
    assert out.strip() == f"https://ui.example/namespaces/calls/workflows/{workflow_id}"
