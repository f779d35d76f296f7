"""Is nothing claimed by a clock that did not see it, by the end of a call, or by what was asked?

Faults G4, G6 and G13.
"""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.events import RecordingStateChanged
from workflows.call import acs_answers, callbacks
from workflows.call.silence import STARTING_TIMEOUT

from .call import SECOND, agreed, awaiting, chunk, recording_call

MARKING: dict[str, Any] = {"on_withdrawal": "pause_and_mark"}
FROZEN = 6 * SECOND


def test_g4_a_pause_begins_when_its_proof_came_not_when_a_frozen_worker_took_its_task() -> None:
    """The worker stood still for 6 s within the task: for so long a "confirmed" pause was heard."""
    call = agreed(**MARKING)
    call.asks("pause")
    call.withdraws("ben")
    command = call.is_asked("pause")
    sent_at = call.now + FROZEN
    outcome = ControlResult(
        recording_id="recording-1",
        state="inactive",
        accepted_at=sent_at,
        sent_at=sent_at,
        read_at=sent_at + SECOND / 4,
        received_at=sent_at + SECOND / 2,
    )
    acs_answers.answered(call.life, command, outcome, call.now)
    proven_at = outcome.received_at
    [silent] = call.recording.silence.silent
    assert silent.since == proven_at
    assert {pause.confirmed_at for pause in call.recording.pauses if pause.is_open} == {proven_at}
    assert [mark.until for mark in call.recording.marked] == [proven_at]
    assert call.recording.silence.unconfirmed[-1].until == proven_at


def test_g4_where_a_worker_cannot_tell_when_the_proof_came_it_begins_no_sooner_than_read() -> None:
    call = recording_call()
    call.asks("pause")
    command = call.is_asked("pause")
    read_at = call.now + FROZEN
    outcome = ControlResult(recording_id="recording-1", state="inactive", read_at=read_at)
    acs_answers.answered(call.life, command, outcome, call.now)
    assert [silent.since for silent in call.recording.silence.silent] == [read_at]


@pytest.mark.parametrize("is_started", [True, False])
def test_g6_what_was_to_begin_paused_and_is_read_to_record_is_no_silence(is_started: bool) -> None:
    """ACS did not heed `pauseOnStart`, and nobody had consented: 50 minutes were recorded."""
    call = awaiting("all_parties", "ana", **MARKING).confirms("start")
    begun_at = call.recording.sound.begun_at
    assert begun_at is not None
    if is_started:
        call.polls("inactive", STARTING_TIMEOUT)
        assert call.recording.silence.silent
    found = call.polls("active", timedelta(minutes=1))
    assert found is not None, "an alarm says so"
    assert "records, although it was paused" in found
    assert call.next == "pause"
    doubt = call.recording.silence.unconfirmed[-1]
    assert (doubt.since, doubt.until) == (begun_at, None)
    assert doubt.is_finding
    assert call.recording.was_active
    call.confirms("pause")
    call.ends()
    call.confirms("stop")
    call.announced(chunk())
    assert call.recording.state != "declined", "it has a file"


def test_g13_that_a_recording_ended_is_no_evidence_of_a_pause_that_never_arrived() -> None:
    """The end is told as `inactive`, too: it was signed as ACS's own word for the pause."""
    call = recording_call()
    record = call.asks("pause", request_id="p")
    command = call.is_asked("pause")
    call.ticks()
    told = RecordingStateChanged(
        recording=1, recording_id="recording-1", state="inactive", at=call.now
    )
    callbacks.fold(call.life, call.alarms, told, call.ticks())
    gone = ControlResult(recording_id="recording-1", state="gone")
    acs_answers.answered(call.life, command, gone, call.ticks())
    [pause] = call.recording.pauses
    assert (pause.confirmed_at, pause.notified_at) == (None, None)
    assert record.notified_at is None
    assert record.state != "confirmed"
    assert call.recording.silence.silent == []
