"""Ends of alarms: when what each kind tells of is over, and how that is said."""

from typing import Any

import pytest

from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.consent import ConsentHold
from callvault.contracts.status import PauseRecord
from workflows.call import alarm_ends

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, silent

K = AlarmKind
LOST, THERE, WAITS = (a_chunk(state=state) for state in ("lost", "archived", "announced"))
STOPPED = {"actual": "stopped", "wanted": "stopped"}
BEGUN = {"begun_at": 1}
LONG = PauseRecord(
    requested_by="a", reason="", requested_at=at(1), received_at=at(1), is_too_long=True
)
RELEASED = LONG.model_copy(update={"released_at": at(2)})
SHORT = LONG.model_copy(update={"is_too_long": False})
HELD = {"holds": [ConsentHold(since=at(1), reason="")]}


def an_alarm(kind: AlarmKind, **facts: Any) -> Alarm:
    known = {"id": "a", "severity": Severity.ERROR, "at": at(1), "what": "", "workflow_id": "w"}
    return Alarm(**{**known, "resource": "default", "recording": 1, "kind": kind, **facts})


@pytest.mark.parametrize(
    ("kind", "facts", "is_over"),
    [
        (K.EXPORT_LATE, {"chunks": [WAITS]}, False),
        (K.EXPORT_LATE, {"chunks": [THERE, WAITS]}, False),
        (K.EXPORT_LATE, {"chunks": [THERE, LOST]}, True),
        (K.ARCHIVE_CHANGED, {"chunks": [WAITS]}, False),
        (K.ARCHIVE_CHANGED, {"chunks": [THERE]}, True),
        (K.ARCHIVE_UNREACHABLE, {"undecided_since": at(1)}, False),
        (K.ARCHIVE_UNREACHABLE, {}, True),
        (K.ARCHIVE_UNREACHABLE, {"undecided_since": at(1), "state": "lost"}, True),
        (K.NO_FILE_EVENT, {**STOPPED, "state": "processing"}, False),
        (K.NO_FILE_EVENT, {**STOPPED, "state": "archiving", "chunks": [WAITS]}, True),
        (K.FALLBACK_USED, {"state": "archiving"}, False),
        (K.FALLBACK_USED, {"state": "archived"}, True),
        (K.NOT_SEALED, {}, False),
        (K.NOT_SEALED, {"sealed": A_SEAL}, True),
        (K.PAUSE_UNCONFIRMED, {"wanted": "paused", "sound": BEGUN}, False),
        (K.PAUSE_UNCONFIRMED, {"wanted": "active", "sound": BEGUN}, True),
        (K.PAUSE_UNCONFIRMED, {"wanted": "stopped", "sound": BEGUN}, False),
        (K.PAUSE_UNCONFIRMED, {"wanted": "paused"}, True),
        (K.PAUSE_UNCONFIRMED, {**STOPPED, "sound": BEGUN}, True),
        (K.PAUSE_TOO_LONG, {"pauses": [LONG]}, False),
        (K.PAUSE_TOO_LONG, {"pauses": [RELEASED, SHORT]}, True),
        (K.PAUSE_TOO_LONG, {"pauses": [LONG], **STOPPED}, True),
        (K.STATE_UNEXPECTED, {}, True),
        (K.STATE_UNEXPECTED, {"needs_read": True}, False),
        (K.STATE_UNEXPECTED, {"wanted": "paused"}, False),
        (K.STATE_UNEXPECTED, {"refused_operation": "pause"}, False),
        (K.STATE_UNEXPECTED, {"needs_read": True, **STOPPED}, True),
        (K.CONSENT_UNCLEAR, HELD, False),
        (K.CONSENT_UNCLEAR, {}, True),
        (K.CONSENT_UNCLEAR, {**HELD, **STOPPED}, True),
        (K.NOT_ANNOUNCED, HELD, False),
        (K.NOT_ANNOUNCED, {}, True),
        (K.CANCELLED, {}, False),
        (K.CANCELLED, STOPPED, True),
        (K.LOST, {"state": "archived", **STOPPED}, False),
    ],
)
def test_each_kind_is_over_once_nothing_is_to_be_feared_of_it_any_more(
    kind: AlarmKind, facts: dict[str, Any], is_over: bool
) -> None:
    status = a_call(a_recording(**facts))
    alarm = an_alarm(kind)
    assert alarm_ends.is_over(status, alarm) is is_over
    assert not alarm_ends.is_over(a_call(), alarm), "of what is not known nothing is over"


def test_a_silent_recording_is_no_danger() -> None:
    status = a_call(a_recording(silent(2), wanted="paused", sound=BEGUN))
    assert alarm_ends.is_over(status, an_alarm(K.PAUSE_UNCONFIRMED))


@pytest.mark.parametrize(
    ("chunk_index", "files", "is_over"),
    [
        (0, [THERE, a_chunk(1)], True),
        (0, [WAITS, a_chunk(1, state="archived")], False),
        (0, [THERE, a_chunk(0)], False),
        (None, [THERE, a_chunk(1)], False),
    ],
)
def test_an_alarm_of_a_file_is_over_with_every_document_of_its_index(
    chunk_index: int | None, files: list, is_over: bool
) -> None:
    status = a_call(a_recording(chunks=files))
    assert alarm_ends.is_over(status, an_alarm(K.EXPORT_LATE, chunk_index=chunk_index)) is is_over


@pytest.mark.parametrize(("state", "is_over"), [("announced", False), ("archived", True)])
def test_of_an_undecided_file_its_own_fate_decides(state: str, is_over: bool) -> None:
    status = a_call(a_recording(chunks=[a_chunk(state=state)], undecided_since=at(1)))
    alarm = an_alarm(K.ARCHIVE_UNREACHABLE, chunk_index=0)
    assert alarm_ends.is_over(status, alarm) is is_over


@pytest.mark.parametrize(
    ("number", "started", "is_over"), [(2, at(9), True), (2, None, False), (1, at(9), False)]
)
def test_a_start_that_failed_is_over_once_a_later_one_has_begun(
    number: int, started: Any, is_over: bool
) -> None:
    other = a_recording(number=number, started_at=started, recording_id="q")
    status = a_call(a_recording(recording_id="r"), other)
    alarm = an_alarm(K.FAILED_TO_START, recording_id="r")
    assert alarm_ends.is_over(status, alarm) is is_over


@pytest.mark.parametrize(
    ("recording_id", "number", "found"),
    [("r", 9, 1), (None, 2, 2), ("other", 1, None), (None, 9, None)],
)
def test_an_alarm_is_of_the_recording_with_its_id_or_else_its_number(
    recording_id: str | None, number: int, found: int | None
) -> None:
    status = a_call(a_recording(recording_id="r"), a_recording(number=2))
    alarm = an_alarm(K.LOST, recording_id=recording_id, recording=number)
    recording = alarm_ends.recording_of(status, alarm)
    assert (recording.number if recording else None) == found


@pytest.mark.parametrize(
    ("kind", "facts", "is_loss"),
    [
        (K.EXPORT_LATE, {"chunks": [LOST]}, True),
        (K.EXPORT_LATE, {"chunks": [THERE]}, False),
        (K.NO_FILE_EVENT, {"state": "lost"}, True),
        (K.NO_FILE_EVENT, {"state": "lost", "chunks": [THERE]}, False),
        (K.CANCELLED, {"state": "lost"}, False),
    ],
)
def test_an_alarm_about_files_that_are_lost_is_over_but_not_well(
    kind: AlarmKind, facts: dict[str, Any], is_loss: bool
) -> None:
    status, alarm = a_call(a_recording(**facts)), an_alarm(kind)
    assert alarm_ends.is_loss(status, alarm) is is_loss
    assert not alarm_ends.is_loss(a_call(), alarm)
    said = alarm_ends.in_words(status, alarm)
    assert said.startswith("recording 1: over, but not well" if is_loss else "recording 1: over: ")


@pytest.mark.parametrize(
    ("kind", "facts", "erased", "says"),
    [
        (K.EXPORT_LATE, {}, "", "recording 1: over: it is archived"),
        (K.EXPORT_LATE, {"chunk_index": 0}, "", "recording 1, chunk 0: over: it is archived"),
        (K.EXPORT_LATE, {}, "erased on request", "recording 1: over: erased on request"),
        (K.CANCELLED, {}, "erased on request", "recording 1: over: ACS has stopped the recording"),
        (K.EXPORT_LATE, {"recording": None}, "erased", "the call: over: it is archived"),
    ],
)
def test_that_it_is_over_is_said_of_the_thing_it_was_about(
    kind: AlarmKind, facts: dict[str, Any], erased: str, says: str
) -> None:
    status = a_call(a_recording(erased=erased))
    assert alarm_ends.in_words(status, an_alarm(kind, **facts)) == says


@pytest.mark.parametrize(("kind", "may_end"), [(K.EXPORT_LATE, True), (K.LOST, False)])
def test_only_a_kind_that_ends_by_itself_may_end_and_of_a_recording(
    kind: AlarmKind, may_end: bool
) -> None:
    assert alarm_ends.may_end(an_alarm(kind), a_recording()) is may_end
    assert not alarm_ends.may_end(an_alarm(kind), None)
