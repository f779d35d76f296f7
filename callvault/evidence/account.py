"""Compliance evidence of a call: requests, what ACS confirmed, and what the files say."""

from datetime import datetime, timedelta

from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.base import Message
from callvault.contracts.events import known_time
from callvault.contracts.silence import SilenceAccount
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
)
from callvault.evidence.consent_account import ConsentEvidence, consent_evidence_of

TOLERANCE = timedelta(seconds=5)
"""Largest difference between a pause in ACS's metadata and in Callvault's record.

A request and its answer take time, so the two never agree exactly.
"""


class PauseEvidence(Message):
    """A pause, as requested and confirmed, beside the pause in the file's metadata."""

    asked_for: PauseRecord | None
    in_the_file: RecordedPause | None
    agree: bool | None
    """None as long as no metadata file is archived."""


class RecordingEvidence(Message):
    """All facts about one recording and the requests that changed it."""

    number: int
    recording_id: str | None
    state: str
    requests: tuple[ControlRecord, ...]
    pauses: tuple[PauseEvidence, ...]
    silence: SilenceAccount
    consent: ConsentEvidence


def evidence_of(
    *statuses: CallStatus, participant: str | None = None, moment: datetime | None = None
) -> list[RecordingEvidence]:
    """Gather the evidence of every recording of a call, from all of the call's workflows.

    With the hash of a participant, consent is limited to the facts about that one. With a moment,
    it tells who was in the call then, and who of them had agreed.
    """
    # A workflow that a late event began knows of no requests: an earlier one of the same recording
    # has the complete record, so that one counts.
    gathered = [each for status in statuses for each in _evidence_of(status, participant, moment)]
    asked_for = {evidence.recording_id for evidence in gathered if evidence.requests}
    return [each for each in gathered if each.requests or each.recording_id not in asked_for]


def _evidence_of(
    status: CallStatus, participant: str | None, moment: datetime | None
) -> list[RecordingEvidence]:
    return [
        RecordingEvidence(
            number=recording.number,
            recording_id=recording.recording_id,
            state=recording.state,
            requests=tuple(r for r in status.requests.values() if r.recording == recording.number),
            pauses=tuple(_compare(recording)),
            silence=recording.silence,
            consent=consent_evidence_of(status, recording, participant, moment),
        )
        for recording in status.recordings
    ]


def _compare(recording: RecordingStatus) -> list[PauseEvidence]:
    """Match the pauses with those in the metadata of the files."""
    recorded = [pause for c in recording.chunks if c.archived for pause in c.archived.pauses]
    is_complete = _has_every_pause(recording)
    left, compared = list(recorded), []
    for asked in _pauses_of_acs(recording):
        since = _wanted_since(recording, asked)
        found = next((pause for pause in left if _is_same(asked, since, pause)), None)
        if found is not None:
            # One pause in the file proves one pause only, however many had asked for it.
            left.remove(found)
        elif not _is_claimed(asked[0]):
            # Taken back before ACS was asked, or before it did it: there may be none.
            continue
        # Only complete metadata proves that a pause is missing; without it nothing is known.
        agree = True if found is not None else False if is_complete else None
        compared += [
            PauseEvidence(asked_for=each, in_the_file=found, agree=agree) for each in asked
        ]
    return compared + [
        PauseEvidence(asked_for=None, in_the_file=pause, agree=False) for pause in left
    ]


def _pauses_of_acs(recording: RecordingStatus) -> list[list[PauseRecord]]:
    """Return together what ACS carried out as one pause: all that ended with the same resume.

    Last come those of which nobody knows if it did: they were released before that was proven.
    """
    claimed: dict[datetime | None, list[PauseRecord]] = {}
    others: dict[datetime | None, list[PauseRecord]] = {}
    for pause in recording.pauses:
        together = claimed if _is_claimed(pause) else others
        together.setdefault(_end(pause), []).append(pause)
    return [*claimed.values(), *others.values()]


def _is_claimed(pause: PauseRecord) -> bool:
    return pause.confirmed_at is not None or pause.is_open


def _end(pause: PauseRecord) -> datetime | None:
    return pause.resumed_at if _is_claimed(pause) else pause.released_at


def _wanted_since(recording: RecordingStatus, asked: list[PauseRecord]) -> datetime:
    """Return since when ACS was to be paused as these asked, or others from whom they took over."""
    since = min(pause.requested_at for pause in asked)
    for pause in sorted(recording.pauses, key=lambda each: each.requested_at, reverse=True):
        if pause.requested_at < since <= (_end(pause) or since):
            since = pause.requested_at
    return since


def _has_every_pause(recording: RecordingStatus) -> bool:
    """Tell if metadata is archived and readable, so that a pause it lacks is really missing."""
    files = [chunk.archived for chunk in recording.chunks if chunk.archived]
    is_complete = any(file.metadata_object_name for file in files)
    return is_complete and not any(file.metadata_problem for file in files)


def _is_same(asked: list[PauseRecord], since: datetime, recorded: RecordedPause) -> bool:
    """Tell if a pause in the file began between being asked for and being proven, and ended so."""
    begun_at, end = known_time(recorded.start_time), _end(asked[0])
    if begun_at is None:
        return False
    proven = (pause.confirmed_at for pause in asked if pause.confirmed_at is not None)
    ended_at = begun_at + timedelta(milliseconds=recorded.duration_ms)
    begins = since - TOLERANCE <= begun_at <= min(proven, default=ended_at) + TOLERANCE
    return begins and (end is None or abs(ended_at - end) <= TOLERANCE)
