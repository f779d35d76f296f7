"""Does an explanation say what is wrong, whose fault it is, and what helps, by names that exist?"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.main import get_command

from callvault.causes import Cause, blame_in
from callvault.cli.actions.call_view import CallView
from callvault.cli.actions.explain import Explanation, explain
from callvault.cli.actions.retry import why_not
from callvault.cli.main import app
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.states import RecordingState
from callvault.temporal.pending_activities import PendingActivity
from tests.deploy.conftest import ROOT

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAGE = (ROOT / "docs" / "operations.md").read_text()
ANCHORS = {
    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
}


def a_chunk(state: str, **facts: Any) -> dict[str, Any]:
    chunk = {"documentId": "d", "index": 0, "endReason": "SessionEnded"}
    return {
        "chunk": chunk,
        "state": state,
        "announcedAt": NOW,
        "retentionStartsAt": NOW,
        **facts,
    }


def a_recording(state: str = "archiving", **facts: Any) -> dict[str, Any]:
    return {
        "number": 1,
        "origin": "requested",
        "requestedAt": NOW,
        "state": state,
        "wanted": "stopped",
        "archive": "main",
        **facts,
    }


def a_pending(**facts: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "type": "export_chunk",
        "state": "waiting",
        "attempt": 3,
        "taskQueue": "recordings-export",
        "startedAt": NOW,
        "nextAttemptAt": NOW + timedelta(minutes=5),
        "lastFailure": "no space left",
        "fault": "archive",
        **facts,
    }


def a_view(
    *recordings: dict[str, Any],
    pending: tuple[dict[str, Any], ...] = (),
    alarms: tuple[dict[str, Any], ...] = (),
    answered: bool = True,
    **workflow: Any,
) -> CallView:
    state = recordings[0]["state"] if recordings else "archiving"
    shown = {
        "workflowId": "recording-1",
        "runId": "r",
        "status": "running",
        "startedAt": NOW,
        "closedAt": None,
        "state": state,
        "resource": "default",
        "expiresAt": NOW + timedelta(minutes=9),
        "isAtRisk": False,
        "isOrphan": False,
        "duties": 0,
        "recordingIds": (),
        "callIds": (),
        **workflow,
    }
    call = {
        "serverCallId": "call",
        "resource": "default",
        "recordings": recordings,
        "alarms": alarms,
    }
    return CallView.model_validate(
        {
            "workflow": shown,
            "pending": pending,
            "status": call,
            "isAnswered": answered,
            "problem": "" if answered else "no worker answers within 5 s",
        }
    )


def an_alarm(kind: AlarmKind, what: str = "what is wrong", **record: Any) -> dict[str, Any]:
    alarm = {
        "id": "a/1",
        "kind": kind,
        "severity": "error",
        "at": NOW,
        "what": what,
        "workflowId": "recording-1",
        "resource": "default",
    }
    return {"alarm": alarm, **record}


def told(explanation: Explanation) -> str:
    return "\n".join(f"{r.what} | {r.fault} | {r.do} | {r.runbook}" for r in explanation.reasons)


TERMINATED = {"status": "terminated", "closedAt": NOW}
FIRST = {"attempt": 1, "startedAt": None, "nextAttemptAt": None, "lastFailure": "", "fault": ""}

CASES: list[tuple[CallView, tuple[str, ...]]] = [
    (a_view(a_recording(), status="paused"), ("paused in Temporal", "temporal workflow unpause")),
    (a_view(a_recording(), **TERMINATED), ("terminated at 2026-03-02", "abandoned")),
    (a_view(a_recording(), answered=False), ("no worker answers", "no-worker-answers")),
    (
        a_view(a_recording(chunks=[a_chunk("announced")]), pending=(a_pending(),)),
        ("file 0 is announced", "no space left", "archive's storage", "12:05:00", "export-now"),
    ),
    (a_view(a_recording(), pending=(a_pending(**FIRST),)), ("waits for a worker", "yours to mend")),
    (
        a_view(a_recording(), pending=(a_pending(state="running", nextAttemptAt=None),)),
        ("Attempt 3 runs now", "no space left"),
    ),
    (
        a_view(a_recording(), pending=(a_pending(state="paused"),)),
        ("paused in Temporal before attempt 3",),
    ),
    (a_view(a_recording("recording")), ("is still on", "recordings stop")),
    (a_view(a_recording("paused")), ("is paused",)),
    (
        a_view(a_recording("processing", stoppedAt=NOW)),
        ("no event has announced", "since 2026-03-02", "callvault sweep", "no_file_event"),
    ),
    (
        a_view(
            a_recording(
                "lost", chunks=[a_chunk("lost", lostReason="no space left (fault: archive)")]
            )
        ),
        ("over: lost", "no space left", "archive's storage"),
    ),
    (a_view(a_recording("failed_to_start", problem="8522")), ("failed to start, 8522",)),
    (a_view(a_recording("declined", declined="no consent")), ("declined, no consent",)),
    (a_view(a_recording("empty")), ("nothing was recorded",)),
    (a_view(a_recording("archived")), ("is archived", "manifest is not written", "not_sealed")),
    (
        a_view(
            a_recording(
                "paused", wanted="active", holds=[{"since": NOW, "reason": "1 of 2 not agreed"}]
            )
        ),
        ("held back: 1 of 2 not agreed", "recordings consent"),
    ),
    (
        a_view(a_recording("recording"), alarms=(an_alarm(AlarmKind.PAUSE_UNCONFIRMED),)),
        ("Alarm pause_unconfirmed (error, 2026-03-02", "acknowledge", "pause_unconfirmed"),
    ),
    (a_view(state=""), ("Nothing was recorded of it so far",)),
]


@pytest.mark.parametrize(("view", "words"), CASES)
def test_each_reason_is_told_with_what_helps(view: CallView, words: tuple[str, ...]) -> None:
    explanation = explain(view, NOW)
    for each in words:
        assert each in told(explanation)
    for reason in explanation.reasons:
        assert not reason.runbook or reason.runbook in ANCHORS
        for command in reason.do:
            exists(command)


def test_an_error_of_then_is_not_told_beside_that_of_now() -> None:
    what = "chunk 0 is not archived. Its activity is at attempt 2 (waiting): full (fault: archive)"
    alarms = (an_alarm(AlarmKind.EXPORT_LATE, what),)
    away = a_pending(lastFailure="ACS is away", fault="service")
    shown = told(explain(a_view(a_recording(), pending=(away,), alarms=alarms), NOW))
    assert "chunk 0 is not archived." in shown
    assert "ACS is away" in shown
    assert "full" not in shown
    assert "archive's storage" not in shown
    assert "full" in told(explain(a_view(a_recording(), alarms=alarms), NOW)), "all that is known"


def test_an_alarm_that_is_over_is_no_reason() -> None:
    over = an_alarm(AlarmKind.CANCELLED, overAt=NOW)
    assert "cancelled" not in told(explain(a_view(a_recording(), alarms=(over,)), NOW))


def test_what_is_asked_to_stop_need_not_be_stopped() -> None:
    shown = told(explain(a_view(a_recording("stopping")), NOW))
    assert "is being stopped" in shown
    assert "recordings stop" not in shown


def exists(command: str) -> None:
    name, *words = command.split()
    if name == "temporal":
        return
    assert name == "callvault"
    group: Any = get_command(app)
    while hasattr(group, "commands"):
        assert words[0] in group.commands, command
        group = group.commands[words.pop(0)]


def test_every_state_is_explained() -> None:
    for state in RecordingState:
        held = [{"since": NOW, "reason": "consent is missing"}]
        facts = {"holds": held} if state is RecordingState.AWAITING_CONSENT else {}
        chunks = [a_chunk("announced")] if state is RecordingState.ARCHIVING else []
        assert explain(a_view(a_recording(state, chunks=chunks, **facts)), NOW).reasons, state


def test_the_time_left_is_said_first() -> None:
    assert "0 h 09 min 00 s left" in explain(a_view(a_recording()), NOW).summary
    late = explain(a_view(a_recording(), expiresAt=NOW - timedelta(hours=1)), NOW)
    assert "deadline has passed, at 2026-03-02 11:00:00 UTC" in late.summary
    over = a_view(a_recording("archived"), status="completed", closedAt=NOW)
    assert "over for Callvault since 2026-03-02" in explain(over, NOW).summary


def test_a_poll_that_waits_is_no_reason() -> None:
    poll = a_pending(type="poll_state", lastFailure="asking again later", fault="")
    assert "asking again" not in told(explain(a_view(a_recording(), pending=(poll,)), NOW))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"state": "paused"}, ""),
        ({"state": "running"}, "attempt 3 is running already"),
        (FIRST, "waits for a worker"),
        ({"type": "poll_state"}, "at intervals"),
        ({"type": "raise_alarm"}, "once more"),
    ],
)
def test_only_what_waits_for_a_time_tries_now(facts: dict[str, Any], why: str) -> None:
    assert why in why_not(PendingActivity.model_validate(a_pending(**facts)))
    assert bool(why) == bool(why_not(PendingActivity.model_validate(a_pending(**facts))))


def test_the_owner_of_an_error_is_read_from_its_sentence() -> None:
    said = "403 (fault: archive, cause: key) It has been so since noon."
    assert blame_in(said) == ("archive", Cause.KEY)
    assert blame_in("no owner") == ("", None)
