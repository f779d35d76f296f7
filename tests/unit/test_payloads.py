"""What is sent to Temporal: short to read, and read back as it was."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from callvault.contracts.manifest import SealInput
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import ControlRecord
from callvault.temporal.converter import data_converter

from .call import NOON, chunk, stopped_call


def test_a_request_is_sent_without_defaults_and_read_back_as_it_was() -> None:
    asked = {"serverCallId": "call", "resource": "bank", "requestedBy": "crm", "requestId": "r"}
    request = RecordingRequest.model_validate(asked)
    [payload] = data_converter.payload_converter.to_payloads([request])
    assert json.loads(payload.data) == asked
    read = data_converter.payload_converter.from_payloads([payload], [RecordingRequest])
    assert read == [request]


def models_in(model: Any) -> Iterator[type[BaseModel]]:
    """Yield a model and all that it may hold."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield model
        for field in model.model_fields.values():
            yield from models_in(field.annotation)
    for part in get_args(model):
        yield from models_in(part)


@pytest.mark.parametrize("told", [ControlRecord, CallResult])
def test_what_an_answer_may_leave_out_is_empty(told: type[BaseModel]) -> None:
    """A pause that waits would be told without its state, if that were its default."""
    for model in models_in(told):
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True, validated_data={})
            if isinstance(default, BaseModel):
                default = default.model_dump(exclude_defaults=True)
            assert field.is_required() or not default, f"{model.__name__}.{name}"


def test_an_order_to_seal_is_read_back_as_it_was_though_it_is_sent_without_defaults() -> None:
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    recording = call.recording
    sent = SealInput(
        archive="main",
        resource="default",
        server_call_id="call-1",
        recorded_on=NOON,
        recording=recording,
        requests=tuple(call.life.status.requests.values()),
        workflow_id="w",
        run_id="r",
    )
    [payload] = data_converter.payload_converter.to_payloads([sent])
    [read] = data_converter.payload_converter.from_payloads([payload], [SealInput])
    assert read == sent
    assert len(payload.data) < len(sent.model_dump_json(by_alias=True))
