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
        found = next((pause for pause in left if _is_same(asked, pause)), None)
        if found is not None:
            # One pause in the file proves one pause only, however many had asked for it.
            left.remove(found)
        # Only complete metadata proves that a pause is missing; without it nothing is known.
        agree = True if found is not None else False if is_complete else None
        compared += [
            PauseEvidence(asked_for=each, in_the_file=found, agree=agree) for each in asked
        ]
    return compared + [
        PauseEvidence(asked_for=None, in_the_file=pause, agree=False) for pause in left
    ]


def _pauses_of_acs(recording: RecordingStatus) -> list[list[PauseRecord]]:
    """Return together what ACS carried out as one pause: all that ended with the same resume."""
    # What was taken back before ACS was asked was no pause.
    asked = [p for p in recording.pauses if p.confirmed_at is not None or p.is_open]
    together: dict[datetime | None, list[PauseRecord]] = {}
    for pause in asked:
        together.setdefault(pause.resumed_at, []).append(pause)
    return list(together.values())


def _has_every_pause(recording: RecordingStatus) -> bool:
    """Tell if metadata is archived and readable, so that a pause it lacks is really missing."""
    files = [chunk.archived for chunk in recording.chunks if chunk.archived]
    is_complete = any(file.metadata_object_name for file in files)
    return is_complete and not any(file.metadata_problem for file in files)


def _is_same(asked: list[PauseRecord], recorded: RecordedPause) -> bool:
    if known_time(recorded.start_time) is None:
        return False
    begin = min(pause.confirmed_at or pause.requested_at for pause in asked)
    end = recorded.start_time + timedelta(milliseconds=recorded.duration_ms)
    resumed_at = asked[0].resumed_at
    begins = abs(recorded.start_time - begin) <= TOLERANCE
    return begins and (resumed_at is None or abs(end - resumed_at) <= TOLERANCE)
