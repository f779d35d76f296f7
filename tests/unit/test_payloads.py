"""What is sent to Temporal: short to read, and read back as it was."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from callvault.contracts.manifest import SealInput
from callvault.contracts.requests import RecordingRequest, StartRequest
from callvault.temporal.converter import WITHOUT_NULLS, data_converter

from .call import NOON, chunk, stopped_call


def test_a_request_is_sent_without_nulls_and_read_back_as_it_was() -> None:
    request = RecordingRequest(server_call_id="call", resource="default", requested_by="crm")
    [payload] = data_converter.payload_converter.to_payloads([request])
    told = json.loads(payload.data)
    assert None not in told.values()
    assert told["serverCallId"] == "call"
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


@pytest.mark.parametrize("sent", [*WITHOUT_NULLS, StartRequest, RecordingRequest])
def test_what_may_be_left_out_is_null_by_default(sent: type[BaseModel]) -> None:
    for model in models_in(sent):
        for name, field in model.model_fields.items():
            if type(None) in get_args(field.annotation):
                default = field.get_default(call_default_factory=False)
                assert default is None and not field.is_required(), f"{model.__name__}.{name}"  # noqa: PT018


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
