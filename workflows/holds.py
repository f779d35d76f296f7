"""Holds: a recording is held back while consent is missing, whatever was asked for. Pure.

A hold changes nothing of what is wanted: it makes ACS pause meanwhile (`RecordingStatus.wish`), so
that only what the hold itself paused resumes when it ends, and a pause that somebody asked for
stays. Pause and resume stand among the requests, asked by `GATE`: guarded and proven like any.
"""

from datetime import datetime

from callvault.contracts.consent import (
    Announcement,
    ConsentDecision,
    ConsentHold,
    DeletionMark,
    OnWithdrawal,
)
from callvault.contracts.orders import ResourcePolicy
from callvault.contracts.requests import ControlRequest
from callvault.contracts.status import (
    Actual,
    CallStatus,
    ControlRecord,
    RecordingStatus,
    Wanted,
)
from workflows import consent
from workflows.control import Verb
from workflows.requests import Requests

GATE = "consent-gate"
"""Who asks for what consent demands."""

_SILENT = (Actual.PAUSED, Actual.STOPPED)


def review(
    status: CallStatus, recording: RecordingStatus, requests: Requests, now: datetime
) -> str:
    """Begin or end a recording's hold; a sentence if something changed, else nothing.

    To be called whenever something happened; before the resource's settings are known it waits.
    """
    if status.policy is None or recording.origin != "requested":
        return ""
    _complete(recording, status.policy, now)
    if recording.wanted is Wanted.STOPPED:
        return ""
    lacking = consent.missing(status, recording.consent)
    if lacking and not recording.is_held:
        return _hold(recording, requests, lacking, now)
    if lacking:
        recording.holds[-1].reason = lacking
    if not lacking and (recording.is_held or recording.consented_at is None):
        return _release(recording, requests, now)
    return ""


def finish(recording: RecordingStatus, now: datetime) -> None:
    """End what ends with the recording, or with its sound.

    What never was consented to, and never recorded, was declined.
    """
    if recording.actual in _SILENT:
        for deletion in recording.marked:
            deletion.until = deletion.until or now
    if recording.actual is not Actual.STOPPED or not recording.is_held:
        return
    is_untouched = recording.consented_at is None and not recording.was_active
    if is_untouched and not recording.problem and not recording.declined:
        recording.declined = f"it ended without consent: {recording.holds[-1].reason}"
    _end_hold(recording, "the recording is over", now)


def is_own(verb: Verb, pending: list[ControlRecord]) -> bool:
    """Tell whether nobody but the gate has asked for what ACS is being asked."""
    askers = {record.requested_by for record in pending if record.verb == verb}
    return askers == {GATE}


def mark(status: CallStatus, decision: ConsentDecision, now: datetime) -> list[RecordingStatus]:
    """Mark for deletion what was recorded before a withdrawal, where that is asked for."""
    marked = [
        recording
        for recording in status.recordings
        if recording.consent.on_withdrawal is OnWithdrawal.PAUSE_AND_MARK
        and recording.was_active
        and consent.missing(status, recording.consent)
    ]
    for recording in marked:
        is_silent = recording.actual in _SILENT
        recording.marked.append(
            DeletionMark(
                participant=decision.participant,
                since=recording.started_at or recording.requested_at,
                until=(recording.stopped_at or now) if is_silent else None,
                marked_at=now,
            )
        )
        # A manifest that was sealed before does not say so: another one follows it.
        recording.sealed = None
    return marked


def _complete(recording: RecordingStatus, policy: ResourcePolicy, now: datetime) -> None:
    """Take over from the resource what the request does not say."""
    recording.consent = consent.terms_of(recording.consent, policy.consent)
    is_new = recording.announcement is None and recording.actual is Actual.NONE
    if policy.announce_within is not None and is_new:
        recording.announcement = Announcement(asked_at=now)


def _hold(recording: RecordingStatus, requests: Requests, lacking: str, now: datetime) -> str:
    recording.holds.append(ConsentHold(since=now, reason=lacking))
    if recording.wanted is Wanted.ACTIVE:
        _ask(Verb.PAUSE, f"consent is missing: {lacking}", recording, requests, now)
    return f"held back, {lacking}"


def _release(recording: RecordingStatus, requests: Requests, now: datetime) -> str:
    recording.consented_at = recording.consented_at or now
    if not recording.is_held:
        return ""
    _end_hold(recording, "consent is given", now)
    if recording.wanted is Wanted.ACTIVE:
        _ask(Verb.RESUME, "consent is given", recording, requests, now)
        return "held back no longer, consent is given"
    return "consent is given, and it stays paused as was asked"


def _end_hold(recording: RecordingStatus, by: str, now: datetime) -> None:
    recording.holds[-1].until = now
    recording.holds[-1].ended_by = by


def _ask(
    verb: Verb, reason: str, recording: RecordingStatus, requests: Requests, now: datetime
) -> None:
    request = ControlRequest(requested_by=GATE, reason=reason)
    requests.add(verb, request, recording.number, now, None)
