"""The messages of a call: how each is read, and what it changes.

The workflow folds them as they come. Whoever folds the history of a run that answers no more does
it by the same table: nothing is left out that the run has carried out.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.base import AnyMessage, Message, Unreadable, read_one
from callvault.contracts.consent_messages import read_decision
from callvault.contracts.control_messages import read_control
from callvault.contracts.events import FileStatusUpdated, RecordingStateChanged
from callvault.contracts.hold_messages import HoldRequest, ReleaseRequest
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import CallEnded, ControlRequest
from callvault.contracts.status import ControlRecord
from callvault.contracts.takeover import LastState
from workflows.call import callbacks, file_events, legal_holds, pauses
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.consent_gate import ConsentGate
from workflows.call.lifecycle import Lifecycle


class Kind(NamedTuple):
    """A kind of message: how it is read, and what folds it."""

    read: Callable[[Sequence[Any]], Message | Unreadable]
    fold: Callable[[Any, datetime], Any]


class Taken(NamedTuple):
    """A message that could be read, and what its fold returned."""

    message: Any
    result: Any


class Messages:
    """Folds the messages of one call into its state."""

    def __init__(
        self,
        call: Lifecycle,
        alarms: Alarms,
        gate: ConsentGate,
        recalled: Callable[[LastState, datetime], object],
    ) -> None:
        """``recalled`` learns what another run of the call knew."""
        self._call = call
        self._alarms = alarms
        self._recalled = recalled
        self.kinds = {
            **dict(map(self._control, (names.START, names.PAUSE, names.RESUME, names.STOP))),
            names.CALL_ENDED: _of(CallEnded, call.call_ended),
            names.FILE_STATUS_UPDATED: _of(
                FileStatusUpdated, partial(file_events.fold, call, alarms)
            ),
            names.RECORDING_STATE_CHANGED: _of(
                RecordingStateChanged, partial(callbacks.fold, call, alarms)
            ),
            names.CONSENT: Kind(read_decision, gate.decided),
            names.PARTICIPANT_CHANGED: _of(ParticipantChanged, gate.participant_changed),
            names.ACKNOWLEDGE: _of(Acknowledge, self._acknowledged),
            names.PLACE_HOLD: _of(HoldRequest, self._place_hold),
            names.RELEASE_HOLD: _of(ReleaseRequest, self._release_hold),
            names.TAKE_OVER: _of(LastState, self._take_over),
        }
        """The kinds by the names of their signals."""

    def take(self, name: str, payloads: Sequence[Any], now: datetime) -> Taken | None:
        """Fold what came under a name; None if it cannot be read, which the timeline says."""
        kind = self.kinds[name]
        message = kind.read(payloads)
        if isinstance(message, Unreadable):
            self._call.note(now, f"{name} could not be read: {message.problem}")
            return None
        return Taken(message, kind.fold(message, now))

    def request(
        self, operation: Operation, request: ControlRequest, now: datetime
    ) -> ControlRecord:
        """Fold a request; tell those whose pauses it has released by force."""
        known = list(self._call.status.requests.values())
        record = self._call.request(operation, request, now)
        is_new = all(record is not each for each in known)
        if is_new and record.released:
            self._alarms.pause_forced(self._call.recording(record.recording), record, now)
        return record

    def _control(self, name: str) -> tuple[str, Kind]:
        return name, Kind(partial(read_request, name), partial(self.request, Operation(name)))

    def _acknowledged(self, message: Acknowledge, now: datetime) -> None:
        count = self._alarms.acknowledge(message, now)
        self._call.note(now, f"{count} alarms seen by {message.caller}")

    def _place_hold(self, request: HoldRequest, now: datetime) -> None:
        self._call.note(now, legal_holds.place(self._call.status, request, now))

    def _release_hold(self, request: ReleaseRequest, now: datetime) -> None:
        self._call.note(now, legal_holds.release(self._call.status, request))

    def _take_over(self, last: LastState, now: datetime) -> None:
        if last.status.server_call_id == self._call.status.server_call_id:
            self._recalled(last, now)


def read_request(operation: str, payloads: Sequence[Any]) -> ControlRequest | Unreadable:
    """Read what came from outside as a control request; a pause is never `Unreadable`."""
    request = read_control(operation, payloads)
    return request if isinstance(request, Unreadable) else pauses.of_outside(request)


def _of(model: type[AnyMessage], fold: Callable[[AnyMessage, datetime], Any]) -> Kind:
    return Kind(partial(read_one, model), fold)
