"""The work of `callvault webhooks`: list the events that are not delivered, send them again."""

import json
from collections.abc import Iterator, Sequence

from temporalio.client import Client

from callvault.temporal.recording_events import Undelivered, begin_delivery, undelivered


async def find(client: Client, resource: str | None) -> list[Undelivered]:
    """Return what is not delivered, of one resource or of all, the oldest first."""
    found = [
        each
        async for each in undelivered(client)
        if resource in (None, each.delivery.event.resource)
    ]
    return sorted(found, key=lambda each: each.delivery.event.sequence)


async def send_again(client: Client, resource: str | None) -> list[Undelivered]:
    """Begin every delivery again that was given up, or ended by force; return those."""
    given_up = [each for each in await find(client, resource) if each.status != "running"]
    return [each for each in given_up if await begin_delivery(client, each.delivery)]


def lines(found: Sequence[Undelivered]) -> Iterator[str]:
    """Tell each event in a line."""
    for each in found:
        event = each.delivery.event
        to = each.delivery.url or f"webhook_url of {event.resource}"
        yield f"{event.at:%Y-%m-%d %H:%M:%S}Z  {each.status}  {event.kind}  {event.id}  to {to}"


def as_document(found: Sequence[Undelivered]) -> str:
    """Write events as JSON, each with the workflow that delivers it."""
    rows = [
        {
            "workflowId": each.workflow_id,
            "status": each.status,
            **each.delivery.model_dump(mode="json"),
        }
        for each in found
    ]
    return json.dumps(rows, indent=2)
