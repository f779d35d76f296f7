"""Is no message left out of a dead run's state while only its key is missing?"""

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import PayloadKey
from callvault.config.encryption import EncryptionSettings
from callvault.contracts import names
from callvault.contracts.requests import ControlRequest, RecordingRequest
from callvault.contracts.states import Wanted
from callvault.errors import PayloadKeyMissing
from callvault.temporal.converter import converter_with, data_converter
from tests.codec.conftest import new_key
from workers.abandoned import AbandonedCalls
from workers.recall import FoldedHistory


@pytest.fixture
def key() -> PayloadKey:
    return PayloadKey.from_secret(new_key())


async def client(**encryption: Any) -> Client:
    told = EncryptionSettings.model_validate(encryption)
    converter = converter_with(EncryptionCodec(Keyring.open(told)), encrypts=False)
    return await Client.connect("127.0.0.1:1", lazy=True, data_converter=converter)


async def history(key: PayloadKey, name: str = names.PAUSE) -> list[HistoryEvent]:
    """A start in plain text, and a signal that is encrypted."""
    converter = data_converter.payload_converter
    request = RecordingRequest(server_call_id="call", resource="default")
    started = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
    attributes = started.workflow_execution_started_event_attributes
    attributes.input.payloads.extend(converter.to_payloads([request]))
    signaled = HistoryEvent(event_id=5)
    signal = signaled.workflow_execution_signaled_event_attributes
    signal.signal_name = name
    [asked] = converter.to_payloads([ControlRequest(requested_by="agent-7")])
    signal.input.payloads.append(key.seal(asked))
    return [started, signaled]


async def test_a_history_is_not_folded_without_what_a_key_will_open(key: PayloadKey) -> None:
    with pytest.raises(PayloadKeyMissing, match=key.id):
        await FoldedHistory(await client()).status(await history(key))


async def test_what_no_key_opens_any_more_is_left_out_with_a_note(key: PayloadKey) -> None:
    lost = await client(lost_keys=[key.id])
    status = await FoldedHistory(lost).status(await history(key, names.CALL_ENDED))
    assert status.timeline[-1].what.startswith("call_ended could not be read: it is encrypted")
    assert status.ended_at is None


async def test_a_pause_that_no_key_opens_any_more_pauses_as_in_the_run(key: PayloadKey) -> None:
    lost = await client(lost_keys=[key.id])
    [recording] = (await FoldedHistory(lost).status(await history(key))).recordings
    assert recording.wanted is Wanted.PAUSED
    assert "could not be read in full: it is encrypted" in recording.pauses[0].reason


async def test_a_call_whose_state_needs_a_key_is_looked_at_again(
    key: PayloadKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = AbandonedCalls(await client(), lambda _: None)

    async def missing(*_: Any) -> Any:
        raise PayloadKeyMissing(f"the key {key.id}")

    monkeypatch.setattr(calls._recall, "last_state", missing)
    run: Any = type("Run", (), {"id": "recording-1", "run_id": "r", "status": "terminated"})
    with pytest.raises(PayloadKeyMissing):
        await calls._take_over(run)
