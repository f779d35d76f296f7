"""Holds: a recording is held back while consent is missing, against any request.

A hold changes nothing of what is wanted: it makes ACS pause meanwhile (`RecordingStatus.target`),
so that only what the hold itself paused resumes when it ends, and a pause that a backend asked
for stays. Pause and resume stand among the requests, asked by `GATE`: guarded and proven like any.
"""

from datetime import datetime

from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.consent import Announcement, ConsentHold
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call import consent, deletion_marks, late_joiners
from workflows.call.commands import Operation
from workflows.call.request_records import Requests

GATE = "consent-gate"
"""The asker of what consent demands."""


def review(
    status: CallStatus, recording: RecordingStatus, requests: Requests, now: datetime
) -> str:
    """Begin or end a recording's hold; a sentence if something changed, else empty.

    To be called after every event. Before the resource's settings are known nothing is decided.
    """
    if status.policy is None or recording.origin != "requested":
        return ""
    _complete(recording, status.policy, now)
    if recording.wanted is Wanted.STOPPED:
        return ""
    lacking = consent.missing(status, recording.consent) or late_joiners.unheard(status, recording)
    if lacking and not recording.is_held:
        return _hold(status, recording, requests, lacking, now)
    if lacking:
        recording.holds[-1].reason = lacking
    if not lacking and (recording.is_held or recording.consented_at is None):
        return _release(recording, requests, now)
    return ""


def pause(recording: RecordingStatus, requests: Requests, why: str, now: datetime) -> None:
    """Ask for the pause that a hold demands, among the other requests: guarded like any."""
    _ask(Operation.PAUSE, why, recording, requests, now)


def finish(recording: RecordingStatus, may_record: bool, now: datetime) -> None:
    """End the marks that end with a recording's sound, and the hold that ends with it."""
    deletion_marks.end(recording, may_record, now)
    if recording.actual is not Actual.STOPPED or not recording.is_held:
        return
    # A recording that was never consented to, and never recorded, was declined.
    is_untouched = recording.consented_at is None and not recording.was_active
    if is_untouched and not recording.problem and not recording.declined:
        recording.declined = f"it ended without consent: {recording.holds[-1].reason}"
    _end_hold(recording, "the recording is over", now)


def is_own(operation: Operation, pending: list[ControlRecord]) -> bool:
    """Tell if the gate alone has asked for what ACS is being asked."""
    askers = {record.requested_by for record in pending if record.operation == operation}
    return askers == {GATE}


def _complete(recording: RecordingStatus, policy: ResourcePolicy, now: datetime) -> None:
    """Take over from the resource what the request does not say."""
    recording.consent = consent.terms_of(recording.consent, policy.consent)
    is_new = recording.announcement is None and recording.actual is Actual.NONE
    if policy.announce_within is not None and is_new:
        recording.announcement = Announcement(requested_at=now)


def _hold(
    status: CallStatus, recording: RecordingStatus, requests: Requests, lacking: str, now: datetime
) -> str:
    recording.holds.append(ConsentHold(since=_begin(status, recording, now), reason=lacking))
    if recording.wanted is Wanted.ACTIVE:
        pause(recording, requests, f"consent is missing: {lacking}", now)
    return f"held back, {lacking}"


def _begin(status: CallStatus, recording: RecordingStatus, now: datetime) -> datetime:
    """Return since when a hold that begins now should have been: no earlier than the last ended."""
    before = recording.holds[-1].until if recording.holds else None
    since = consent.missing_since(status, recording.consent, now)
    return min(now, max(since, before or recording.requested_at))


def _release(recording: RecordingStatus, requests: Requests, now: datetime) -> str:
    recording.consented_at = recording.consented_at or now
    if not recording.is_held:
        return ""
    _end_hold(recording, "consent is given", now)
    if recording.wanted is Wanted.ACTIVE:
        _ask(Operation.RESUME, "consent is given", recording, requests, now)
        return "held back no longer, consent is given"
    return "consent is given, and it stays paused as was asked"


def _end_hold(recording: RecordingStatus, by: str, now: datetime) -> None:
    recording.holds[-1].until = now
    recording.holds[-1].ended_by = by


def _ask(
    operation: Operation, reason: str, recording: RecordingStatus, requests: Requests, now: datetime
) -> None:
    request = ControlRequest(requested_by=GATE, reason=reason)
    requests.add(operation, request, recording.number, now, None)
