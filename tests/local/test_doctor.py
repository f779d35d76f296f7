"""Does `callvault doctor` find what is amiss, and say how to mend it?"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.cli.actions.listing import listed
from callvault.contracts import names
from callvault.contracts.states import RecordingState
from callvault.emulator.server import running
from callvault.reconcile.temporal_source import Calls
from callvault.temporal.call_list import Filter
from callvault.temporal.executions import describe_execution
from callvault.temporal.namespace import register_search_attributes

pytestmark = pytest.mark.server

_REPORTED_AFTER = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute"
_DYNAMIC_CONFIG = [
    *("--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"),
    *("--dynamic-config-value", f"{_REPORTED_AFTER}=2"),
]


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Yield a server of its own, for the whole namespace is examined."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary), dev_server_extra_args=_DYNAMIC_CONFIG
    ) as environment:
        yield environment


async def doctor(address: str, *options: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "callvault", "doctor", *options),
        env=os.environ | {"TEMPORAL_ADDRESS": address} | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def checks(address: str, **environment: str) -> tuple[int | None, dict[str, dict[str, Any]]]:
    status, said = await doctor(address, "--json", **environment)
    return status, {check["name"]: check for check in json.loads(said)["checks"]}


def address_of(server: WorkflowEnvironment) -> str:
    return server.client.service_client.config.target_host


async def begin(server: WorkflowEnvironment, server_call_id: str) -> str:
    workflow_id = names.workflow_id(server_call_id)
    await server.client.start_workflow(
        names.WORKFLOW_TYPE, id=workflow_id, task_queue=names.CONTROL_QUEUE
    )
    return workflow_id


async def a_paused_workflow(server: WorkflowEnvironment, temporal_binary: Path) -> str:
    await register_search_attributes(server.client)
    workflow_id = await begin(server, "call")
    pausing = await asyncio.create_subprocess_exec(
        str(temporal_binary),
        *("workflow", "pause", "--workflow-id", workflow_id, "--address", address_of(server)),
    )
    assert await pausing.wait() == 0
    return workflow_id


async def found(server: WorkflowEnvironment, name: str) -> dict[str, Any]:
    """Wait until a check fails: visibility lags."""
    async with asyncio.timeout(60):
        while (await checks(address_of(server)))[1][name]["isOk"]:
            await asyncio.sleep(0.1)
    return (await checks(address_of(server)))[1][name]


async def test_missing_search_attributes_are_found_and_a_good_namespace_passes(
    server: WorkflowEnvironment,
) -> None:
    status, before = await checks(address_of(server))
    assert status == 1
    assert "CallvaultState" in before["search attributes"]["found"]
    assert before["search attributes"]["fix"] == "Run `callvault setup`."

    await register_search_attributes(server.client)
    status, after = await checks(address_of(server))
    assert (status, [name for name, check in after.items() if not check["isOk"]]) == (0, [])
    status, said = await doctor(address_of(server))
    assert status == 0
    assert "paused workflows: none" in said


async def test_a_paused_workflow_is_found(
    server: WorkflowEnvironment, temporal_binary: Path
) -> None:
    """Workflow Pause stops the timers: no deadline is watched."""
    workflow_id = await a_paused_workflow(server, temporal_binary)
    check = await found(server, "paused workflows")
    assert workflow_id in check["found"]
    assert "unpause" in check["fix"]


async def test_a_paused_workflow_is_listed_and_reconciled_as_such(
    server: WorkflowEnvironment, temporal_binary: Path
) -> None:
    """The SDK's own list fails on it, and on every other call with it."""
    workflow_id = await a_paused_workflow(server, temporal_binary)
    other = await begin(server, "other")
    await found(server, "paused workflows")
    shown = {call.workflow_id: call.status for call in await listed(server.client, Filter())}
    assert shown == {workflow_id: "paused", other: "running"}
    described = await describe_execution(server.client, workflow_id)
    assert (described.status, described.is_open) == ("paused", True)

    # Older than the period, both are known because they are open.
    calls = Calls(server.client, datetime.now(UTC) + timedelta(hours=1))
    read = await calls.read()
    assert read.workflow_ids == {workflow_id, other}
    accounts = {record.workflow_id: record for record in read.records}
    assert not accounts[workflow_id].is_over


@workflow.defn(name=names.WORKFLOW_TYPE)
class Broken:
    """A workflow whose code cannot be run."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("a version that does not fit")


async def test_a_call_whose_workflow_tasks_fail_is_found(server: WorkflowEnvironment) -> None:
    await register_search_attributes(server.client)
    async with Worker(
        server.client,
        task_queue=names.CONTROL_QUEUE,
        workflows=[Broken],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        workflow_id = await begin(server, "call")
        check = await found(server, "failing workflow tasks")
    assert workflow_id in check["found"]
    assert "worker's log" in check["fix"]


async def test_a_call_whose_workflow_was_terminated_is_found(server: WorkflowEnvironment) -> None:
    await register_search_attributes(server.client)
    workflow_id = names.workflow_id("call")
    handle = await server.client.start_workflow(
        names.WORKFLOW_TYPE,
        id=workflow_id,
        task_queue=names.CONTROL_QUEUE,
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(names.STATE, RecordingState.RECORDING)]
        ),
    )
    await handle.terminate()
    check = await found(server, "calls without a workflow")
    assert workflow_id in check["found"]


async def test_a_server_that_does_not_answer_and_a_missing_namespace_are_said(
    server: WorkflowEnvironment,
) -> None:
    status, results = await checks("127.0.0.1:1")
    assert status == 1
    assert "127.0.0.1:1" in results["Temporal"]["found"]
    failed = [name for name, check in results.items() if not check["isOk"]]
    assert (failed, len(results) > 5) == (["Temporal"], True), "the rest is checked all the same"
    status, results = await checks(address_of(server), TEMPORAL_NAMESPACE="nowhere")
    assert status == 1
    assert "nowhere does not exist" in results["namespace"]["found"]


async def test_h8_unusable_secrets_and_services_that_refuse_are_named(
    server: WorkflowEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "signing").write_text("garbage")
    with running() as emulator:
        right, _, _ = emulator.connection_string.partition("accesskey=")
        (tmp_path / "acs").write_text(f"{right}accesskey=d3Jvbmc=")
        config = tmp_path / "callvault.toml"
        config.write_text(
            f"""
            [resources.europe]
            endpoint = "{emulator.endpoint}"
            credential = {{ connection_string = "file:{tmp_path / "acs"}" }}
            [archives.main]
            kind = "directory"
            path = "{tmp_path}"
            signing_key = "file:{tmp_path / "signing"}"
            """
        )
        status, results = await checks(address_of(server), CALLVAULT_CONFIG=str(config))
    assert status == 1
    assert results["secrets"]["found"].startswith("archives.main.signing_key: ")
    assert results["services"]["found"].startswith("resources.europe: ")
    assert results["clocks"]["isOk"], results["clocks"]
    assert "garbage" not in str(results)
