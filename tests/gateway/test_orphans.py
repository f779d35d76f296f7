"""Is a recording adopted only where its resource wants it, and only for the call it is told of?"""

from collections.abc import Iterator

import pytest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from callvault.config.settings import Settings
from callvault.contracts import names
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.issuer import AUDIENCE, Issuer, issuing
from tests.gateway.test_callbacks import changed, tell


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def adopting(gateway_of: GatewayOf, temporal: Client, issuer: Issuer, what: str) -> Gateway:
    return gateway_of(
        temporal,
        callbacks={"issuer": issuer.issuer, "configuration_url": issuer.url},
        callback_audience=AUDIENCE,
        callback_url="http://127.0.0.1:8080",
        resources={"default": {"adopt_orphans": what}},
    )


async def adoption(call: Call, recording_id: str) -> WorkflowExecutionDescription | None:
    try:
        return await call.client.get_workflow_handle(names.adoption_id(recording_id)).describe()
    except RPCError:
        return None


async def test_a_recording_of_a_call_that_is_not_known_is_adopted(
    gateway_of: GatewayOf, temporal: Client, issuer: Issuer, call: Call
) -> None:
    gateway = adopting(gateway_of, temporal, issuer, "mp3")
    told = changed(recordingId=call.recording_id, serverCallId=call.server_call_id)
    for _ in range(2):
        assert (await tell(gateway, call, [told], issuer.token())).status_code == 200
    found = await adoption(call, call.recording_id)
    assert found is not None
    assert found.workflow_type == names.ADOPTION_TYPE


async def test_nothing_is_adopted_without_the_policy_or_for_another_call(
    gateway_of: GatewayOf, temporal: Client, issuer: Issuer, call: Call
) -> None:
    told = changed(recordingId=call.recording_id, serverCallId=call.server_call_id)
    unwilling = adopting(gateway_of, temporal, issuer, "no")
    await tell(unwilling, call, [told], issuer.token())
    willing = adopting(gateway_of, temporal, issuer, "mp3")
    foreign = changed(recordingId=call.recording_id, serverCallId="another")
    odd = {"type": "x", "data": {"serverCallId": 1, "recordingId": None}}
    for body in ([foreign], [odd], b"no json", [changed(recordingId="")]):
        assert (await tell(willing, call, body, issuer.token())).status_code == 200
    assert (await tell(willing, call, [told], issuer.token(aud="another"))).status_code == 401
    assert await adoption(call, call.recording_id) is None


def test_the_policy_needs_callbacks() -> None:
    resource = {
        "endpoint": "https://contoso.communication.azure.com",
        "credential": {"entra": True},
        "adopt_orphans": "mp4",
    }
    with pytest.raises(ValueError, match="adopt_orphans needs callback_url"):
        Settings.model_validate({"resources": {"default": resource}})
