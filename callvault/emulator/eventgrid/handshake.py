"""The validation of a webhook, in the two forms Event Grid knows."""

import json
from datetime import datetime
from uuid import uuid4

import httpx

from callvault.emulator.clock import service_time
from callvault.emulator.settings import EventGridEndpoint, EventSchema

ORIGIN = "eventgrid.azure.net"
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


def shake_hands(
    http: httpx.Client, endpoint: EventGridEndpoint, name: str, topic: str, now: datetime
) -> tuple[bool, int]:
    """Ask once; whether the webhook agreed, and the status it answered with."""
    if endpoint.schema is EventSchema.CLOUD_EVENTS:
        return _by_options(http, endpoint.url)
    return _by_echo(http, endpoint.url, name, topic, now)


def _by_options(http: httpx.Client, url: str) -> tuple[bool, int]:
    answer = http.options(url, headers={"WebHook-Request-Origin": ORIGIN})
    allowed = answer.headers.get("WebHook-Allowed-Origin", "")
    return answer.status_code == httpx.codes.OK and allowed in {ORIGIN, "*"}, answer.status_code


def _by_echo(
    http: httpx.Client, url: str, name: str, topic: str, now: datetime
) -> tuple[bool, int]:
    code = str(uuid4()).upper()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": name,
        "aeg-delivery-count": "0",
        "aeg-data-version": "1",
        "aeg-metadata-version": "1",
    }
    event = {
        "id": str(uuid4()),
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": _VALIDATION,
        "eventTime": service_time(now),
        "metadataVersion": "1",
        "dataVersion": "1",
    }
    answer = http.post(url, content=json.dumps([event]), headers=headers)
    return answer.status_code == httpx.codes.OK and _echo(answer) == code, answer.status_code


def _echo(answer: httpx.Response) -> str | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("validationResponse") if isinstance(body, dict) else None
