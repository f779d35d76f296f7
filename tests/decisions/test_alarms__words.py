"""What an alarm says, and of what."""

import pytest

from callvault.causes import Cause
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.status import PauseHolder, RecordingStatus
from tests.unit.call import hashed
from workflows.call.alarms import Alarms

from .facts import a_call, a_recording, at, seconds
from .test_alarms import alarms_of, with_file


def test_an_alarm_tells_of_its_call_its_recording_and_its_file_what_is_known() -> None:
    status = with_file(recording_id="r", number=3, expires_at=at(99))
    recording, alarms = status.recordings[0], alarms_of(status)
    alarms.add(AlarmKind.DUTIES, Severity.WARNING, "of all", None, at(1))
    alarms.add(AlarmKind.DUTIES, Severity.WARNING, "of it", recording, at(1))
    chunk = recording.chunks[0]
    alarms.add(
        AlarmKind.DUTIES, Severity.ERROR, "of a file", recording, at(1), chunk, Cause.WORKER, "a1"
    )
    told = [record.alarm for record in status.alarms]
    about = [(a.recording, a.recording_id, a.chunk_index, a.archive) for a in told]
    assert about == [(None, None, None, ""), (3, "r", None, "main"), (3, "r", 0, "main")]
    assert [seconds(alarm.expires_at) for alarm in told] == [None, 99, 3600]
    assert [alarm.what for alarm in told][:2] == ["of all", "recording 3: of it"]
    assert told[2].what.startswith("recording 3: of a file. ")
    assert [alarm.id for alarm in told] == [f"workflow/20260302T120001Z/{n}" for n in (1, 2, 3)]
    assert [(alarm.cause, alarm.activity_id) for alarm in told][1:] == [
        (None, None),
        (Cause.WORKER, "a1"),
    ]


def test_an_alarm_has_no_number_again_that_was_given_up() -> None:
    status = a_call(alarms_left_out=4)
    alarms_of(status).add(AlarmKind.DUTIES, Severity.WARNING, "", None, at(1))
    assert status.alarms[0].alarm.id.endswith("/5")


@pytest.mark.parametrize(
    ("kind", "chunk", "recording_id", "is_told"),
    [
        (AlarmKind.ARCHIVE_UNREACHABLE, None, "r", True),
        (AlarmKind.ARCHIVE_UNREACHABLE, 0, "r", False),
        (AlarmKind.ARCHIVE_UNREACHABLE, None, "other", False),
        (AlarmKind.DUTIES, None, "r", False),
    ],
)
def test_that_a_recordings_loss_is_undecided_is_told_of_it_as_a_whole(
    kind: AlarmKind, chunk: int | None, recording_id: str, is_told: bool
) -> None:
    status = with_file(recording_id=recording_id)
    recording, alarms = status.recordings[0], alarms_of(status)
    file = recording.chunks[0] if chunk is not None else None
    alarms.add(kind, Severity.CRITICAL, "", recording, at(1), file)
    assert alarms.is_undecided(a_recording(recording_id="r")) is is_told


A_REFUSAL = ConsentRecord(
    participant=hashed("ana"), given=False, decided_at=at(1), received_at=at(1), problem="no json"
)


def each_alarm(alarms: Alarms, recording: RecordingStatus) -> None:
    holder = PauseHolder(requested_by="ben", reason="", since=at(1))
    record = type("Record", (), {"requested_by": "ana", "reason": "", "released": [holder]})
    nobody = A_REFUSAL.model_copy(update={"participant": UNKNOWN_PARTICIPANT})
    alarms.failed_to_start(recording, "ACS refuses", at(1))
    alarms.undecided(recording, "it", ("it is away", Cause.NO_ANSWER), at(1))
    alarms.pause_forced(recording, record, at(1))
    alarms.too_much(at(1))
    alarms.consent_unclear(A_REFUSAL, recording, at(1))
    alarms.consent_unclear(nobody, recording, at(1))
    alarms.not_announced(recording, "the webhook failed", at(1))
    alarms.taken_over(recording, at(1))
    alarms.taken_over(recording, at(1), is_adopted=True)
    alarms.cancelled(recording, at(1))


def test_each_alarm_has_its_kind_its_severity_and_its_words() -> None:
    status = a_call(a_recording())
    each_alarm(alarms_of(status), status.recordings[0])
    told = [(a.alarm.kind, a.alarm.severity, a.alarm.what) for a in status.alarms]
    expected = [
        ("failed_to_start", "error", "recording 1: ACS refuses"),
        ("archive_unreachable", "critical", "recording 1: whether it is lost is not known"),
        ("pause_forced", "warning", "recording 1: ana resumed by force (no reason given), while"),
        ("too_much", "critical", "more files are announced than a call may have"),
        ("consent_unclear", "warning", f"recording 1: {hashed('ana')[:8]}…, who is not known"),
        ("consent_unclear", "error", "recording 1: a message may withdraw consent"),
        ("not_announced", "error", "recording 1: the webhook failed"),
        ("abandoned", "critical", "recording 1: its workflow was terminated"),
        ("abandoned", "warning", "recording 1: no workflow knew of it: it is adopted"),
        ("cancelled", "error", "recording 1: the workflow was cancelled in Temporal"),
    ]
    assert [(kind, severity) for kind, severity, _ in told] == [row[:2] for row in expected]
    assert all(what.startswith(row[2]) for (_, _, what), row in zip(told, expected, strict=True))
