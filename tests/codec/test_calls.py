"""Is everything of a call encrypted in Temporal, and does nothing undecipherable wedge it?"""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from callvault.cli.actions.check_result import Subject
from callvault.cli.actions.doctor_encryption import check_encryption
from callvault.codec import keyring
from callvault.codec.encryption import codec_of
from callvault.codec.key_sources import sources_of
from callvault.codec.payload_key import KEY_ID, PayloadKey, is_sealed
from callvault.config.encryption import EncryptionSettings
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.emulator.server import RunningEmulator
from callvault.temporal.client import connect
from callvault.temporal.executions import list_executions
from tests.codec.conftest import new_key
from tests.codec.payloads import payloads_in
from tests.patience import PROCESS
from tests.telemetry.vault import Vault, working
from workers.abandoned import AbandonedCalls

PERSON = "Zebulon-Quartermaine"


async def all_of(client: Client) -> Iterator[Message]:
    """Return everything that Temporal tells of its workflows: list, description, history."""
    found: list[Message] = []
    async for run in list_executions(client, ""):
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        found += [(await handle.describe()).raw_description, run.memo]
        found += (await handle.fetch_history()).events
    return iter(found)


async def started(vault: Vault, **more: Any) -> WorkflowHandle[Any, Any]:
    call = await vault._emulator("POST", "/calls", {"participants": [{"displayName": PERSON}]})
    request = {
        "serverCallId": call["serverCallId"],
        "recordingContentType": "audio",
        "recordingFormatType": "wav",
        "requestedBy": PERSON,
    }
    begun = await vault._gateway("/v1/recordings", {**request, **more})
    return vault.client.get_workflow_handle(str(begun["workflowId"]))


async def test_all_that_temporal_keeps_of_a_call_is_encrypted(
    temporal: WorkflowEnvironment, settings: Settings, emulator: RunningEmulator
) -> None:
    async with working(settings, emulator) as vault:
        await vault.keeps_a_call(secretly=False, pauses=True)
        await started(vault, reason=f"asked by {PERSON}")
        # A start that fails for good: its error is in the history.
        with pytest.raises(AssertionError, match="could not start"):
            await vault._gateway(
                "/v1/recordings", {"serverCallId": "nobody", "requestedBy": PERSON}
            )
        seen = list(await all_of(temporal.client))
        used = await check_encryption(Subject(settings, client=vault.client))
        without = settings.model_copy(update={"encryption": EncryptionSettings()})
        lacking = await check_encryption(Subject(without, client=vault.client))
    payloads = [each for message in seen for each in payloads_in(message)]
    key = PayloadKey.from_secret(settings.encryption.keys[0].resolve()).id.encode()
    assert len(payloads) > 50
    plain = [each for each in payloads if not is_sealed(each)]
    assert plain == []
    assert {each.metadata[KEY_ID] for each in payloads} == {key}
    said = "".join(map(str, seen))
    assert PERSON not in said
    assert [(each.name, each.is_ok) for each in used[1:]] == [("encryption keys in use", True)]
    assert not lacking[1].is_ok
    assert f"missing: {key.decode()} (" in lacking[1].found
    assert "Encoded failure" in said


async def test_a_plain_signal_of_another_language_is_read_as_ever(
    temporal: WorkflowEnvironment,
    settings: Settings,
    emulator: RunningEmulator,
    temporal_binary: Path,
) -> None:
    """With the Temporal CLI, which knows neither Callvault nor its keys."""
    async with working(settings, emulator) as vault:
        handle = await started(vault)
        address = temporal.client.service_client.config.target_host
        sent = await asyncio.to_thread(
            subprocess.run,
            [
                *(temporal_binary, "workflow", "signal", "--address", address),
                *("--workflow-id", handle.id, "--name", "pause"),
                *("--input", '{"requestedBy": "a-java-backend", "reason": "card"}'),
            ],
            capture_output=True,
            text=True,
            timeout=PROCESS,
        )
        assert sent.returncode == 0, sent.stderr
        await until_said(handle, "a-java-backend")


async def until_said(handle: WorkflowHandle[Any, Any], what: str) -> str:
    """Wait until the status of a call says something, and return it."""
    async with asyncio.timeout(60):
        while what not in (said := await status_of(handle)):
            await asyncio.sleep(0.05)
    return said


async def status_of(handle: WorkflowHandle[Any, Any]) -> str:
    try:
        return str(await handle.query(names.STATUS))
    except RPCError as error:  # of one whose task has failed
        return error.message


async def test_what_no_key_opens_is_noted_and_holds_up_no_call(
    temporal: WorkflowEnvironment, settings: Settings, emulator: RunningEmulator
) -> None:
    async with working(settings, emulator) as vault:
        handle = await started(vault)
        codec = codec_of(vault.client)
        assert codec
        plain = vault.client.data_converter.payload_converter.to_payloads([{"reason": "x"}])
        [sealed] = await codec.encode(plain)
        tampered = Payload(metadata=sealed.metadata, data=sealed.data[:-1] + b"\0")
        foreign = Payload(metadata={**sealed.metadata, KEY_ID: b"test-key-id"}, data=sealed.data)
        raw = temporal.client.get_workflow_handle(handle.id)
        for payload in (tampered, foreign):
            await raw.signal("stop", RawValue(payload))
        await raw.signal("pause", {"requestedBy": "agent-7"})
        said = await until_said(handle, "agent-7")
    assert said.count("it is encrypted, and no key opens it") == 2, said


@pytest.mark.slow("the server reports a workflow only after several failed tasks")
async def test_a_call_whose_key_is_missing_is_told_of_and_goes_on_once_the_key_is_there(
    temporal: WorkflowEnvironment,
    settings: Settings,
    emulator: RunningEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that has a new key before the workers have."""
    monkeypatch.setattr(keyring, "MISSING_INTERVAL", 0)
    (tmp_path / "new").write_text(new_key())
    newer = EncryptionSettings.model_validate({"keys": [f"file:{tmp_path / 'new'}"]})
    ahead = settings.model_copy(update={"encryption": newer})
    told: list[Alarm] = []
    async with working(settings, emulator) as vault:
        handle = await started(vault)
        other = await connect(ahead)
        await other.get_workflow_handle(handle.id).signal("pause", {"requestedBy": "agent-7"})
        watch = AbandonedCalls(vault.client, told.append)
        async with asyncio.timeout(90):
            while not told:
                await watch.tell_of_stuck()
                await asyncio.sleep(0.5)
        missing = PayloadKey.from_secret((tmp_path / "new").read_text()).id
        assert f"encrypted with the key {missing}, which this process does not have" in told[0].what
        codec = codec_of(vault.client)
        assert codec
        assert list(codec.keyring.problems()) == [f"encryption key {missing}"]
        # The worker reads the file of its own key again.
        held = [f"file:{tmp_path / 'key'}", f"file:{tmp_path / 'new'}"]
        codec.keyring._sources = sources_of(EncryptionSettings.model_validate({"keys": held}))
        await until_said(handle, "agent-7")
