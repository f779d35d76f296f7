"""The state of a recording, as it is derived: each state, each deadline, at its boundary."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.consent import ConsentHold
from callvault.contracts.states import RecordingState
from tests.policies import a_policy
from tests.unit.call import chunk, more
from workflows.call import recording_state

from .facts import a_call, a_chunk, a_recording, at, at_or_none, seconds

HELD = [ConsentHold(since=at(1), reason="")]
WINDOW = timedelta(seconds=100)
POLICY = a_policy(export_window=WINDOW, archive="main")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"actual": "none"}, "starting"),
        ({"actual": "starting"}, "starting"),
        ({"actual": "active"}, "recording"),
        ({"actual": "unknown"}, "recording"),
        ({"actual": "paused"}, "paused"),
        ({"actual": "active", "wanted": "stopped"}, "stopping"),
        ({"actual": "none", "holds": HELD}, "awaiting_consent"),
        ({"actual": "paused", "holds": HELD}, "awaiting_consent"),
        ({"actual": "active", "holds": HELD}, "recording"),
        ({"actual": "paused", "holds": HELD, "consented_at": at(2)}, "paused"),
        ({"actual": "none", "holds": HELD, "wanted": "stopped"}, "stopping"),
    ],
)
def test_while_it_is_on_the_state_is_what_acs_does(facts: dict[str, Any], state: str) -> None:
    assert recording_state.state_of(a_recording(**facts)) == state


OVER = {"actual": "stopped", "wanted": "stopped"}
BEGUN = {"recording_id": "r", "was_active": True}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "empty"),
        ({"problem": "500"}, "failed_to_start"),
        ({"declined": "no consent"}, "declined"),
        ({"declined": "no consent", "was_active": True, "recording_id": "r"}, "processing"),
        ({**BEGUN}, "processing"),
        ({**BEGUN, "window_closed": True}, "lost"),
        ({"recording_id": "r", "window_closed": True}, "empty"),
        ({**BEGUN, "chunks": [a_chunk()]}, "archiving"),
        ({**BEGUN, "chunks": [a_chunk(state="archived")]}, "archived"),
        ({**BEGUN, "chunks": [a_chunk(state="lost")]}, "lost"),
        ({"declined": "no", "chunks": [a_chunk(state="archived")]}, "archived"),
        ({**BEGUN, "chunks": [a_chunk(1, state="archived")]}, "archiving"),
        ({**BEGUN, "chunks": [a_chunk(1, state="archived")], "window_closed": True}, "lost"),
        ({**BEGUN, "chunks": [a_chunk(1)], "window_closed": True}, "archiving"),
        ({"erased": "on request"}, "erased"),
        ({"erased": "on request", "chunks": [a_chunk(state="erased")]}, "erased"),
        ({"erased": "on request", "chunks": [a_chunk(state="archived")]}, "archived"),
        ({"chunks": [a_chunk(state="erased")]}, "archived"),
    ],
)
def test_once_it_is_over_the_state_is_what_the_archive_holds(
    facts: dict[str, Any], state: str
) -> None:
    assert recording_state.state_of(a_recording(**OVER, **facts)) == state


@pytest.mark.parametrize(
    ("reason", "has_ended"),
    [
        ("", False),
        ("SessionStillOngoing", False),
        ("sessionstillongoing", False),
        ("CallEnded", True),
    ],
)
def test_a_session_has_ended_if_an_event_gave_a_reason(reason: str, has_ended: bool) -> None:
    recording = a_recording(session_end_reason=reason)
    assert recording_state.session_has_ended(recording) is has_ended


@pytest.mark.parametrize(
    ("facts", "is_awaiting"),
    [
        ({"state": "processing"}, True),
        ({"state": "processing", "actual": "active"}, False),
        ({"state": "processing", "window_closed": True}, False),
        ({"state": "archiving", "chunks": [a_chunk()]}, False),
        ({"state": "archiving", "chunks": [a_chunk(chunk=more(0))]}, True),
        ({"state": "empty"}, False),
        ({"state": "declined"}, False),
        ({"state": "declined", "recording_id": "r"}, True),
        ({"state": "lost", "recording_id": "r"}, False),
    ],
)
def test_files_are_awaited_of_what_is_over_until_all_are_there(
    facts: dict[str, Any], is_awaiting: bool
) -> None:
    recording = a_recording(**{**OVER, **facts})
    assert recording_state.is_awaiting(recording) is is_awaiting
    assert (recording_state.awaited_until(recording, WINDOW) is not None) is is_awaiting


@pytest.mark.parametrize(
    ("stopped", "files", "until"),
    [
        (30, [], 130),
        (None, [], 100),
        (None, [a_chunk(chunk=more(0), retention_starts_at=at(7))], 107),
        (None, [a_chunk(n, chunk=more(n), retention_starts_at=at(n)) for n in (3, 8, 5)], 108),
        (30, [a_chunk(chunk=more(0), retention_starts_at=at(99))], 130),
    ],
)
def test_files_are_awaited_for_a_window_after_the_last_sign_of_the_recording(
    stopped: float | None, files: list, until: float
) -> None:
    known = {**OVER, "state": "processing", "stopped_at": at_or_none(stopped), "chunks": files}
    assert seconds(recording_state.awaited_until(a_recording(**known), WINDOW)) == until


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], "no file was announced before the export window closed"),
        ([a_chunk()], ""),
        ([a_chunk(3), a_chunk(1), a_chunk(3)], "only chunks 1, 3 were announced before the export"),
    ],
)
def test_which_files_are_missing_is_said(files: list, says: str) -> None:
    told = recording_state.describe_missing(a_recording(chunks=files))
    assert told.startswith(says)
    assert bool(told) is bool(says)


@pytest.mark.parametrize(
    ("facts", "is_at_risk"),
    [
        ({"state": "recording"}, False),
        ({"state": "lost"}, True),
        ({"state": "processing", "escalations": 1}, True),
        ({"state": "archived", "escalations": 1}, False),
        ({"state": "archiving", "chunks": [a_chunk(escalations=1)]}, True),
        ({"state": "archiving", "chunks": [a_chunk()]}, False),
        ({"state": "archiving", "chunks": [a_chunk(escalations=1, state="archived")]}, False),
        ({"state": "archived", "chunks": [a_chunk(escalations=1)]}, False),
    ],
)
def test_a_call_is_at_risk_while_a_file_of_it_is_late_and_once_one_is_lost(
    facts: dict[str, Any], is_at_risk: bool
) -> None:
    status = a_call(a_recording(state="archived"), a_recording(**facts))
    assert recording_state.is_at_risk(status) is is_at_risk


@pytest.mark.parametrize(
    ("origin", "archive_only", "is_only_archived"),
    [("announced", True, True), ("announced", False, False), ("requested", True, False)],
)
def test_what_the_settings_say_is_taken_over_once_they_are_known(
    origin: str, archive_only: bool, is_only_archived: bool
) -> None:
    recording = a_recording(origin=origin, chunks=[a_chunk()], **OVER)
    status = a_call(recording)
    recording_state.refresh(status, recording)
    assert (recording.archive, recording.chunks[0].expires_at) == ("", None)
    assert (recording.expires_at, recording.archive_only) == (None, False)
    status.policy = POLICY.model_copy(update={"archive_only": archive_only})
    recording_state.refresh(status, recording)
    assert (recording.archive, recording.archive_only) == ("main", is_only_archived)
    assert seconds(recording.chunks[0].expires_at) == 110
    recording.archive = "other"
    recording_state.refresh(status, recording)
    assert recording.archive == "other"


@pytest.mark.parametrize(
    ("facts", "expires"),
    [
        ({"chunks": [a_chunk(), a_chunk(chunk=chunk(0, document="d2"))]}, 110),
        ({"chunks": [a_chunk(retention_starts_at=at(5)), a_chunk(1)]}, 105),
        ({"chunks": [a_chunk(state="archived")]}, None),
        ({"recording_id": "r", "stopped_at": at(3)}, 103),
        ({"recording_id": "r", "stopped_at": at(30), "chunks": [a_chunk(chunk=more(0))]}, 110),
        ({"recording_id": "r", "stopped_at": at(3), "chunks": [a_chunk(chunk=more(0))]}, 103),
        ({"recording_id": "r", "actual": "active"}, None),
    ],
)
def test_the_nearest_deadline_is_that_of_the_first_file_or_of_the_wait_for_more(
    facts: dict[str, Any], expires: float | None
) -> None:
    recording = a_recording(**{**OVER, **facts})
    recording_state.refresh(a_call(recording, policy=POLICY), recording)
    assert seconds(recording.expires_at) == expires


@pytest.mark.parametrize("state", RecordingState)
def test_a_state_is_final_once_nothing_more_can_come_of_it(state: RecordingState) -> None:
    going_on = {"awaiting_consent", "starting", "recording", "paused", "stopping"}
    assert state.is_final is (state not in going_on | {"processing", "archiving"})


@pytest.mark.parametrize(
    ("facts", "is_on"),
    [
        ({}, True),
        ({"session_end_reason": "SessionStillOngoing"}, True),
        ({"session_end_reason": "CallEnded"}, False),
        ({"chunks": [a_chunk(1)]}, True),
        ({"chunks": [a_chunk(0)]}, False),
        ({"window_closed": True}, False),
        ({"origin": "requested"}, False),
    ],
)
def test_what_was_announced_alone_goes_on_until_its_end_is_told(
    facts: dict[str, Any], is_on: bool
) -> None:
    assert recording_state.goes_on(a_recording(**{"origin": "announced", **facts})) is is_on
