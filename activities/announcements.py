"""Announcements: a resource's webhook is called before a recording begins, and its answer awaited.

It may play "this call is recorded", or ask everybody for consent. Only an answer of 2xx lets the
recording begin.
"""

from collections.abc import Callable

from temporalio import activity

from activities.clock import server_clock
from activities.translate import translated
from activities.webhooks import Webhook
from callvault.contracts.activity_io import AnnouncementOrder
from callvault.errors import InvalidRequest

TYPE = "callvault.recording.announced"
"""Type of the CloudEvent."""


class AnnouncementActivities:
    """Built once by a worker, with what finds the webhook of a resource."""

    def __init__(self, webhook_of: Callable[[str], Webhook | None]) -> None:
        self._webhook_of = webhook_of

    @activity.defn
    def announce_recording(self, order: AnnouncementOrder) -> None:
        """Return once the webhook has answered 2xx; tried again while it is away."""
        with translated():
            webhook = self._webhook_of(order.resource)
            if webhook is None:
                raise InvalidRequest(
                    f"resource {order.resource} has no announcement_url on this worker any more:"
                    " configure all workers alike"
                )
            event = cloud_event(order, server_clock()().isoformat())
            webhook.post(event, order.id, within=order.within.total_seconds())


def cloud_event(order: AnnouncementOrder, at: str) -> dict[str, object]:
    """What is about to be recorded, as a CloudEvent 1.0."""
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": f"callvault/{order.resource}",
        "subject": order.workflow_id,
        "id": order.id,
        "time": at,
        "datacontenttype": "application/json",
        "data": order.model_dump(mode="json"),
    }
