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
from workflows.call import consent, deletion_marks, late_joiners, pauses
from workflows.call.commands import Operation
from workflows.call.pauses import GATE, Holder
from workflows.call.request_records import Requests


def review(
    status: CallStatus, recording: RecordingStatus, requests: Requests, now: datetime
) -> str:
    """Begin or end a recording's hold; a sentence if something changed, else empty.

    To be called after every event. Before the resource's settings are known nothing is decided.
    """
    if status.policy is None or recording.origin != "requested":
        return ""
    _complete(recording, status.policy, now)
    # While it is being stopped it may record: that consent is missing then is to be known, too.
    if _is_over(recording):
        return ""
    lacking = _lacking(status, recording)
    if lacking and not recording.is_held:
        return _hold(status, recording, requests, lacking, now)
    if lacking:
        hold = recording.holds[-1]
        hold.reason = lacking
        # Word may come of what was missing earlier than is known by now.
        hold.since = min(hold.since, _begin(status, recording, now))
    if not lacking and (recording.is_held or recording.consented_at is None):
        return _release(recording, requests, now)
    return ""


def pause(
    recording: RecordingStatus,
    requests: Requests,
    why: str,
    now: datetime,
    since: datetime | None = None,
) -> None:
    """Ask for the pause that a hold demands, among the other requests: guarded like any.

    ``since`` is when silence was wanted first, if word of it came late.
    """
    request = ControlRequest(requested_by=GATE, reason=why, requested_at=since)
    _ask(Operation.PAUSE, request, recording, requests, now)


def finish(recording: RecordingStatus, silent_since: datetime | None, now: datetime) -> None:
    """End the marks that end with a recording's sound, and the hold that ends with it.

    ``silent_since`` is since when ACS is proven to record nothing; none while it may.
    """
    deletion_marks.end(recording, silent_since)
    if not _is_over(recording) or not recording.is_held:
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


def _is_over(recording: RecordingStatus) -> bool:
    """Tell if ACS records it no more; a start that was given up may still begin it."""
    return recording.actual is Actual.STOPPED and recording.looked_for_until is None


def _lacking(status: CallStatus, recording: RecordingStatus) -> str:
    return consent.missing(status, recording.consent) or late_joiners.unheard(status, recording)


def _complete(recording: RecordingStatus, policy: ResourcePolicy, now: datetime) -> None:
    """Take over from the resource what the request does not say."""
    recording.consent = consent.terms_of(recording.consent, policy.consent)
    is_new = recording.announcement is None and recording.actual is Actual.NONE
    if policy.announce_within is not None and is_new:
        recording.announcement = Announcement(requested_at=now)


def _hold(
    status: CallStatus, recording: RecordingStatus, requests: Requests, lacking: str, now: datetime
) -> str:
    since = _begin(status, recording, now)
    recording.holds.append(ConsentHold(since=since, reason=lacking))
    if recording.wanted is Wanted.ACTIVE:
        pause(recording, requests, f"consent is missing: {lacking}", now, since)
    return f"held back, {lacking}"


def _begin(status: CallStatus, recording: RecordingStatus, now: datetime) -> datetime:
    """Return since when the hold of now should have been: no earlier than the last ended.

    Unless somebody had refused before that one began: word of it may come late.
    """
    since = consent.missing_since(status, recording.consent, now)
    last = next((hold for hold in reversed(recording.holds) if hold.until is not None), None)
    if last is not None and last.until is not None:
        refused = consent.refused_since(status) or last.since
        since = refused if refused < last.since else max(since, last.until)
    return min(now, max(since, recording.requested_at))


def _release(recording: RecordingStatus, requests: Requests, now: datetime) -> str:
    recording.consented_at = recording.consented_at or now
    if not recording.is_held:
        return ""
    _end_hold(recording, "consent is given", now)
    pauses.release(recording, Holder(GATE), GATE, now)
    if recording.wanted is Wanted.ACTIVE:
        request = ControlRequest(requested_by=GATE, reason="consent is given")
        _ask(Operation.RESUME, request, recording, requests, now)
        return "held back no longer, consent is given"
    stays = "stopped" if recording.wanted is Wanted.STOPPED else "paused"
    return f"consent is given, and it stays {stays} as was asked"


def _end_hold(recording: RecordingStatus, by: str, now: datetime) -> None:
    recording.holds[-1].until = now
    recording.holds[-1].ended_by = by


def _ask(
    operation: Operation,
    request: ControlRequest,
    recording: RecordingStatus,
    requests: Requests,
    now: datetime,
) -> None:
    pauses.fold(recording, requests.add(operation, request, recording.number, now, None))
