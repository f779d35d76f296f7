"""Is a receiver that a resource does not allow refused before anything begins?"""

import httpx
from temporalio.client import Client

from tests.gateway.conftest import Call, Gateway, GatewayOf

RECORDINGS = "/v1/recordings"
RESOURCE = {
    "endpoint": "https://acs.example",
    "credential": {"entra": True},
    "webhook_secrets": ["env:KEY"],
    "webhook_allowed_urls": ["https://crm.example/hooks"],
}


async def starts(gateway: Gateway, call: Call, url: str) -> httpx.Response:
    body = {"serverCallId": call.server_call_id, "webhookUrl": url}
    headers = {"prefer": "respond-async"}
    return await gateway.http.post(RECORDINGS, json=body, headers=headers)


async def test_a_receiver_is_refused_unless_the_resource_allows_it(
    gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal, resources={"default": RESOURCE})
    refused = await starts(gateway, call, "https://elsewhere.example/hooks")
    assert refused.status_code == 422
    assert "does not allow this URL" in refused.json()["error"]["message"]
    odd = await starts(gateway, call, "https://user:hunter2@crm.example/hooks")
    assert (odd.status_code, "without a user name" in odd.text) == (422, True)
    assert "hunter2" not in odd.text
    taken = await starts(gateway, call, "https://crm.example/hooks/calls")
    assert taken.status_code == 201
