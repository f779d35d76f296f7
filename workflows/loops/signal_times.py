"""The signal times loop: finds out when signals came that did not tell it themselves."""

from collections import Counter
from typing import Literal

from temporalio import workflow
from temporalio.exceptions import FailureError

from callvault.contracts import names
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord
from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.call import presence
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle
from workflows.call.signal_times import SignalTimes
from workflows.loops.loop import Run

_ABOUT: dict[str, Literal["withdrawal", "presence"]] = {
    names.CONSENT: "withdrawal",
    names.PARTICIPANT_CHANGED: "presence",
}


class SignalTimesLoop:
    """Asks Temporal's server, after all that the signals asked for is asked of ACS."""

    is_interruptible = True

    def __init__(self, run: Run, call: Lifecycle, watchdog: Watchdog) -> None:
        self._run = run
        self._call = call
        self._times = SignalTimes(call, watchdog)
        self._is_asking = False
        self._seen_with = 0
        """Length of the history at the workflow task whose signals are counted."""
        self._seen: Counter[str] = Counter()

    @property
    def is_idle(self) -> bool:
        """True if nothing is asked now."""
        return not self._is_asking

    @property
    def is_done(self) -> bool:
        """True if every time is known that can be."""
        return not self._is_asking and not self._call.status.untimed

    def seen(self, name: str) -> UntimedSignal:
        """Count a signal; return what finds it in the history, should it tell no time itself."""
        info = workflow.info()
        length = info.get_current_history_length()
        if length != self._seen_with:
            self._seen_with, self._seen = length, Counter()
        number, self._seen[name] = self._seen[name], self._seen[name] + 1
        return UntimedSignal(
            name=name,
            about=_ABOUT.get(name, "request"),
            subject="",
            run_id=info.run_id,
            history_length=length,
            number=number,
            received_at=workflow.now(),
        )

    def search(self, signal: UntimedSignal, subject: str) -> None:
        """Have the time of a signal searched for that told of a request, or of a participant."""
        self._times.search(signal.model_copy(update={"subject": subject}))

    def search_move(self, signal: UntimedSignal, change: ParticipantChanged) -> None:
        """Have the time of a signal searched for that told of a coming or going."""
        told = {"joined": change.joined, "connection": presence.connection_of(change)}
        self.search(signal.model_copy(update=told), change.participant)

    def search_request(self, signal: UntimedSignal, record: ControlRecord) -> None:
        """Have the time of a signal searched for that asked for something which was taken."""
        is_new = record.received_at == signal.received_at
        if record.operation == names.START or record.state is RequestState.FAILED or not is_new:
            return
        requests = self._call.status.requests.items()
        key = next((key for key, each in requests if each is record), None)
        if key is not None:
            self.search(signal, key)

    async def run(self) -> None:
        """Find out the times of all that came by one moment together."""
        while not self._run.is_finished:
            await self._run.until(lambda: self._run.is_finished or self._is_to_ask())
            if not self._run.is_finished:
                self._is_asking = True
                await self._ask(tuple(self._call.status.untimed))
                self._is_asking = False
                self._run.clock.look()

    def _is_to_ask(self) -> bool:
        if not self._call.status.untimed or self._run.is_draining:
            return False
        # Nothing stands before an urgent request.
        return self._call.in_flight is not None or self._call.next_command() is None

    async def _ask(self, signals: tuple[UntimedSignal, ...]) -> None:
        asked, run = activity_calls.signal_times(signals), self._run
        await run.until(lambda: asked.done() or run.is_draining or run.is_finished)
        is_called_off = not asked.done()
        asked.cancel()
        try:
            times = (await asked).times
        except FailureError as error:
            if is_called_off:
                # The next run asks again.
                return
            times = (None,) * len(signals)
            what = f"when {len(signals)} signals came is not to be had: {reason(error)}"
            self._call.note(workflow.now(), what)
        for signal, came_at in zip(signals, times, strict=True):
            self._times.found(signal, came_at, workflow.now())
