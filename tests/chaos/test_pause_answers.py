"""Is an answer to a pause believed only where ACS was silent, and is nobody left untold?"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bench.chaos.pause_answers import answer_violations, pauses_of
from bench.chaos.workload import Answered, PlayedScenario
from callvault.contracts.alarms import AlarmKind

from .case import Trial

ASKED, ANSWERED = 100.0, 101.0
CONFIRMED = Answered("pause", "confirmed", ASKED, ANSWERED, "recording-1")


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def truth(*pauses: tuple[float, float], ended: float = 200.0) -> dict[str, Any]:
    return {
        "recordings": [
            {
                "recordingId": "recording-1",
                "endedAt": moment(ended),
                "pausedIntervals": [
                    {"startTime": moment(since), "duration": (until - since) * 1000}
                    for since, until in pauses
                ],
            }
        ]
    }


def played(*answers: Answered) -> PlayedScenario:
    return replace(Trial().played, answers=[*answers])


def said(answer: Answered, record: dict[str, Any], *kinds: AlarmKind) -> list[str]:
    alarms = [Trial().alarm(kind) for kind in kinds]
    return [each.what for each in answer_violations([played(answer)], {1: record}, alarms)]


def test_a_pause_that_was_silent_is_well_answered() -> None:
    assert said(CONFIRMED, truth((100.5, 130))) == []
    assert said(CONFIRMED, truth((50, 130))) == []


def test_a_recording_that_was_over_is_silent() -> None:
    assert said(CONFIRMED, truth(ended=100.9)) == []


@pytest.mark.parametrize("pauses", [(), [(102, 130)], [(50, 99)]])
def test_a_pause_is_not_confirmed_while_acs_records(pauses: list[tuple[float, float]]) -> None:
    what = "a pause was answered as confirmed, and ACS recorded on"
    assert said(CONFIRMED, truth(*pauses)) == [what]


def test_a_confirmed_pause_of_an_unknown_recording_is_not_believed() -> None:
    assert said(replace(CONFIRMED, recording_id="another"), truth((50, 130)))


def test_somebody_is_told_of_a_pause_that_acs_does_not_confirm() -> None:
    pending = replace(CONFIRMED, state="pending")
    what = "a pause was not confirmed in time, and nobody was told"
    assert said(pending, truth()) == [what]
    assert said(pending, truth(), AlarmKind.LOST) == [what]
    assert said(pending, truth(), AlarmKind.PAUSE_UNCONFIRMED) == []


def test_a_pause_that_was_silent_in_time_needs_no_alarm() -> None:
    assert said(replace(CONFIRMED, state="pending"), truth((100.5, 130))) == []


def test_other_requests_and_other_answers_promise_nothing() -> None:
    assert said(replace(CONFIRMED, operation="resume"), truth()) == []
    assert said(replace(CONFIRMED, state="refused"), truth()) == []
    assert pauses_of([played(CONFIRMED, replace(CONFIRMED, operation="stop"))]) == [CONFIRMED]
