"""The result of a call: the worst first, and of every file the newest word."""

from typing import Any

import pytest

from callvault.contracts.hold_messages import CallHold
from callvault.contracts.results import CallResult
from callvault.contracts.states import RecordingState
from tests.unit.call import POLICY, archived, chunk
from workflows.call import results
from workflows.call.chunks import ChunkKey

from .facts import A_SEAL, a_call, a_chunk, a_recording, at

KEY = ChunkKey.of(chunk(0))


def a_result(*states: str, index: int = 0) -> CallResult:
    """Make the result of a call whose files are in these states."""
    files = [
        a_chunk(n, state=state, archived=archived() if state == "archived" else None)
        for n, state in enumerate(states, index)
    ]
    return results.result_of(a_call(a_recording(chunks=files, state="archived", sealed=A_SEAL)))


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ([], "empty"),
        (["archived", "lost", "empty"], "lost"),
        (["archived", "failed_to_start"], "failed_to_start"),
        (["declined", "archived"], "declined"),
        (["erased", "archived"], "archived"),
        (["lost", "recording", "archived"], "recording"),
        (["recording", "processing", "lost"], "processing"),
    ],
)
def test_an_operator_sees_what_goes_on_or_else_the_worst(states: list[str], worst: str) -> None:
    status = a_call(*(a_recording(state=RecordingState(state)) for state in states))
    assert results.worst(status) == worst
    assert results.result_of(status).outcome == worst


@pytest.mark.parametrize(
    ("problem", "erased", "said"), [("", "", ""), ("500", "", "500"), ("", "asked", "asked")]
)
def test_what_is_amiss_is_said_or_that_it_was_erased(problem: str, erased: str, said: str) -> None:
    status = a_call(a_recording(problem=problem, erased=erased, state="lost"))
    assert results.result_of(status).recordings[0].problem == said
    both = a_call(a_recording(problem="500", erased="asked", state="lost"))
    assert results.result_of(both).recordings[0].problem == "500"


ARCHIVED = {"chunks": [a_chunk(state="archived", archived=archived())], "state": "archived"}
OVER = {"actual": "stopped", "wanted": "stopped", "stopped_at": at(20)}
A_HOLD = CallHold(recording_id="r", requested_by="counsel", reason="case 7", placed_at=at(1))


@pytest.mark.parametrize(
    ("recording", "call", "is_settled"),
    [
        ({"state": "empty"}, {}, True),
        ({**ARCHIVED, "sealed": A_SEAL}, {}, True),
        ({"state": "lost", "recording_id": "r"}, {}, True),
        ({"state": "recording", "actual": "active", "recording_id": "r"}, {}, False),
        # Each of these states is final, and something is left to do.
        ({"state": "failed_to_start", "looked_for_until": at(99)}, {}, False),
        ({"state": "empty", "sound": {"begun_at": 1}, "callback_recording_id": "r"}, {}, True),
        (
            {"state": "empty", "sound": {"begun_at": 1}, "callback_recording_id": "r"}
            | {"actual": "none"},
            {},
            False,
        ),
        (ARCHIVED, {}, False),
        ({"state": "empty"}, {"kept_until": at(99)}, False),
        ({"state": "empty"}, {"legal_holds": [A_HOLD]}, False),
        (
            {"state": "declined", "recording_id": "r", "was_active": True},
            {},
            False,
        ),
    ],
)
def test_a_call_is_settled_once_nothing_is_left_but_to_tell_of_it(
    recording: dict[str, Any], call: dict[str, Any], is_settled: bool
) -> None:
    """A run that was ended by force in a final state was taken over by nobody."""
    status = a_call(a_recording(**{**OVER, **recording}), policy=POLICY, **call)
    assert results.is_settled(status) is is_settled


def test_what_was_archived_before_is_told_with_what_is_known_now_once() -> None:
    earlier = a_result("archived", "archived")
    status = a_call(a_recording(chunks=[a_chunk(1)], state="archiving"))
    before = results.result_of(status, earlier).archived_before
    assert [file.index for file in before] == [0]
    assert results.result_of(status).archived_before == ()


def test_what_earlier_workflows_have_archived_is_known_by_its_key() -> None:
    assert results.archived_in(None) == {}
    assert results.archived_in(a_result("archived", "lost")) == {KEY: archived()}


def test_of_a_result_another_workflow_must_know_the_newest_files_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results, "MAX_CHUNKS", 2)
    alone = results.archived_alone(a_result("archived", "archived", "archived"))
    assert alone.recordings == ()
    assert [file.index for file in alone.archived_before] == [1, 2]
