"""Is the recording of another program kept like our own, by the settings of an archive alone?"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console
from temporalio.client import Client

from callvault.cli.demo.call import Call
from callvault.cli.demo.scenarios import archive_only
from callvault.cli.demo.scenarios.scenario import PlayedCall
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.local.processes import Supervisor
from callvault.local.stack import CALLVAULT, Stack, start_stack
from callvault.temporal.converter import data_converter

from .known import is_known

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        yield start_stack(
            supervisor, home, archive=home / "archive", settings=archive_only.SETTINGS
        )


async def runs(stack: Stack, *words: str) -> tuple[int | None, str, str]:
    """Run a command with the settings of the stack, the one of its workers included."""
    process = await asyncio.create_subprocess_exec(
        *(*CALLVAULT, *words),
        env={**stack.environment, **archive_only.SETTINGS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def reads(stack: Stack, *words: str) -> Any:
    status, out, err = await runs(stack, *words, "--json")
    assert status == 0, err
    return json.loads(out)


async def test_the_recording_of_another_program_is_kept_as_a_normal_one(stack: Stack) -> None:
    client = await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, data_converter=data_converter
    )
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(stack, http)
        await archive_only.story(call, lambda _: None)
        await is_known(call, within=60)
        handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
        result = await asyncio.wait_for(handle.result(), 60)
        status = CallStatus.model_validate(await call.status())
        truth = await call.truth()
    played = PlayedCall(call, result, status, truth, [])
    assert archive_only.verify(played, Console(quiet=True))
    assert not played.findings

    report = await reads(stack, "reconcile")
    assert (report["percentage"], report["isMet"], report["gaps"]) == (100, True, [])
    assert report["verdicts"]["complete"] == 1

    [listed] = await reads(stack, "recordings", "list")
    assert (listed["workflowId"], listed["isOrphan"]) == (call.workflow_id, False)
    assert listed["state"] == "archived"
    assert await reads(stack, "recordings", "list", "--orphans") == []

    for words in (
        ("start", call.server_call_id),
        ("pause", call.workflow_id),
        ("resume", call.workflow_id),
        ("stop", call.workflow_id),
        ("consent", call.workflow_id, "8:acs:ana", "--withdrawn"),
    ):
        code, _, said = await runs(stack, "recordings", *words)
        assert code, words
        assert "archive_only = false" in " ".join(said.split()), words
