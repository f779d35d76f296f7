"""The demo's stage: a call is played, watched while it is archived, and then verified."""

import asyncio
import hashlib
from contextlib import closing
from typing import Any

import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.actions import tables
from callvault.cli.demo.call import Call
from callvault.cli.demo.scenarios.library import SCENARIOS
from callvault.cli.demo.scenarios.names import ScenarioName
from callvault.cli.demo.scenarios.scenario import PlayedCall, Scenario
from callvault.cli.demo.voice_detection import MediaFacts, probe
from callvault.cli.terminal import line
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.activity_io import ArchivedChunk, ExportProgress, SealedRecording
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack
from callvault.temporal.client import connect
from workers.clients import Connections

POLL_INTERVAL = 0.2
"""Seconds between two looks at the workflow."""

ARCHIVE_TIMEOUT = 60.0
"""Seconds from the first word until everything must be archived."""


async def play(stack: Stack, supervisor: Supervisor, console: Console, name: ScenarioName) -> bool:
    """Play a scenario; return True if every archived byte and the scenario's proof are right."""
    scenario = SCENARIOS[name]
    client = await connect(load_settings())
    # Longer than the 30 s for which the gateway waits for a confirmation by ACS.
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(stack, http)
        try:
            result = await _watch(scenario, call, client, supervisor, console)
        except TimeoutError:
            explain_delay(supervisor, console)
            return False
        handle = client.get_workflow_handle(call.workflow_id)
        status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
        truth = await call.truth()
    verified = verify(scenario, PlayedCall(call, result, status, truth, []), console)
    console.print(line(f"This call's workflow: {workflow_url(call)}"), soft_wrap=True)
    return verified


async def _watch(
    scenario: Scenario, call: Call, client: Client, supervisor: Supervisor, console: Console
) -> CallResult:
    def say(what: str) -> None:
        console.print(line(f"  • {what}"))

    playing = asyncio.ensure_future(scenario.story(call, say))
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        async with asyncio.timeout(ARCHIVE_TIMEOUT):
            while not playing.done() or not await _is_over(client, call):
                # Else a part that has died would show as a time-out only.
                supervisor.check()
                if playing.done():
                    playing.result()  # raises the error of a story that failed
                if call.server_call_id:
                    live.update(await _look(client.get_workflow_handle(call.workflow_id), call))
                await asyncio.sleep(POLL_INTERVAL)
    result: CallResult = await client.get_workflow_handle(
        call.workflow_id, result_type=CallResult
    ).result()
    return result


async def _is_over(client: Client, call: Call) -> bool:
    try:
        description = await client.get_workflow_handle(call.workflow_id).describe()
    except RPCError as error:
        # Where another program records, there is none before the first event.
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return description.close_time is not None


async def _look(handle: WorkflowHandle[Any, Any], call: Call) -> Group | Text:
    try:
        status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
    # The call may have begun before its workflow.
    except RPCError:
        return Text("…")
    copied = await _copied(handle)
    shown = [tables.recording_table(recording, copied) for recording in status.recordings]
    return Group("", *shown, Text(workflow_url(call), "dim", overflow="fold"))


async def _copied(handle: WorkflowHandle[Any, Any]) -> str:
    """Describe the progress of a running export, from its heartbeat."""
    description = await handle.describe()
    for activity in description.raw_description.pending_activities:
        is_export = activity.activity_type.name == "export_chunk"
        if is_export and activity.HasField("heartbeat_details"):
            details = await description.data_converter.decode(
                activity.heartbeat_details.payloads, [ExportProgress]
            )
            progress: ExportProgress = details[0]
            return f"{progress.phase} {tables.size(progress.bytes_done)}"
    return ""


def workflow_url(call: Call) -> str:
    """Return the address of the call's page in the Web UI."""
    temporal = call.stack.temporal
    return f"{temporal.ui_url}/namespaces/{temporal.namespace}/workflows/{call.workflow_id}"


def verify(scenario: Scenario, played: PlayedCall, console: Console) -> bool:
    """Read every archived file once more, and compare it with what the emulator recorded."""
    result = played.result
    recorded = {chunk["documentId"]: chunk["sha256"] for chunk in played.truth["chunks"]}
    archived = [chunk for recording in result.recordings for chunk in recording.chunks]
    good = result.outcome == "archived" and {c.document_id for c in archived} == set(recorded)
    with closing(Connections(load_settings())) as connections:
        for chunk in archived:
            if chunk.archived is None:
                continue
            archive = connections.archive_of(chunk.archived.archive)
            content = b"".join(archive.read(chunk.archived.object_name))
            equal = hashlib.sha256(content).hexdigest() == recorded.get(chunk.document_id)
            good = good and equal
            played.media.append(content)
            facts = _summary(chunk.archived, probe(content), equal)
            console.print(Text("\n").join(map(line, facts)), soft_wrap=True)
    for recording in result.recordings:
        for pause in recording.pauses:
            console.print(line(f"  paused     {tables.describe_pause(pause)}"))
        is_sealed = recording.manifest is not None
        good = good and is_sealed and not (scenario.is_flawless and played.findings)
        console.print(line(f"  sealed     {_describe_seal(recording.manifest)}"), soft_wrap=True)
    good = scenario.verify(played, console) and good
    console.print(_verdict(good, result))
    return good


def _summary(archived: ArchivedChunk, media: MediaFacts, equal: bool) -> list[str]:
    facts = {
        "archived": archived.location,
        "metadata": archived.metadata_object_name or "none",
        "size": f"{archived.size} bytes ({tables.size(archived.size)})",
        "SHA-256": archived.sha256,
        "media": media.description,
        "duration": f"{media.seconds:.3f} s",
        "read back": "equal to what was recorded" if equal else "DIFFERENT",
    }
    return [f"  {name:<10} {fact}" for name, fact in facts.items()]


def _describe_seal(manifest: SealedRecording | None) -> str:
    if manifest is None:
        return "NOT SEALED"
    amiss = "; ".join(manifest.findings) or "nothing amiss"
    return (
        f"{manifest.object_name}, number {manifest.sequence} of the archive's chain, "
        f"signed with key {manifest.key_id}: {amiss}"
    )


def explain_delay(supervisor: Supervisor, console: Console) -> None:
    """Print the last output of every process, as the call was not archived in time."""
    console.print(Text(f"NOT kept within {ARCHIVE_TIMEOUT:.0f} s.", "bold red"))
    for process in supervisor.processes:
        console.rule(process.name)
        for each in process.tail().splitlines():
            console.print(line(each))


def _verdict(good: bool, result: CallResult) -> Text:
    if good:
        return Text("Kept: every byte is in the archive and was read back.", "bold green")
    return Text(f"NOT kept: the outcome is {result.outcome}.", "bold red")
