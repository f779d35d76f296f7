"""The list of calls on a terminal: its order, its table and the watch."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter
from rich.console import Console, RenderableType
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.cli.actions.tables import COLOURS, moment, time_left
from callvault.cli.terminal import InertTable, is_terminal, line, say_fields
from callvault.errors import Unavailable
from callvault.temporal.call_list import Filter, ListedCall, chosen, query_of, urgency
from callvault.temporal.executions import list_executions

WATCH_INTERVAL = 5.0
"""Seconds between two looks of `--watch`."""


async def listed(client: Client, wanted: Filter) -> list[ListedCall]:
    """List calls: those with the nearest deadline first, those that are over last."""
    runs = [run async for run in list_executions(client, query_of(wanted))]
    calls = await chosen(client, runs, wanted)
    return sorted(calls, key=urgency)[: wanted.limit]


def as_json(calls: Sequence[ListedCall]) -> str:
    """Write the list as a JSON array."""
    return TypeAdapter(list[ListedCall]).dump_json(list(calls), indent=2).decode()


def show(calls: Sequence[ListedCall]) -> None:
    """Print the list: a table in a terminal, else lines of fields that a tab separates."""
    if is_terminal():
        Console().print(table(calls))
        return
    say_fields(_HEADER)
    for call in calls:
        say_fields(_fields(call))


_HEADER = ("workflow", "state", "status", "must be archived by", "left", "resource", "remarks")


def table(calls: Sequence[ListedCall]) -> InertTable:
    """Tabulate the list: narrow columns are folded, and nothing is cut off."""
    shown = InertTable(box=None, padding=(0, 1, 0, 0))
    for column in _HEADER:
        # An id stays whole, so that it can be copied.
        shown.add_column(column, no_wrap=column == "workflow", overflow="fold")
    for call in calls:
        workflow, state, *rest = _fields(call)
        shown.add_row(workflow, line((state, COLOURS.get(call.state, ""))), *rest)
    return shown


def _fields(call: ListedCall) -> list[str]:
    expires = call.expires_at
    return [
        call.workflow_id,
        call.state,
        call.status,
        moment(expires) if expires else "",
        time_left(expires) if expires and call.closed_at is None else "",
        call.resource,
        ", ".join(_remarks(call)),
    ]


def _remarks(call: ListedCall) -> Iterator[str]:
    if call.is_at_risk:
        yield "at risk"
    if call.is_orphan:
        yield "orphan"
    if call.duties:
        yield f"duties: {call.duties}"


async def watch(client: Client, wanted: Filter) -> None:
    """Print the list again and again, until Ctrl-C; an outage of Temporal is told, not the end."""
    screen = Console()
    while True:
        shown = await _table_or_problem(client, wanted)
        screen.clear()
        screen.print(shown)
        at = f"{datetime.now(UTC):%H:%M:%S} UTC, every {WATCH_INTERVAL:.0f} s; Ctrl-C ends this"
        screen.print(line((at, "dim")))
        await asyncio.sleep(WATCH_INTERVAL)


async def _table_or_problem(client: Client, wanted: Filter) -> RenderableType:
    try:
        return table(await listed(client, wanted))
    except (RPCError, Unavailable) as error:
        return line((f"Temporal does not answer: {error}", "bold red"))
