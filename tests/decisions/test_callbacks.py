"""Callbacks and readings: what each is believed, doubted or noted for."""

from datetime import datetime
from typing import Any

import pytest

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.states import Actual, Wanted
from tests.unit.call import SECOND, Call, paused_call, recording_call
from workflows.call import callbacks

from .facts import A_SEAL, a_recording, at, at_or_none, doubts_of, seconds

PAUSED_AGAIN = "ACS records, although it was paused: it is asked to pause again"
SURPRISE = "ACS recorded, although it was paused"


def tells(call: Call, state: str, when: datetime | None = None, **facts: Any) -> None:
    told = {"recording": 1, "recording_id": "recording-1", "at": when or call.now, **facts}
    event = RecordingStateChanged(state=state, **told)
    callbacks.fold(call.life, call.alarms, event, call.ticks())


def reads(call: Call, state: str, meanwhile: bool = False, **times: float | None) -> str | None:
    """Fold a reading; its times are in seconds after noon."""
    told = {name: at_or_none(value) for name, value in times.items()}
    seen = ControlResult(recording_id="recording-1", state=state, **told)
    fold = callbacks.observed_meanwhile if meanwhile else callbacks.observed
    return fold(call.life, call.recording, seen, call.ticks())


def in_state(call: Call, actual: Actual, wanted: Wanted = Wanted.ACTIVE, **facts: Any) -> Call:
    """Set what is known of the call's recording."""
    known = {"actual": actual, "wanted": wanted, **facts}
    for name, value in known.items():
        setattr(call.recording, name, value)
    return call


# Whose callback it is.


@pytest.mark.parametrize(
    ("facts", "is_taken"),
    [
        ({}, True),
        # Adopted: its start was asked for by a workflow that is forgotten, and counted otherwise.
        ({"recording": 2}, True),
        ({"recording": 2, "recording_id": "another"}, False),
        ({"recording_id": "another"}, False),
    ],
)
def test_a_callback_is_of_the_recording_with_its_id(facts: dict[str, Any], is_taken: bool) -> None:
    call = recording_call()
    tells(call, "active", **facts)
    number = facts.get("recording", 1)
    assert (f"a callback for recording {number} was of no use" in call.timeline) is not is_taken
    assert ("recording 1: ACS tells that it is active" in call.timeline) is is_taken


def test_an_id_that_is_known_is_no_news_of_a_start_that_has_none() -> None:
    """It was alarmed as if somebody forged callbacks."""
    call = recording_call()
    call.recording.recording_id = None
    adopted = a_recording(number=2, recording_id="adopted", adopted_at=at(0))
    call.life.status.recordings.append(adopted)
    tells(call, "active", recording=1, recording_id="adopted")
    assert call.life.status.recordings[0].callback_recording_id is None
    assert "recording 2: ACS tells that it is active" in call.timeline


def test_the_id_of_what_was_started_here_is_doubted_at_the_address_of_another_start() -> None:
    call = recording_call()
    call.life.status.recordings.append(a_recording(number=2, recording_id=None))
    own = call.recording.recording_id
    tells(call, "inactive", recording=2, recording_id=own)
    assert call.life.status.recordings[1].callback_recording_id == own
    assert "recording 1: ACS tells that it is inactive" not in call.timeline


def test_a_callback_is_of_no_recording_that_was_not_asked_for() -> None:
    call = recording_call()
    call.recording.origin = "announced"
    tells(call, "active")
    assert "a callback for recording 1 was of no use" in call.timeline


@pytest.mark.parametrize("is_signed", [True, False])
def test_an_id_that_a_callback_tells_before_the_start_is_answered_is_told_and_not_proven(
    is_signed: bool,
) -> None:
    call = Call()
    call.is_asked("start")
    tells(call, "active", is_signed=is_signed)
    assert call.recording.recording_id is None
    assert call.recording.callback_recording_id == "recording-1"
    assert call.recording.is_callback_signed is is_signed
    known = recording_call()
    tells(known, "active", is_signed=True)
    assert (known.recording.callback_recording_id, known.recording.is_callback_signed) == (
        None,
        False,
    )


# What a callback of sound does.


@pytest.mark.parametrize(
    ("state", "actual", "after"),
    [
        ("active", Actual.STARTING, Actual.ACTIVE),
        ("inactive", Actual.STARTING, Actual.STARTING),
        ("active", Actual.PAUSED, Actual.PAUSED),
    ],
)
def test_what_is_starting_has_begun_as_soon_as_acs_tells(
    state: str, actual: Actual, after: Actual
) -> None:
    call = in_state(Call().confirms("start"), actual)
    call.recording.was_active = False
    tells(call, state)
    assert call.recording.actual is after
    assert call.recording.was_active is (state == "active")
    assert (call.recording.known_at == call.now) is (after is Actual.ACTIVE)


@pytest.mark.parametrize(("told", "is_over"), [(0, False), (1, True)])
def test_a_pause_is_over_where_a_callback_takes_its_silence_back(told: int, is_over: bool) -> None:
    call = paused_call()
    call.recording.sound.sounds_told = told
    call.recording.sealed = A_SEAL
    tells(call, "active")
    assert (call.recording.sealed is None) is is_over, "its manifest claims that silence"
    [pause] = call.recording.pauses
    assert (pause.resumed_at is not None) is is_over
    assert bool(doubts_of(call.recording)[-1][2]) is is_over
    is_open = doubts_of(call.recording)[-1][1] is None
    assert is_open is is_over, "silence is wanted still"


@pytest.mark.parametrize(
    ("actual", "state", "when", "is_read"),
    [
        (Actual.NONE, "active", 20, True),
        (Actual.NONE, "inactive", 20, False),
        (Actual.PAUSED, "active", 20, True),
        (Actual.PAUSED, "active", 1, True),
        (Actual.PAUSED, "inactive", 20, False),
        (Actual.ACTIVE, "inactive", 11, True),
        (Actual.ACTIVE, "inactive", 10, False),
        (Actual.ACTIVE, "inactive", 9, False),
        (Actual.ACTIVE, "active", 20, False),
        (Actual.UNKNOWN, "active", 20, False),
        (Actual.UNKNOWN, "inactive", 20, False),
        (Actual.ACTIVE, "odd", 20, False),
    ],
)
def test_what_contradicts_what_is_known_is_read_of_silence_only_if_it_is_newer(
    actual: Actual, state: str, when: float, is_read: bool
) -> None:
    call = in_state(recording_call(), actual, known_at=at(10))
    tells(call, state, at(when))
    assert call.recording.needs_read is is_read


def test_silence_is_not_read_where_it_is_not_known_since_when_it_records() -> None:
    call = in_state(recording_call(), Actual.ACTIVE, known_at=None)
    tells(call, "inactive", at(20))
    assert not call.recording.needs_read


# A failure after the start was accepted.


@pytest.mark.parametrize(
    ("actual", "has_failed"),
    [(Actual.STARTING, True), (Actual.ACTIVE, False), (Actual.STOPPED, False)],
)
def test_a_start_that_failed_after_it_was_accepted_has_failed_unless_it_was_seen_to_record(
    actual: Actual, has_failed: bool
) -> None:
    call = in_state(Call().confirms("start"), actual)
    tells(call, "", problem="no licence")
    kinds = [each.alarm.kind for each in call.life.status.alarms]
    assert kinds == ["failed_to_start"] * has_failed
    told = "start failed: no licence" if has_failed else "ACS tells that it failed: no licence"
    assert f"recording 1: {told}" in call.timeline


@pytest.mark.parametrize("is_looked_for", [True, False])
def test_a_start_that_was_given_up_and_failed_is_looked_for_no_more(is_looked_for: bool) -> None:
    call = in_state(Call(), Actual.STOPPED, Wanted.STOPPED)
    call.recording.sound.begun_at = at(1)
    call.recording.looked_for_until = at(99) if is_looked_for else None
    tells(call, "", problem="no licence")
    assert call.recording.looked_for_until is None
    assert seconds(call.recording.sound.begun_at) == (None if is_looked_for else 1)
    id_kept = None if is_looked_for else "recording-1"
    assert call.recording.callback_recording_id == id_kept


# Evidence.


@pytest.mark.parametrize(
    ("operation", "state", "is_noted"),
    [
        ("pause", "inactive", True),
        ("pause", "active", False),
        ("resume", "active", True),
        ("resume", "inactive", False),
        ("stop", "inactive", False),
    ],
)
def test_a_callback_is_evidence_of_what_can_have_caused_it(
    operation: str, state: str, is_noted: bool
) -> None:
    call = paused_call() if operation == "resume" else recording_call()
    record = call.asks(operation)
    tells(call, state)
    assert (record.notified_at is not None) is is_noted


@pytest.mark.parametrize(("when", "is_noted"), [(-1, False), (0, True), (1, True)])
def test_a_request_is_not_the_cause_of_what_was_told_before_it(when: float, is_noted: bool) -> None:
    call = recording_call()
    record = call.asks("pause", reason="card")
    tells(call, "inactive", record.requested_at + when * SECOND)
    expected = record.requested_at + when * SECOND if is_noted else None
    assert record.notified_at == expected
    assert [pause.notified_at for pause in call.recording.pauses] == [expected]


def test_the_newest_request_has_the_evidence_and_keeps_the_first() -> None:
    call = recording_call()
    first, second = call.asks("pause", reason="1"), call.asks("pause", reason="2")
    tells(call, "inactive", call.now)
    told = call.now - SECOND
    tells(call, "inactive", call.now)
    assert (first.notified_at, second.notified_at) == (None, told)


def test_a_callback_is_no_evidence_of_another_recordings_request() -> None:
    call = recording_call()
    record = call.asks("pause")
    record.recording = 2
    tells(call, "inactive")
    assert record.notified_at is None
