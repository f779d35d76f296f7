"""Events about recordings, each sent to one receiver: the resource's webhook, or a request's."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.translate import translated
from activities.webhooks import ALARM_TIMEOUT, Webhook, cloud_event
from callvault.contracts.recording_events import EventDelivery, RecordingEvent
from callvault.errors import CallvaultError, InvalidRequest, Unavailable

EVENT_TYPE = "callvault.recording"
"""Type of an event, before a dot and its kind."""

PING_TYPE = "callvault.ping"
"""Type of the event by which `callvault doctor` tries a webhook out: nothing has happened."""


class RecordingEventActivities:
    """Built once by a worker, with a function that finds the webhook of a resource.

    That takes the URL that a request has named, or None for the resource's own, and returns None
    where the settings have none, or do not allow it.
    """

    def __init__(self, webhook_of: Callable[[str, str | None], Webhook | None]) -> None:
        self._webhook_of = webhook_of

    @activity.defn
    def deliver_event(self, input: EventDelivery) -> None:
        """Return once the receiver has answered 2xx; every error is worth another attempt."""
        event = input.event
        with translated(retry_permanent=True):
            webhook = self._webhook_of(event.resource, input.url)
            if webhook is None:
                raise InvalidRequest(
                    f"resource {event.resource} has no such webhook on this worker: configure all"
                    " workers alike (webhook_url, webhook_allowed_urls)"
                )
            _post(webhook, event)


def _post(webhook: Webhook, event: RecordingEvent) -> None:
    """Post once. Of all errors alike `Unavailable`: the intervals are those of the retry policy."""
    try:
        webhook.post(recording_event(event), event.id, timeout=ALARM_TIMEOUT)
    except CallvaultError as error:
        raise Unavailable(str(error), owner=error.owner, status=error.status) from error


def recording_event(event: RecordingEvent) -> dict[str, Any]:
    """Write an event as a CloudEvent 1.0, with the extension attribute ``sequence``."""
    told = cloud_event(f"{EVENT_TYPE}.{event.kind}", event, event.at)
    return told | {"sequence": event.sequence}


def ping(resource: str, event_id: str, at: datetime) -> dict[str, Any]:
    """Write an event that tells nothing, to try a webhook out."""
    return {
        "specversion": "1.0",
        "type": PING_TYPE,
        "source": f"callvault/{resource}",
        "id": event_id,
        "time": at.isoformat(),
    }
