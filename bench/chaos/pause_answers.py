"""Promises about the answers to pauses: confirmed means silent, anything else fails closed.

Compared with the emulator's own list of pauses, and with the alarms that were received.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from bench.chaos.violations import Violation
from bench.chaos.workload import Answered, PlayedScenario
from callvault.contracts.alarms import Alarm, AlarmKind

TOLERANCE = 0.5
"""Seconds by which the service's account of a pause is rounded, at either end."""
CONFIRMED, PENDING = "confirmed", "pending"


def pauses_of(played: Iterable[PlayedScenario]) -> list[Answered]:
    """List the answers to pauses."""
    return [answer for each in played for answer in each.answers if answer.operation == "pause"]


def answer_violations(
    played: Iterable[PlayedScenario], truths: Mapping[int, dict[str, Any]], alarms: Iterable[Alarm]
) -> Iterator[Violation]:
    """Yield the answers that were not true, and those of which nobody was told."""
    alarmed = {alarm.workflow_id for alarm in alarms if alarm.kind is AlarmKind.PAUSE_UNCONFIRMED}
    for each in played:
        number = each.scenario.number
        recordings = truths.get(number, {}).get("recordings", [])
        for answer in pauses_of([each]):
            # One that was silent in time needs no alarm, even if that was known too late to answer.
            if _was_silent(answer, recordings):
                continue
            if answer.state == CONFIRMED:
                yield Violation(number, "a pause was answered as confirmed, and ACS recorded on")
            elif answer.state == PENDING and each.workflow_id not in alarmed:
                yield Violation(number, "a pause was not confirmed in time, and nobody was told")


def _was_silent(answer: Answered, recordings: list[dict[str, Any]]) -> bool:
    """Tell if the recording was silent, or over, at a moment between question and answer."""
    for recording in recordings:
        if recording["recordingId"] == answer.recording_id:
            until = answer.answered_at + TOLERANCE
            return _seconds(recording["endedAt"]) <= until or any(
                begin <= until and end >= answer.asked_at - TOLERANCE
                for begin, end in _pauses(recording)
            )
    return False


def _pauses(recording: dict[str, Any]) -> Iterator[tuple[float, float]]:
    for pause in recording["pausedIntervals"]:
        begin = _seconds(pause["startTime"])
        yield begin, begin + pause["duration"] / 1000


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
