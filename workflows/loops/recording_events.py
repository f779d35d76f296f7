"""The loop of events: tells webhooks what becomes of each recording."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.recording_events import EventDelivery, EventKind
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.call import recording_events
from workflows.call.lifecycle import Lifecycle
from workflows.loops.loop import Run
from workflows.loops.seal import SealLoop

AWAY_INTERVAL = timedelta(minutes=1)
"""Time for which no call waits again for a receiver that has taken nothing: else the result of a
call with many events would."""


class RecordingEventsLoop:
    """Tells the events of each recording one after the other, in order.

    A receiver that does not take one within seconds holds up nothing: a workflow of its own goes on
    delivering it.
    """

    is_interruptible = False

    def __init__(self, run: Run, call: Lifecycle, seal: SealLoop) -> None:
        self._run = run
        self._call = call
        self._seal = seal
        self._telling: set[int] = set()
        """The numbers of the recordings of which an event is being told."""
        self._away_until: dict[str | None, datetime] = {}
        """Times until which receivers that took nothing are not waited for."""

    @property
    def is_idle(self) -> bool:
        """True if no event is being told, or to be told."""
        return not self._telling and not self._to_tell()

    is_done = is_idle

    async def run(self) -> None:
        """Tell the events of every recording, each on its own."""
        self._run.begin_each(self._telling, self._to_tell, self._tell)

    def _to_tell(self) -> list[int]:
        # What was told before a reset is not known until another run has said it.
        if self._call.is_recalling:
            return []
        status = self._call.status
        return [
            recording.number
            for recording in recording_events.to_tell(status)
            if self._next_kind(recording) is not None
        ]

    def _next_kind(self, recording: RecordingStatus) -> EventKind | None:
        is_sealing = self._seal.is_to_seal(recording)
        return recording_events.next_kind(self._call.status, recording, is_sealing=is_sealing)

    async def _tell(self, number: int) -> None:
        """Tell the next event of a recording, if there is one still, to each of its receivers."""
        status = self._call.status
        told = (each for each in recording_events.to_tell(status) if each.number == number)
        recording = next(told, None)
        if recording is None or (kind := self._next_kind(recording)) is None:
            return
        event = recording_events.make(
            status, recording, kind, workflow.info().workflow_id, workflow.now()
        )
        for delivery in recording_events.deliveries(status, recording, event):
            await self._deliver(delivery)
        recording_events.told(status, event)

    async def _deliver(self, delivery: EventDelivery) -> None:
        """Deliver, or have it delivered later: at once if the receiver was away a moment ago."""
        away_until = self._away_until.get(delivery.url)
        if away_until is None or workflow.now() >= away_until:
            try:
                await activity_calls.deliver_event(delivery)
            except ActivityError:
                self._away_until[delivery.url] = workflow.now() + AWAY_INTERVAL
            else:
                return
        await activity_calls.hand_over_event(delivery)
