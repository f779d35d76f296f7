"""Does a promise break when requests, consent, answers, callbacks and time interleave at random?

Each promise is broken once on purpose, to see that the lives notice.
"""

from typing import Any

import pytest

from bench.interleavings.control_loop import FakeControlLoop
from bench.interleavings.simulation import Simulation, run
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus
from workflows.call import acs_answers, consent, consent_holds, lifecycle, request_records
from workflows.call.commands import Command, Operation
from workflows.call.consent_gate import ConsentGate
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle

from .call import NOON

LIVES = 800
NOTICED_WITHIN = 200


def is_noticed(what: str) -> bool:
    """Whether a life goes wrong in this way."""
    return any(what in problem for seed in range(NOTICED_WITHIN) if (problem := run(seed)))


def test_no_random_interleaving_breaks_a_promise() -> None:
    assert [problem for seed in range(LIVES) if (problem := run(seed))] == []


def test_a_guard_that_sleeps_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "next_due", lambda self: None)
    monkeypatch.setattr(Watchdog, "act", lambda self, now: None)
    assert is_noticed("nobody is told")


def test_a_quarantine_that_ends_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was when a refused pause ended the doubt, though the recording went on."""
    monkeypatch.setattr(Watchdog, "_is_allowed_again", lambda self, recording, since: True)
    assert is_noticed("doubtful")


def test_a_change_that_is_believed_without_an_answer_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if a pause were done as soon as it is asked for."""

    def believe(self: Lifecycle, command: Command) -> None:
        self.in_flight = command
        if command.operation == "pause":
            self.recording(command.recording).actual = Actual.PAUSED
            self.requests.close(self.recording(command.recording), NOON)

    monkeypatch.setattr(Lifecycle, "command_sent", believe)
    assert is_noticed("nobody is told")


def test_a_joiner_whom_nobody_asks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "present", lambda status: {"a" * 64})
    assert is_noticed("it is not held")


def test_a_hold_that_no_guard_minds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a service that hears no pause, which breaks no promise as long as somebody is told."""

    def is_deaf(self: FakeControlLoop) -> str:
        return "lost" if self.command and self.command.operation == "pause" else "answered"

    monkeypatch.setattr(FakeControlLoop, "_draw_delivery", is_deaf)
    assert not is_noticed("")
    monkeypatch.setattr(consent_holds, "pause", lambda *facts: None)
    assert is_noticed("nobody is told")


def test_a_hold_that_control_does_not_heed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordingStatus, "target", property(lambda self: self.wanted))
    assert is_noticed("without consent")


def test_a_gate_that_ends_a_pause_of_the_backend_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if given consent were a request to resume."""
    release = consent_holds._release

    def resume(recording: RecordingStatus, *facts: Any) -> str:
        recording.wanted = Wanted.ACTIVE
        return release(recording, *facts)

    monkeypatch.setattr(consent_holds, "_release", resume)
    assert is_noticed("consent has changed what a backend wants")


def test_a_resume_that_is_taken_without_consent_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse = request_records.refuse_control

    def take(operation: Operation, current: RecordingStatus | None) -> str | None:
        return None if operation is Operation.RESUME else refuse(operation, current)

    monkeypatch.setattr(lifecycle, "refuse_control", take)
    assert is_noticed("a resume without consent is not refused")


def test_a_declined_recording_that_sounds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if whoever gave up waiting might yet have recorded."""

    def all_held(self: ConsentGate) -> Any:
        for recording in self.status.recordings:
            if recording.is_held and recording.wanted != "stopped":
                yield recording.requested_at, recording

    monkeypatch.setattr(ConsentGate, "_waiting", all_held)
    assert is_noticed("what is declined was recorded")


def test_patience_without_an_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConsentGate, "act", lambda self, now: None)
    monkeypatch.setattr(ConsentGate, "next_due", lambda self: None)
    assert is_noticed("consent is awaited for too long")


def test_a_mark_that_ends_with_the_withdrawal_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ACS were silent by then."""
    mark = consent_holds.mark
    monkeypatch.setattr(
        consent_holds, "mark", lambda r, decision, _, now: mark(r, decision, False, now)
    )
    assert is_noticed("not marked")


def test_a_start_that_is_repeated_although_it_was_stopped_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it was when asking again forgot to look at what had come meanwhile."""
    monkeypatch.setattr(
        acs_answers, "retry_start", lambda call, *facts: setattr(call, "in_flight", None)
    )
    assert is_noticed("what is to be stopped")


def test_an_unannounced_start_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        RecordingStatus, "may_begin", property(lambda self: not self.waits_for_consent)
    )
    assert is_noticed("what is not announced is started")


def test_a_life_that_is_told_twice_is_the_same_life() -> None:
    first, second = Simulation(7), Simulation(7)
    first.run()
    second.run()
    assert first.model.call.status == second.model.call.status
