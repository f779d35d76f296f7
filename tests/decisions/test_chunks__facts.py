"""What an event tells of a whole recording, and of its kind."""

import pytest

from callvault.contracts.media import ContentType, MediaKind
from tests.unit.call import chunk
from workflows.call import chunks

from .facts import a_call, a_recording, at, seconds
from .test_chunks import announced

# What an event tells of the whole recording.


def test_what_is_known_of_a_recording_stays_and_what_is_not_is_learned() -> None:
    facts = {"call_id": "c", "recording_start_time": at(3), "recording_duration_ms": 7.0}
    new, known = a_recording(recording_id="r1"), a_recording(number=2, recording_id="r2", **facts)
    status = a_call(new, known)
    for of in ("r1", "r2"):
        announced(
            status,
            chunk(int(of[1])),
            of=of,
            call_id="d",
            recording_start_time=at(4),
            recording_duration_ms=8.0,
        )
    told = [
        (r.call_id, seconds(r.recording_start_time), r.recording_duration_ms) for r in (new, known)
    ]
    assert told == [("d", 4, 8.0), ("c", 3, 7.0)]


@pytest.mark.parametrize(
    ("known", "told", "after"),
    [
        ("", "CallEnded", "CallEnded"),
        ("SessionStillOngoing", "CallEnded", "CallEnded"),
        ("CallEnded", "Other", "CallEnded"),
        ("", "", ""),
        ("SessionStillOngoing", "", "SessionStillOngoing"),
    ],
)
def test_the_first_end_of_a_session_that_is_told_stays(known: str, told: str, after: str) -> None:
    recording = a_recording(recording_id="r", session_end_reason=known)
    announced(a_call(recording), chunk(0), of="r", ended=told)
    assert recording.session_end_reason == after


@pytest.mark.parametrize(("is_closed", "problem"), [(True, "only chunks 1 were"), (False, "")])
def test_what_is_missing_is_said_once_the_window_has_closed(is_closed: bool, problem: str) -> None:
    recording = a_recording(recording_id="r", window_closed=is_closed)
    announced(a_call(recording), chunk(1), of="r")
    assert recording.problem.startswith(problem)
    assert bool(recording.problem) is is_closed


@pytest.mark.parametrize(
    ("origin", "kind", "declared", "content"),
    [
        ("announced", MediaKind(content=ContentType.AUDIO), None, "audio"),
        ("requested", MediaKind(content=ContentType.AUDIO), None, "audioVideo"),
        ("announced", None, None, "audioVideo"),
        (
            "announced",
            MediaKind(content=ContentType.AUDIO),
            MediaKind(content=ContentType.AUDIO_VIDEO),
            "audioVideo",
        ),
        ("announced", MediaKind(content=ContentType.AUDIO), MediaKind(), "audio"),
    ],
)
def test_the_kind_of_what_was_not_asked_for_is_as_it_was_told_first(
    origin: str, kind: MediaKind | None, declared: MediaKind | None, content: str
) -> None:
    recording = a_recording(origin=origin, declared_kind=declared)
    chunks.learn_kind(recording, kind)
    assert recording.recording_content_type == content


def test_what_a_kind_leaves_out_stays_as_it_was_assumed() -> None:
    recording = a_recording(origin="announced", recording_channel_type="unmixed")
    chunks.learn_kind(recording, MediaKind(content=ContentType.AUDIO))
    assert recording.recording_channel_type == "unmixed"


@pytest.mark.parametrize(
    ("origin", "declared", "is_assumed"),
    [
        ("requested", None, False),
        ("announced", None, True),
        ("announced", MediaKind(), True),
        ("announced", MediaKind.declared("audioVideo", "mixed", "mp4"), False),
    ],
)
def test_a_kind_is_assumed_where_nobody_told_it(
    origin: str, declared: MediaKind | None, is_assumed: bool
) -> None:
    recording = a_recording(origin=origin, declared_kind=declared)
    assert chunks.is_kind_assumed(recording) is is_assumed
