"""Does a promise break when requests, answers, callbacks and time interleave at random?"""

import pytest

from bench import interleavings
from bench.interleavings import Life, play
from workflows.guards import Watch
from workflows.lifecycle import Lifecycle

LIVES = 1_500


def test_no_random_interleaving_breaks_a_promise() -> None:
    assert [problem for seed in range(LIVES) if (problem := play(seed))] == []


def test_a_guard_that_sleeps_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "next_due", lambda self: None)
    monkeypatch.setattr(Watch, "act", lambda self, now: None)
    assert any(play(seed) for seed in range(300))


def test_a_quarantine_that_ends_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was when a refused pause ended the doubt, though the recording went on."""
    monkeypatch.setattr(Watch, "_may_record", lambda self, recording, since: True)
    assert any("doubtful" in (play(seed) or "") for seed in range(300))


def test_a_change_that_is_believed_without_an_answer_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if a pause were done as soon as it is asked for."""

    def believe(self: Lifecycle, control: interleavings.Control) -> None:
        self.in_flight = control
        if control.verb == "pause":
            self.recording(control.recording).actual = interleavings.Actual.PAUSED
            self.requests.close(self.recording(control.recording), interleavings.NOON)

    monkeypatch.setattr(Lifecycle, "asked", believe)
    assert any(play(seed) for seed in range(300))


def test_a_life_that_is_told_twice_is_the_same_life() -> None:
    first, second = Life(7), Life(7)
    first.play()
    second.play()
    assert first.call.status == second.call.status
