"""Alarms: when each falls due, how urgent it is, and what it says."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import CallStatus
from tests.policies import a_policy
from tests.unit.call import more
from workflows.call.alarms import Alarms

from .facts import a_call, a_chunk, a_recording, at, seconds

MINUTE = timedelta(minutes=1)
WINDOW = 60 * MINUTE
POLICY = a_policy(
    export_window=WINDOW,
    escalation_schedule=(10 * MINUTE, 20 * MINUTE, 50 * MINUTE),
    event_expected_within=5 * MINUTE,
)
FALLBACK = POLICY.model_copy(
    update={"fallback_archive": "other", "fallback_after": 15 * MINUTE, "archive": "main"}
)


def a_file(born: float = 0, **facts: Any) -> Any:
    """Make a file whose window began then, in seconds, and which was announced at that moment."""
    told = {"announced_at": at(born), "expires_at": at(born) + WINDOW, **facts}
    return a_chunk(0, retention_starts_at=at(born), **told)


def alarms_of(status: CallStatus) -> Alarms:
    return Alarms(status, "workflow")


def with_file(policy: Any = POLICY, **facts: Any) -> CallStatus:
    chunk = a_file(**facts.pop("file", {}))
    known = {"chunks": [chunk], "actual": "stopped", "wanted": "stopped", "archive": "main"}
    return a_call(a_recording(**{**known, **facts}), policy=policy)


def awaiting(**facts: Any) -> CallStatus:
    """Make a call whose recording has stopped at noon, and of which no file is announced."""
    known: dict[str, Any] = {
        "actual": "stopped",
        "wanted": "stopped",
        "state": RecordingState.PROCESSING,
        "requested_at": at(-100),
        "stopped_at": at(0),
        "recording_id": "r",
    }
    return a_call(a_recording(**{**known, **facts}), policy=POLICY)


def raised(status: CallStatus) -> list[tuple[str, str]]:
    return [(each.alarm.kind, each.alarm.severity) for each in status.alarms]


@pytest.mark.parametrize(
    ("escalations", "due"), [(0, 10 * 60), (1, 20 * 60), (2, 50 * 60), (3, None)]
)
@pytest.mark.parametrize("state", ChunkState)
def test_a_file_that_is_not_archived_is_alarmed_at_each_step_until_the_last(
    escalations: int, due: float | None, state: ChunkState
) -> None:
    status = with_file(file={"escalations": escalations, "state": state})
    expected = due if state is ChunkState.ANNOUNCED else None
    assert seconds(alarms_of(status).next_due()) == expected


@pytest.mark.parametrize(
    ("escalations", "due"),
    [(0, 5 * 60), (1, 10 * 60), (2, 20 * 60), (3, 50 * 60), (4, None)],
)
def test_missing_files_are_alarmed_soon_and_then_at_each_step(
    escalations: int, due: float | None
) -> None:
    assert seconds(alarms_of(awaiting(escalations=escalations)).next_due()) == due


@pytest.mark.parametrize(
    ("facts", "is_due"),
    [
        ({}, True),
        ({"actual": "active"}, False),
        ({"window_closed": True}, False),
        ({"state": RecordingState.EMPTY}, False),
        ({"state": RecordingState.DECLINED}, False),
        ({"chunks": [a_chunk(0, state=ChunkState.ARCHIVED)]}, False),
        ({"chunks": [a_chunk(0, chunk=more(0), state=ChunkState.ARCHIVED)]}, True),
    ],
)
def test_files_are_missing_of_what_is_over_while_they_may_still_come(
    facts: dict[str, Any], is_due: bool
) -> None:
    assert (alarms_of(awaiting(**facts)).next_due() is not None) is is_due


def test_an_end_that_nobody_told_counts_from_the_request() -> None:
    assert seconds(alarms_of(awaiting(stopped_at=None)).next_due()) == 5 * 60 - 100


@pytest.mark.parametrize(
    ("policy", "file", "changes", "due"),
    [
        (POLICY, {}, 0, None),
        (FALLBACK, {}, 0, 15 * 60),
        (FALLBACK, {}, 1, None),
        (FALLBACK, {"state": ChunkState.LOST}, 0, None),
        # Announced ten minutes before its end, it has the last chance of ten, and the first
        # archive half of that.
        (FALLBACK, {"announced_at": at(50 * 60)}, 0, 55 * 60),
        (FALLBACK, {"announced_at": at(58 * 60)}, 0, 63 * 60),
        (FALLBACK, {"announced_at": at(20 * 60)}, 0, 35 * 60),
        (FALLBACK, {"announced_at": at(20 * 60), "expires_at": None}, 0, 25 * 60),
    ],
)
def test_a_file_takes_its_recording_to_the_fallback_once(
    policy: Any, file: dict[str, Any], changes: int, due: float | None
) -> None:
    status = with_file(policy, file={"escalations": 3, **file}, archive_changes=changes)
    assert seconds(alarms_of(status).next_due()) == due
    if due is not None:
        alarms_of(status).raise_due(at(due - 1))
        assert status.recordings[0].archive == "main"
        alarms_of(status).raise_due(at(due))
        assert status.recordings[0].archive == "other"


def test_without_settings_nothing_falls_due() -> None:
    status = with_file(None)
    alarms_of(status).raise_due(at(99_999))
    assert (alarms_of(status).next_due(), status.alarms) == (None, [])


@pytest.mark.parametrize(
    ("minutes", "severity", "escalations", "says"),
    [
        (10, "warning", 1, "may be deleted in 50 min"),
        (15, "error", 1, "may be deleted in 45 min"),
        (20, "error", 2, "may be deleted in 40 min"),
        (50, "critical", 3, "may be deleted in 10 min"),
        (59.5, "critical", 3, "may be deleted in 0 min"),
        (60, "critical", 3, "may be deleted any moment"),
    ],
)
def test_an_alarm_of_a_file_says_how_long_it_is_still_there(
    minutes: float, severity: str, escalations: int, says: str
) -> None:
    status = with_file()
    alarms_of(status).raise_due(at(minutes * 60))
    assert raised(status) == [("export_late", severity)]
    assert says in status.alarms[0].alarm.what
    assert status.recordings[0].chunks[0].escalations == escalations
    alarms_of(status).raise_due(at(minutes * 60))
    assert len(status.alarms) == 1, "once at each step"


@pytest.mark.parametrize(
    ("minutes", "severity", "escalations"),
    [
        (5, "warning", 1),
        (10, "warning", 2),
        (15, "error", 2),
        (20, "error", 3),
        (50, "critical", 4),
    ],
)
def test_an_alarm_of_missing_files_is_as_urgent_as_they_are_late(
    minutes: float, severity: str, escalations: int
) -> None:
    status = awaiting()
    alarms_of(status).raise_due(at(minutes * 60 - 1))
    status.alarms.clear()
    alarms_of(status).raise_due(at(minutes * 60))
    [record] = status.alarms or [None]
    recording = status.recordings[0]
    if record is not None:
        assert (record.alarm.kind, record.alarm.severity) == ("no_file_event", severity)
    assert recording.escalations == escalations


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], "it ended 5 min ago, and no file is announced"),
        ([a_chunk(0, chunk=more(0), state="archived")], "and only 1 of its files are announced"),
    ],
)
def test_an_alarm_of_missing_files_says_how_many_are_known(files: list, says: str) -> None:
    status = awaiting(chunks=files)
    alarms_of(status).raise_due(at(5 * 60))
    assert says in status.alarms[0].alarm.what


@pytest.mark.parametrize(
    ("policy", "before", "changes", "after"),
    [
        (POLICY, "main", 0, None),
        (FALLBACK.model_copy(update={"fallback_archive": "main"}), "main", 0, None),
        (FALLBACK, "main", 0, "other"),
        (FALLBACK, "other", 1, "main"),
        (FALLBACK, "main", 2, None),
        (None, "main", 0, None),
    ],
)
def test_a_recording_changes_its_archive_to_the_fallback_and_once_back(
    policy: Any, before: str, changes: int, after: str | None
) -> None:
    status = with_file(policy, archive=before, archive_changes=changes)
    recording = status.recordings[0]
    recording.chunks[0].state = ChunkState.ARCHIVED
    alarms_of(status).change_archive(recording, "it is full", at(9))
    assert recording.archive == (after or before)
    assert recording.archive_changes == changes + (after is not None)
    told = f"recording 1: it goes to archive {after} instead of {before}: it is full"
    assert [each.alarm.what for each in status.alarms] == ([told] if after else [])
    assert (recording.chunks[0].state is ChunkState.ANNOUNCED) is (after is not None)
