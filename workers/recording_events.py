"""The hand-over of an event that its receiver did not take at once, to a workflow of its own."""

from temporalio import activity
from temporalio.client import Client

from activities.translate import translated
from callvault.contracts import names
from callvault.contracts.recording_events import EventDelivery
from callvault.temporal.recording_events import begin_delivery


class EventHandOver:
    """Begins workflows. Async, to wait for Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=names.HAND_OVER_EVENT_ACTIVITY)
    async def hand_over_event(self, input: EventDelivery) -> None:
        """Begin the workflow that delivers the event; however often, it is one."""
        with translated(retry_permanent=True):
            await begin_delivery(self._client, input)
