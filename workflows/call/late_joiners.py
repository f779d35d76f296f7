"""Announcements to those who join while a call is recorded, where a resource wants them.

Until the webhook has answered, the recording is held back: nobody is recorded who may not have
heard that it is. Whoever leaves again need not be told.
"""

from datetime import datetime
from typing import NamedTuple

from callvault.contracts.base import shorten
from callvault.contracts.consent import JoinerAnnouncement
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import presence
from workflows.call.intervals import Span

MAX_JOINERS = 350
"""Participants who are announced to in a recording, as many as ACS lets into one call."""


class Joiner(NamedTuple):
    """A participant who is to hear that a recording is on."""

    recording: int
    participant: str


def joined(status: CallStatus, participant: str, now: datetime) -> None:
    """Take note that somebody joined: each recording that is on is announced to them, once.

    To be called once their coming is folded.
    """
    if status.policy is None or not status.policy.announce_late_joiners:
        return
    for recording in filter(_is_on, status.recordings):
        first = recording.announcement
        # It may be heard until it is answered: who has left before that may have heard none of it.
        heard = first and Span(first.requested_at, first.answered_at or now)
        if heard and presence.was_here(status, participant, heard):
            # The announcement to all was made for them, too: only word of them comes now.
            continue
        if (known := find(recording, participant)) is not None:
            # Who comes again is announced to again, if that failed the first time.
            known.problem = ""
        else:
            _add(recording, JoinerAnnouncement(participant=participant, requested_at=now))


def join(mine: RecordingStatus, other: RecordingStatus) -> None:
    """Add the announcements that another state of a recording knows.

    What was answered in either was heard; what failed is open again where it is open in the other.
    """
    mine.joiners_left_out = max(mine.joiners_left_out, other.joiners_left_out)
    for announcement in other.joiner_announcements:
        known = find(mine, announcement.participant)
        if known is None:
            _add(mine, announcement)
            continue
        known.answered_at = known.answered_at or announcement.answered_at
        known.problem = known.problem and announcement.problem


def _add(recording: RecordingStatus, announcement: JoinerAnnouncement) -> None:
    if len(recording.joiner_announcements) < MAX_JOINERS:
        recording.joiner_announcements.append(announcement)
    else:
        recording.joiners_left_out += 1


def is_told_since(recording: RecordingStatus, participant: str, now: datetime) -> bool:
    """Tell if somebody is being announced to who has joined at this moment."""
    told = recording.joiner_announcements
    return any(each.participant == participant and each.requested_at == now for each in told)


def to_tell(status: CallStatus) -> list[Joiner]:
    """Return those who are to be announced to now."""
    return [
        Joiner(recording.number, each.participant)
        for recording in status.recordings
        for each in recording.joiner_announcements
        if awaits(status, recording, each)
    ]


def awaits(status: CallStatus, recording: RecordingStatus, told: JoinerAnnouncement) -> bool:
    """Tell if an announcement still is to be answered, and still matters."""
    is_open = told.answered_at is None and not told.problem
    return is_open and _is_on(recording) and told.participant not in presence.gone(status)


def find(recording: RecordingStatus, participant: str) -> JoinerAnnouncement | None:
    """Look an announcement up; None if it is not kept."""
    told = recording.joiner_announcements
    return next((each for each in told if each.participant == participant), None)


def told(recording: RecordingStatus, participant: str, now: datetime) -> None:
    """Fold the webhook's answer."""
    if (known := find(recording, participant)) is not None:
        known.answered_at = now


def not_told(recording: RecordingStatus, participant: str, problem: str) -> None:
    """Fold that the webhook gave no good answer: it is held back until they leave."""
    if (known := find(recording, participant)) is not None:
        known.problem = shorten(problem)


def unheard(status: CallStatus, recording: RecordingStatus) -> str:
    """Say in a sentence who has not heard the announcement yet; empty where all have."""
    waiting = [each for each in recording.joiner_announcements if each.answered_at is None]
    here = {each.participant for each in waiting} - presence.gone(status)
    count = len(here) + recording.joiners_left_out
    return f"{count} who joined have not heard the announcement" if count else ""


def _is_on(recording: RecordingStatus) -> bool:
    return recording.origin == "requested" and recording.wanted is not Wanted.STOPPED
