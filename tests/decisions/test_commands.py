"""Commands: what is asked of ACS next, and what serves no more, for every pair of states."""

import pytest

from callvault.contracts.consent import Announcement, ConsentHold, ConsentTerms
from callvault.contracts.states import Actual, Wanted
from workflows.call.commands import Command, Operation, next_operation, still_serves

from .facts import a_recording, at

ACTIVE, PAUSED, STOPPED = Wanted.ACTIVE, Wanted.PAUSED, Wanted.STOPPED


@pytest.mark.parametrize(
    ("actual", "wanted", "operation"),
    [
        (Actual.NONE, ACTIVE, "start"),
        (Actual.NONE, PAUSED, "start"),
        (Actual.STARTING, ACTIVE, "confirm"),
        (Actual.STARTING, PAUSED, "pause"),
        (Actual.STARTING, STOPPED, "stop"),
        (Actual.ACTIVE, ACTIVE, None),
        (Actual.ACTIVE, PAUSED, "pause"),
        (Actual.ACTIVE, STOPPED, "stop"),
        (Actual.PAUSED, ACTIVE, "resume"),
        (Actual.PAUSED, PAUSED, None),
        (Actual.PAUSED, STOPPED, "stop"),
        (Actual.UNKNOWN, ACTIVE, "resume"),
        (Actual.UNKNOWN, PAUSED, "pause"),
        (Actual.UNKNOWN, STOPPED, "stop"),
    ],
)
def test_acs_is_asked_for_what_brings_it_nearer_to_what_is_wanted(
    actual: Actual, wanted: Wanted, operation: str | None
) -> None:
    recording = a_recording(actual=actual, wanted=wanted)
    assert next_operation(recording) == operation
    recording.needs_read = True
    assert next_operation(recording) == (operation or "read")


def test_a_hold_makes_paused_the_target_and_leaves_what_is_wanted() -> None:
    recording = a_recording(holds=[ConsentHold(since=at(1), reason="")])
    assert next_operation(recording) == "pause"
    recording.holds[0].until = at(2)
    assert next_operation(recording) is None


@pytest.mark.parametrize(
    ("before", "is_held", "answered", "begins"),
    [
        ("wait", True, None, False),
        ("wait", False, None, True),
        ("paused", True, None, True),
        ("paused", False, False, False),
        ("paused", False, True, True),
    ],
)
def test_a_recording_begins_once_it_is_announced_and_does_not_wait_for_consent(
    before: str, is_held: bool, answered: bool | None, begins: bool
) -> None:
    recording = a_recording(
        actual=Actual.NONE,
        consent=ConsentTerms(before_consent=before),
        holds=[ConsentHold(since=at(1), reason="", until=None if is_held else at(2))],
    )
    if answered is not None:
        recording.announcement = Announcement(
            requested_at=at(0), answered_at=at(1) if answered else None
        )
    assert next_operation(recording) == ("start" if begins else None)


@pytest.mark.parametrize(
    ("operation", "actual", "wanted", "serves"),
    [
        ("start", Actual.NONE, STOPPED, True),
        ("stop", Actual.ACTIVE, STOPPED, True),
        ("adopt", Actual.STOPPED, STOPPED, True),
        ("confirm", Actual.STARTING, ACTIVE, True),
        ("confirm", Actual.STARTING, PAUSED, False),
        ("confirm", Actual.ACTIVE, ACTIVE, False),
        ("read", Actual.PAUSED, PAUSED, True),
        ("read", Actual.PAUSED, ACTIVE, False),
        ("pause", Actual.ACTIVE, PAUSED, True),
        ("pause", Actual.ACTIVE, ACTIVE, False),
        ("resume", Actual.PAUSED, ACTIVE, True),
        ("resume", Actual.PAUSED, STOPPED, False),
    ],
)
def test_what_acs_is_asked_serves_until_something_else_is_wanted(
    operation: str, actual: Actual, wanted: Wanted, serves: bool
) -> None:
    command = Command(1, Operation(operation))
    assert still_serves(command, a_recording(actual=actual, wanted=wanted)) is serves


@pytest.mark.parametrize("operation", Operation)
def test_a_start_and_a_resume_make_sound(operation: Operation) -> None:
    assert Command(1, operation).makes_sound is (operation in ("start", "resume"))
