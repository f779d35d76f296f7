"""Signals that did not tell their time: what they asked for counts from when they came.

That is found out afterwards, since nothing stands before an urgent request. It only ever moves a
time earlier: silence was wanted from then on, and what was not proven silent is unconfirmed.
"""

from datetime import datetime
from itertools import pairwise

from callvault.contracts.consent import ConsentHold, ConsentRecord, Presence
from callvault.contracts.requests import RESUME_EXPIRY
from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call import late_word, pauses
from workflows.call.commands import Operation
from workflows.call.guards import Watchdog
from workflows.call.intervals import Span
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GATE

MAX_UNTIMED = 100
"""Most signals whose times are searched for at once; those beyond count from when they were seen.
All are seen by one workflow task, and the first of them came first."""


class SignalTimes:
    """The signals of one call whose times are searched for."""

    def __init__(self, call: Lifecycle, watchdog: Watchdog) -> None:
        self._call = call
        self._watchdog = watchdog

    def search(self, signal: UntimedSignal) -> None:
        """Have the time of a signal searched for."""
        status = self._call.status
        if len(status.untimed) >= MAX_UNTIMED:
            return
        status.untimed.append(signal)
        record = status.requests.get(signal.subject)
        if record is not None and signal.about == "request":
            record.is_time_awaited = True

    def found(self, signal: UntimedSignal, came_at: datetime | None, now: datetime) -> None:
        """Fold when a signal came; None if that is not to be known."""
        status = self._call.status
        status.untimed = [each for each in status.untimed if each != signal]
        at = min(came_at or signal.received_at, signal.received_at)
        if signal.about != "request":
            self._told_earlier(signal, at, now)
        elif (record := status.requests.get(signal.subject)) is not None:
            record.is_time_awaited = False
            self._asked_earlier(record, at, now)
        self._call.settle_all(now)

    def _asked_earlier(self, record: ControlRecord, at: datetime, now: datetime) -> None:
        recordings = self._call.status.recordings
        recording = next((r for r in recordings if r.number == record.recording), None)
        if recording is None:
            return
        # Nothing about a recording can have been asked before the recording itself was.
        at = max(at, recording.requested_at)
        if at >= record.requested_at:
            return
        if record.expires_at == record.requested_at + RESUME_EXPIRY:
            record.expires_at = at + RESUME_EXPIRY
        record.requested_at = at
        for pause in pauses.of(recording, record):
            pause.requested_at = min(pause.requested_at, at)
            why = f"{pause.requested_by} asked for a pause"
            wanted = Span(at, pause.received_at)
            self._call.was_to_be_silent(recording, wanted, why, now)
        self._call.settle(recording, now)
        self._watchdog.confirmed_late(recording, record, now)

    def _told_earlier(self, signal: UntimedSignal, at: datetime, now: datetime) -> None:
        """Fold when a withdrawal came, or word of a coming or going."""
        if at >= signal.received_at:
            return
        is_moved = False
        decided: list[ConsentRecord] = []
        if signal.about == "withdrawal":
            decided = _decided_earlier(self._call.status, signal, at)
        else:
            is_moved = _moved_earlier(self._call.status, signal, at)
        for recording in self._call.status.recordings:
            _mark_earlier(recording, signal, at)
            for before, hold in pairwise([None, *recording.holds]):
                if hold is not None and hold.since == signal.received_at:
                    self._held_earlier(recording, hold, _begin(recording, before, at), now)
        for record in decided:
            late_word.decided(self._call, record, signal.received_at)
        if is_moved and signal.joined is not None:
            told = Span(at, signal.received_at)
            late_word.moved(self._call, signal.subject, signal.joined, told, now)

    def _held_earlier(
        self, recording: RecordingStatus, hold: ConsentHold, at: datetime, now: datetime
    ) -> None:
        seen_at, hold.since = hold.since, at
        why = f"it was held back: {hold.reason}"
        self._call.was_to_be_silent(recording, Span(at, seen_at), why, now)
        for record in list(self._call.status.requests.values()):
            is_own = record.requested_by == GATE and record.recording == recording.number
            is_pause = record.operation == Operation.PAUSE
            if is_own and is_pause and record.received_at == seen_at:
                self._asked_earlier(record, at, now)


def _begin(recording: RecordingStatus, before: ConsentHold | None, at: datetime) -> datetime:
    """Return when a hold begins that began by a signal which came then: after the one before."""
    ended = before.until if before is not None else None
    return max(at, recording.requested_at, ended or at)


def _decided_earlier(
    status: CallStatus, signal: UntimedSignal, at: datetime
) -> list[ConsentRecord]:
    """Move a refusal; return it."""
    moved = [
        record
        for record in status.consents
        if record.participant == signal.subject
        and not record.given
        and record.received_at == record.decided_at == signal.received_at
    ]
    for record in moved:
        record.decided_at = at
    return moved


def _moved_earlier(status: CallStatus, signal: UntimedSignal, at: datetime) -> bool:
    """Move a coming, or a going; tell if there is one.

    One task may have seen several of the same person: they are moved one after the other, as they
    came.
    """
    stays = [stay for stay in status.participants if stay.participant == signal.subject]
    if signal.joined:
        own = (stay for stay in stays if stay.connection == signal.connection)
        came = next((stay for stay in own if stay.joined_at == signal.received_at), None)
        if came is not None:
            came.joined_at = at
            _drop_if_told_twice(status, came, at)
        return came is not None
    # Without a connection they went with all their devices.
    left = [stay for stay in stays if stay.left_at == signal.received_at]
    if signal.connection:
        left = [stay for stay in left if stay.connection == signal.connection][:1]
    for stay in left:
        stay.left_at = max(at, stay.joined_at or at)
    return bool(left)


def _drop_if_told_twice(status: CallStatus, came: Presence, at: datetime) -> None:
    """Drop a coming that only told again of a stay which is known to have ended after it."""
    known = (
        stay.left_at
        for stay in status.participants
        if stay is not came
        and (stay.participant, stay.connection) == (came.participant, came.connection)
        and (stay.joined_at or at) <= at
    )
    if came.in_call and any(left_at is not None and left_at > at for left_at in known):
        status.participants.remove(came)


def _mark_earlier(recording: RecordingStatus, signal: UntimedSignal, at: datetime) -> None:
    """Mark from when somebody came, if that was taken for when word of it was seen."""
    for mark in recording.marked:
        if mark.participant == signal.subject and mark.since == signal.received_at:
            mark.since = max(at, recording.requested_at)
