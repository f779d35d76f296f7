"""What an event of a recording says: times, silence, ends, its id and its place in the order."""

from typing import Any

import pytest

from callvault.contracts.recording_events import EventKind, RecordingEvent, ToldEvents
from callvault.contracts.silence import SilenceAccount, SilentInterval, UnconfirmedInterval
from callvault.contracts.status import RecordingStatus
from tests.unit.call import archived
from workflows.call import recording_events

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, at_or_none, doubtful, seconds, silent

NOW = 60
LOST, PAUSED, RESUMED = EventKind.LOST, EventKind.PAUSED, EventKind.RESUMED
STARTED, STOPPED = EventKind.STARTED, EventKind.STOPPED


def made(
    recording: RecordingStatus, kind: EventKind, *, told: ToldEvents | None = None
) -> RecordingEvent:
    status = a_call(recording, told={} if told is None else {recording.number: told})
    return recording_events.make(status, recording, kind, "w", at(NOW))


# Of a recording that goes on.


@pytest.mark.parametrize(
    ("kind", "started", "stopped", "told_at"),
    [
        (STARTED, 3, 30, 3),
        (STARTED, None, 30, NOW),
        (STOPPED, 3, 30, 30),
        (STOPPED, 3, None, NOW),
        (PAUSED, 3, 30, NOW),
        (LOST, 3, 30, NOW),
    ],
)
def test_a_beginning_and_a_stop_have_their_own_time_if_it_is_known(
    kind: EventKind, started: float | None, stopped: float | None, told_at: float
) -> None:
    known = {"started_at": at_or_none(started), "stopped_at": at_or_none(stopped)}
    event = made(a_recording(**known, recording_id="r"), kind)
    assert (event.kind, seconds(event.at)) == (kind, told_at)
    assert (event.silent_since, event.is_retracted, event.proof) == (None, False, "")
    assert (event.is_final, bool(event.facts)) == (kind is LOST, kind is LOST)


@pytest.mark.parametrize(
    ("silences", "told_since", "since"),
    [
        ([silent(5)], None, 5),
        ([silent(5, 9), silent(12)], None, 5),
        ([silent(5, 9), silent(12)], 5, 12),
        ([silent(5, 9), silent(12)], 4, 5),
        ([silent(5, 9), silent(12)], 12, None),
    ],
)
def test_a_pause_is_told_from_its_proof_on(
    silences: list[SilentInterval], told_since: float | None, since: float | None
) -> None:
    told = ToldEvents(silent_since=at_or_none(told_since))
    event = made(a_recording(*silences, started_at=at(1), stopped_at=at(2)), PAUSED, told=told)
    assert (seconds(event.at), seconds(event.silent_since)) == (since or NOW, since)
    assert (event.proof, event.silent_until) == ("read" if since else "", None)


def finding(since: float, until: float | None = None) -> UnconfirmedInterval:
    return doubtful(since, until, is_finding=True)


@pytest.mark.parametrize(
    ("silences", "doubts", "until", "is_retracted"),
    [
        ([silent(5, 9)], [], 9, False),
        ([silent(5)], [], None, False),
        ([], [], None, True),
        ([silent(6, 9)], [], None, True),
        ([silent(5, 9), silent(12)], [], 9, False),
        ([silent(5, 9)], [finding(9)], 9, True),
        ([silent(5, 9)], [finding(9, 12)], 9, True),
        ([silent(5, 9)], [finding(10)], 9, False),
        ([silent(5, 9)], [finding(8, 9)], 9, True),
        ([silent(5, 9)], [finding(7, 8)], 9, False),
        ([silent(5, 9)], [doubtful(9)], 9, False),
        ([silent(5, 9)], [doubtful(1, 3), finding(9)], 9, True),
    ],
)
def test_a_resume_is_told_as_sound_was_sent_for_or_with_the_silence_that_was_none(
    silences: list[SilentInterval],
    doubts: list[UnconfirmedInterval],
    until: float | None,
    is_retracted: bool,
) -> None:
    recording = a_recording(*silences, doubts=tuple(doubts), started_at=at(1), stopped_at=at(2))
    event = made(recording, RESUMED, told=ToldEvents(silent_since=at(5), is_silent=True))
    assert (seconds(event.at), seconds(event.silent_since)) == (until or NOW, 5)
    assert (seconds(event.silent_until), event.is_retracted) == (until, is_retracted)


# Of an end.


@pytest.mark.parametrize(
    ("declined", "problem", "erased", "reason"),
    [
        ("", "", "", ""),
        ("declined", "", "", "declined"),
        ("", "problem", "", "problem"),
        ("", "", "erased", "erased"),
        ("declined", "problem", "erased", "declined"),
        ("", "problem", "erased", "problem"),
    ],
)
def test_an_end_has_its_reason(declined: str, problem: str, erased: str, reason: str) -> None:
    recording = a_recording(declined=declined, problem=problem, erased=erased)
    assert made(recording, LOST).reason == reason


@pytest.mark.parametrize(
    ("states", "archive"),
    [
        ([], ""),
        (["lost"], ""),
        (["archived"], "main"),
        (["archived", "lost"], "main"),
        (["lost", "archived"], "main"),
    ],
)
def test_an_end_names_the_archive_that_has_a_file(states: list[str], archive: str) -> None:
    copies = [archived() if state == "archived" else None for state in states]
    files = [
        a_chunk(index, state=state, archived=copy, lost_reason="404" if copy is None else "")
        for index, (state, copy) in enumerate(zip(states, copies, strict=True))
    ]
    event = made(a_recording(chunks=files, archive="main"), LOST)
    assert event.archive == archive
    assert [(file.index, file.state) for file in event.files] == list(enumerate(states))
    for file, copy in zip(event.files, copies, strict=True):
        assert file.lost_reason == ("404" if copy is None else "")
        told = (file.object_name, file.location, file.size, file.sha256)
        known = copy and (copy.object_name, copy.location, copy.size, copy.sha256)
        assert told == (known or (None,) * 4)


@pytest.mark.parametrize("name", [None, "0.json"])
def test_an_end_names_the_metadata_of_a_file_that_has_some(name: str | None) -> None:
    copy = archived().model_copy(update={"metadata_object_name": name})
    event = made(a_recording(chunks=[a_chunk(0, archived=copy)]), LOST)
    assert [file.metadata_object_name for file in event.files] == [name]


THEIRS = SilenceAccount(silent=[silent(6)])


@pytest.mark.parametrize("account", [None, THEIRS])
def test_an_end_has_its_manifest_with_what_that_says(account: SilenceAccount | None) -> None:
    said = {"findings": ("a gap",), "silence": account, "key_id": "key"}
    seal = A_SEAL.model_copy(update=said)
    recording = a_recording(silent(5), sealed=seal)
    event = made(recording, LOST)
    assert event.manifest is not None
    assert dict(event.manifest).items() <= dict(seal).items()
    assert (event.findings, event.silence) == (("a gap",), account or recording.silence)


def test_an_end_without_a_manifest_has_the_account_as_it_was_then() -> None:
    recording = a_recording(silent(5))
    event = made(recording, LOST)
    assert (event.manifest, event.findings) == (None, ())
    recording.silence.silent[0].until = at(9)
    assert event.silence == SilenceAccount(silent=[silent(5)])


@pytest.mark.parametrize(("final", "corrects"), [("", None), ("e", "e")])
def test_an_end_corrects_the_one_that_was_told_before_it(final: str, corrects: str | None) -> None:
    assert made(a_recording(), LOST, told=ToldEvents(final=final)).corrects == corrects
    assert made(a_recording(), STARTED, told=ToldEvents(final=final)).corrects is None


# Ids.


@pytest.mark.parametrize(
    ("facts", "change", "is_same"),
    [
        ({"recording_id": "r"}, {}, True),
        ({"recording_id": "r"}, {"number": 2}, True),
        ({"recording_id": "r"}, {"requested_at": at(1)}, True),
        ({"recording_id": "r"}, {"recording_id": "q"}, False),
        ({"recording_id": "r"}, {"recording_id": None}, False),
        ({}, {}, True),
        ({}, {"number": 2}, False),
        ({}, {"requested_at": at(1)}, False),
    ],
)
@pytest.mark.parametrize("kind", [STARTED, STOPPED, LOST])
def test_an_event_is_known_by_the_id_of_its_recording_or_by_its_number_and_request(
    facts: dict[str, Any], change: dict[str, Any], is_same: bool, kind: EventKind
) -> None:
    first, second = (made(a_recording(**known), kind) for known in (facts, {**facts, **change}))
    assert (first.id == second.id) is is_same
    workflow, said, digest = first.id.split("/")
    assert (workflow, said, len(digest)) == ("w", kind, 32)


@pytest.mark.parametrize(
    ("interval", "other", "is_same"),
    [
        (silent(5, 9), silent(5, 9), True),
        (silent(5, 9), silent(5, 10), False),
        (silent(5, 9), silent(5), False),
    ],
)
def test_the_same_resume_has_the_same_id(
    interval: SilentInterval, other: SilentInterval, is_same: bool
) -> None:
    told = ToldEvents(silent_since=at(5), is_silent=True)
    first, second = (made(a_recording(each), RESUMED, told=told) for each in (interval, other))
    assert (first.id == second.id) is is_same


def test_another_pause_has_another_id() -> None:
    first, second = (made(a_recording(silent(since)), PAUSED) for since in (5, 6))
    assert first.id != second.id


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"chunks": [a_chunk(1), a_chunk(0)]}, True),
        ({"problem": "500"}, True),
        ({"chunks": [a_chunk(0)]}, False),
        ({"chunks": [a_chunk(0), a_chunk(1, state="lost")]}, False),
        ({"state": "empty"}, False),
        ({"sealed": A_SEAL}, False),
    ],
)
def test_an_end_is_another_one_with_other_files_another_state_or_a_manifest(
    change: dict[str, Any], is_same: bool
) -> None:
    facts = {"state": "lost", "chunks": [a_chunk(0), a_chunk(1)], "recording_id": "r"}
    first, second = (made(a_recording(**known), LOST) for known in (facts, {**facts, **change}))
    assert (first.facts == second.facts, first.id == second.id) == (is_same, is_same)
    assert len(first.facts) == 32


@pytest.mark.parametrize("field", ["archive", "object_name", "sha256"])
def test_an_end_is_another_one_with_another_manifest(field: str) -> None:
    seals = A_SEAL, A_SEAL.model_copy(update={field: "other"})
    first, second = (made(a_recording(sealed=seal), LOST) for seal in seals)
    assert first.facts != second.facts


# The order.


@pytest.mark.parametrize(
    ("last", "now", "sequence"),
    [
        (None, 9, "120009.000000"),
        (5, 9, "120009.000000"),
        (9, 9, "120009.000001"),
        (12, 9, "120012.000001"),
    ],
)
def test_each_event_comes_after_the_last_of_its_call(
    last: float | None, now: float, sequence: str
) -> None:
    status = a_call(a_recording(), told_at=at_or_none(last))
    event = recording_events.make(status, status.recordings[0], STARTED, "w", at(now))
    assert event.sequence == f"20260302T{sequence}Z"
    assert f"{status.told_at:%H%M%S.%f}" == sequence
