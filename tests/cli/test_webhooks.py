"""Does an operator find the events that no webhook took, and send them again, once each?"""

import asyncio
from datetime import timedelta
from typing import Any

from callvault.contracts.recording_events import EventDelivery
from callvault.temporal.recording_events import begin_delivery
from tests.activities.test_recording_events import EVENT

from .conftest import Terminal


async def test_what_was_given_up_is_listed_and_sent_again_under_its_own_id(
    own_terminal: Terminal,
) -> None:
    terminal, client = own_terminal, own_terminal.server.client
    assert "Every event is delivered." in await terminal.says("webhooks", "list")
    deliveries = {
        name: EventDelivery(
            event=EVENT.model_copy(update={"id": f"recording-1/{name}", "resource": name}),
            within=timedelta(days=1),
        )
        for name in ("one", "two")
    }
    for delivery in deliveries.values():
        assert await begin_delivery(client, delivery)
    listed = await lists(terminal, {"one": "running", "two": "running"})
    assert {each["event"]["id"] for each in listed} == {"recording-1/one", "recording-1/two"}
    assert (await terminal.tells("webhooks", "resend")) == [], "they are under way"

    [two] = [each["workflowId"] for each in listed if each["event"]["resource"] == "two"]
    await client.get_workflow_handle(two).terminate()
    await lists(terminal, {"one": "running", "two": "terminated"})
    said = await terminal.says("webhooks", "list", "--resource", "two")
    assert "terminated  archived  recording-1/two  to webhook_url of two" in said
    assert await terminal.tells("webhooks", "resend", "--resource", "one") == []
    [sent] = await terminal.tells("webhooks", "resend")
    assert EventDelivery.model_validate(sent) == deliveries["two"]
    await lists(terminal, {"one": "running", "two": "running"})


async def lists(terminal: Terminal, expected: dict[str, str]) -> list[dict[str, Any]]:
    """Wait until the list says this of each resource's event: visibility lags."""
    async with asyncio.timeout(60):
        while True:
            listed = await terminal.tells("webhooks", "list")
            if {each["event"]["resource"]: each["status"] for each in listed} == expected:
                return list(listed)
