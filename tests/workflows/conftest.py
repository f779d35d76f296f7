"""A real Temporal server with time skipping, the real workflow, a scripted service behind it."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowHistory,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.local.temporal import dynamic_options
from callvault.local.time_skipping import TIME_SKIPPING
from callvault.temporal.converter import data_converter
from callvault.temporal.repeated_queries import RepeatsQueries

from .scene import Scene, World

HAS_FAILED = pytest.StashKey[bool]()

DELETES_AT_ONCE = {
    # What was closed just before is deleted once the server has noted that its closing is carried
    # out: every half a minute, by default, and other tests would meet it until then.
    "history.transferProcessorUpdateAckInterval": "200ms",
    "history.visibilityProcessorUpdateAckInterval": "200ms",
}


class _AskedAgain(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        try:
            return await self.next.query_workflow(input)
        except RPCError as error:
            if error.status is not RPCStatusCode.CANCELLED:
                raise
            return await self.next.query_workflow(input)


class AsksAgain(Interceptor):
    """Repeat a query which the server gave to a poll of a worker that had just been given up."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        return _AskedAgain(next)


@pytest.fixture(scope="session")
async def skipping(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start one server for the whole session; each test has workflow ids of its own."""
    arguments = dynamic_options(TIME_SKIPPING | DELETES_AT_ONCE)
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=data_converter,
        interceptors=[AsksAgain(), RepeatsQueries()],
        dev_server_existing_path=str(temporal_binary),
        dev_server_extra_args=arguments + search_attribute_arguments(),
    ) as environment:
        yield environment


def search_attribute_arguments() -> list[str]:
    """Return the arguments that make a server know the search attributes."""
    return [
        word
        for key in names.SEARCH_ATTRIBUTES
        for word in ("--search-attribute", f"{key.name}={_type_name(key)}")
    ]


def _type_name(key: object) -> str:
    words = {"INT": "Int", "KEYWORD_LIST": "KeywordList"}
    name = key.indexed_value_type.name  # type: ignore[attr-defined]
    return words.get(name, name.capitalize())


# No longer than its module: a worker whose event loop stands still for minutes, as it does while
# tests of other folders run, is given no workflow task ever after.
@pytest.fixture(scope="module")
async def world(
    skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    world = World(tmp_path_factory.mktemp("archives"))
    working = world.working(skipping.client)
    await working.__aenter__()
    yield world
    await delete_all(skipping.client)
    # Now and then the shutdown of the SDK's worker does not end: the next module has its own.
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            await working.__aexit__(None, None, None)


async def delete_all(client: Client, workflow_id: str | None = None) -> None:
    """Delete what has not come to its end, of one call or of all: other tests would meet it.

    Not only terminate it: `AbandonedCalls`, which some tests ask, takes over whatever was.
    """
    of_one = f" AND WorkflowId = '{workflow_id}'" if workflow_id else ""
    async for left in client.list_workflows(f"ExecutionStatus != 'Completed'{of_one}"):
        run = WorkflowExecution(workflow_id=left.id, run_id=left.run_id)
        with suppress(RPCError):  # it may be deleted already
            await client.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=run)
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[HAS_FAILED] = report.failed
    return report


@pytest.fixture
async def scene(
    request: pytest.FixtureRequest, skipping: WorkflowEnvironment, world: World
) -> AsyncIterator[Scene]:
    """Yield one call; if its test fails, the report has the history."""
    scene = Scene(skipping, world)
    yield scene
    if request.node.stash.get(HAS_FAILED, False):
        with suppress(RPCError):  # it may have failed before its workflow began
            history = _when_what(await scene.handle.fetch_history())
            request.node.add_report_section("teardown", "history", history)
    await delete_all(skipping.client, scene.handle.id)


def _when_what(history: WorkflowHistory) -> str:
    """List every event of a history with its virtual time."""
    return "\n".join(
        f"{event.event_id:>4} {event.event_time.ToDatetime()} {EventType.Name(event.event_type)}"
        for event in history.events
    )
