"""Do the runbooks of docs/operations.md, followed to the letter, bring everything back? (H7, H14)

An archive that really lost data, and Temporal and the archive set back at once.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from temporalio.client import Client

from callvault.cli.demo.call import Call
from callvault.contracts import names
from callvault.contracts.results import CallResult
from callvault.temporal.converter import data_converter

from .restoring import Operator, operated

ASKS_FOR_RESULTS = {"CALLVAULT_RESOURCES__DEFAULT__RESULT_API_VERSION": "2024-09-01-preview"}

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")


@pytest.fixture
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with operated(tmp_path_factory.mktemp("restore")) as operator:
        yield operator


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        yield http


async def connected(operator: Operator) -> Client:
    temporal = operator.stack.temporal
    return await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )


async def is_recorded(call: Call) -> None:
    await call.begins("Ana", "Ben")
    await call.is_to_be_recorded()
    await call.becomes("active")
    await call.speaks("Ana", 1.0)


async def ended(client: Client, server_call_id: str) -> CallResult:
    handle = client.get_workflow_handle(names.workflow_id(server_call_id), result_type=CallResult)
    return await asyncio.wait_for(handle.result(), 60)


async def is_archived(call: Call, client: Client) -> set[str]:
    """Record a call to its end; return its documents."""
    await is_recorded(call)
    await call.ends()
    result = await ended(client, call.server_call_id)
    assert result.outcome == "archived"
    return {chunk.document_id for chunk in result.archived}


def kept(operator: Operator) -> set[str]:
    """Return the names of the media files that the archive has."""
    files = (operator.archive / "recordings").rglob("[!.]*.mp4")
    return {file.name for file in files}


@pytest.mark.timeout(180)
async def test_an_archive_that_lost_files_gets_them_again_by_the_runbook(
    operator: Operator, http: httpx.AsyncClient
) -> None:
    client = await connected(operator)
    await is_archived(Call(operator.stack, http), client)
    earlier, backup = kept(operator), operator.back_up("before")
    call, unsaved = Call(operator.stack, http), Call(operator.stack, http)
    documents = await is_archived(call, client)
    await is_archived(unsaved, client)
    files = kept(operator)
    operator.stop_roles()
    operator.restore_archive(backup)
    assert (await operator.callvault("verify", "local"))[0] == 0
    operator.start_roles()

    status, said = await operator.callvault("reconcile", "--since", "24h")
    assert (status, "missing" in said) == (1, True), said
    # Without --again the call counts as archived: its workflow said so.
    assert (await operator.deliver(documents=documents))[0] == 0
    assert kept(operator) == earlier
    assert (await operator.deliver("--again", documents=documents))[0] == 0
    assert (await ended(client, call.server_call_id)).outcome == "archived"
    # Of one no copy of the event was saved: ACS is asked.
    sealed = (await ended(client, unsaved.server_call_id)).recordings[0]
    words = ("events", "fetch", unsaved.server_call_id, str(sealed.recording_id), "--again")
    status, said = await operator.callvault(*words, **ASKS_FOR_RESULTS)
    assert status == 0, said
    assert (await ended(client, unsaved.server_call_id)).outcome == "archived"

    assert kept(operator) == files
    status, said = await operator.callvault("reconcile", "--since", "24h")
    assert status == 0, said
    status, said = await operator.callvault("verify", "local")
    assert status == 0, said


@pytest.mark.timeout(240)
async def test_both_set_back_at_once_are_brought_together_by_the_runbook(
    operator: Operator, http: httpx.AsyncClient
) -> None:
    client = await connected(operator)
    await is_archived(Call(operator.stack, http), client)
    backup = operator.back_up("before")
    over, still_on = Call(operator.stack, http), Call(operator.stack, http)
    documents = await is_archived(over, client)
    files = kept(operator)
    await is_recorded(still_on)
    recording_id = (await still_on.status())["recordings"][0]["recordingId"]

    operator.stop_roles()
    operator.restore_temporal(backup)
    operator.restore_archive(backup)
    assert (await operator.callvault("setup"))[0] == 0
    operator.start_roles()
    client = await connected(operator)
    status, said = await operator.callvault("doctor")
    assert status == 0, said
    words = ("recordings", "adopt", still_on.server_call_id, recording_id)
    status, said = await operator.callvault(*words)
    assert status == 0, said
    assert (await operator.deliver("--again", documents=documents))[0] == 0

    assert (await ended(client, over.server_call_id)).outcome == "archived"
    assert files <= kept(operator)
    await still_on.asks("stop", "over")
    await still_on.ends()
    assert (await ended(client, still_on.server_call_id)).outcome == "archived"
    status, said = await operator.callvault("reconcile", "--since", "24h")
    assert status == 0, said
    status, said = await operator.callvault("verify", "local")
    assert status == 0, said
