"""Manifests of late events: what adds nothing, what is completed, and what each part of it says."""

from typing import Any

import pytest

from callvault.archive.manifests import late_events
from callvault.archive.manifests.seal import seal
from callvault.contracts.manifest import Manifest, SealInput
from callvault.contracts.silence import SilenceAccount, SoundEvidence
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import ChunkStatus
from tests.archive import sealed as call
from tests.archive.memory import MemoryArchive

from .facts import at, at_or_none, silent

ARCHIVE = MemoryArchive()
NOBODY = {"origin": "announced", "requested_by": ""}


def a_file(index: int = 0, *, ends: bool = True, place: Any = ARCHIVE, **facts: Any) -> ChunkStatus:
    file = call.archived(place, index, **facts)
    if not ends:
        file.chunk = file.chunk.model_copy(update={"end_reason": "ChunkMaximumSizeExceeded"})
    return file


def an_order(*files: ChunkStatus, **facts: Any) -> SealInput:
    return call.seal_input(ARCHIVE, call.recording(*files, **facts))


def a_manifest(*files: ChunkStatus, place: Any = ARCHIVE, **facts: Any) -> Manifest:
    archive = MemoryArchive(objects=dict(place.objects))
    found = seal(archive, an_order(*files, **facts), call.SIGNER, lambda: call.NOON)
    return call.manifest_of(archive, found)


def completed(before: Manifest, *late: ChunkStatus, place: Any = ARCHIVE, **facts: Any) -> Manifest:
    order = an_order(*late, **{**NOBODY, **facts})
    new = a_manifest(*late, place=place, **{**NOBODY, **facts})
    return late_events.completed(new, order, before)


@pytest.mark.parametrize(
    ("facts", "is_files_only"),
    [
        ({"origin": "announced"}, True),
        ({"origin": "announced", "recording_id": None}, False),
        ({"origin": "requested"}, False),
    ],
)
def test_an_order_of_events_alone_names_its_recording_and_was_not_asked_for(
    facts: dict[str, Any], is_files_only: bool
) -> None:
    assert late_events.is_files_only(an_order(a_file(), **facts)) is is_files_only


@pytest.mark.parametrize(
    ("late", "adds_nothing"),
    [
        ([a_file(0)], True),
        ([a_file(1)], True),
        ([a_file(0), a_file(1)], True),
        ([a_file(0), a_file(2)], False),
        ([a_file(0, media=call.wav(1.0), place=MemoryArchive())], False),
        ([a_file(0, document="another")], False),
    ],
)
def test_what_a_manifest_has_with_equal_hashes_adds_nothing(
    late: list[ChunkStatus], adds_nothing: bool
) -> None:
    sealed = a_manifest(a_file(0), a_file(1))
    assert late_events.adds_nothing(an_order(*late, **NOBODY), sealed) is adds_nothing


def test_a_file_that_was_lost_adds_nothing_to_itself_and_its_copy_does() -> None:
    gone = a_file(0).model_copy(
        update={"state": ChunkState.LOST, "archived": None, "lost_reason": "404"}
    )
    sealed = a_manifest(gone, state=RecordingState.LOST)
    assert late_events.adds_nothing(an_order(gone, **NOBODY), sealed)
    assert not late_events.adds_nothing(an_order(a_file(0), **NOBODY), sealed)
    assert late_events.adds_nothing(an_order(gone, **NOBODY), a_manifest(a_file(0)))


@pytest.mark.parametrize(
    ("before", "files", "late", "state"),
    [
        ("archived", [a_file(0)], [a_file(1)], "archived"),
        ("lost", [a_file(0, ends=False)], [a_file(1)], "archived"),
        ("lost", [a_file(0, ends=False)], [a_file(2)], "lost"),
        ("archived", [a_file(0)], [call.lost(1, "404")], "lost"),
        ("archived", [a_file(1)], [a_file(2)], "archived"),
    ],
)
def test_a_late_file_may_complete_what_was_lost(
    before: str, files: list[ChunkStatus], late: list[ChunkStatus], state: str
) -> None:
    known = {"problem": "only chunks 0", "window_closed": True} if before == "lost" else {}
    sealed = a_manifest(*files, state=RecordingState(before), **known)
    told = {"problem": "only chunks 1", "window_closed": True}
    after = completed(sealed, *late, **told)
    assert after.recording.state == state
    is_whole = before == "archived" or state == "archived"
    assert after.recording.problem == ("" if is_whole else "only chunks 1")
    said = any("only chunks 1" in finding for finding in after.findings)
    assert said is not is_whole


def test_of_one_file_the_copy_counts_and_not_a_later_loss() -> None:
    gone = a_file(0).model_copy(
        update={"state": ChunkState.LOST, "archived": None, "lost_reason": "404"}
    )
    after = completed(a_manifest(a_file(0)), gone, a_file(1))
    assert [(file.index, file.state) for file in after.chunks] == [(0, "archived"), (1, "archived")]
    before = completed(a_manifest(gone, state=RecordingState.LOST), a_file(0))
    assert [file.state for file in before.chunks] == ["archived"]


def test_files_are_in_the_order_of_the_recording() -> None:
    sealed = a_manifest(a_file(2), a_file(0, document="b"))
    after = completed(sealed, a_file(1), a_file(0, document="a"))
    assert [file.index for file in after.chunks] == [0, 0, 1, 2]
    assert [file.document_id for file in after.chunks][:2] == ["a", "b"]


def test_silence_that_a_late_file_contradicts_is_claimed_no_more() -> None:
    account = SilenceAccount(silent=[silent(0.2, 0.9)])
    sound = SoundEvidence(begun_at=at(0))
    times = {"sound": sound, "started_at": at(0), "stopped_at": at(1), "silence": account}
    sealed = a_manifest(a_file(0), **times)
    assert sealed.silence == account
    after = completed(sealed, a_file(3, media=call.wav(2.0), duration_ms=None))
    assert after.silence.silent == []
    assert len(after.contradictions) == len(sealed.contradictions) + 1


@pytest.mark.parametrize(
    ("facts", "is_claimed"),
    [
        ({"started_at": at(12)}, True),
        ({"sound": SoundEvidence(begun_at=at(12))}, False),
        ({"sound": SoundEvidence(begun_at=at(12)), "adopted_at": at(12)}, True),
    ],
)
def test_a_late_file_is_compared_by_when_sound_began(
    facts: dict[str, Any], is_claimed: bool
) -> None:
    account = SilenceAccount(silent=[silent(2, 8)])
    times = {"sound": SoundEvidence(begun_at=at(0)), "started_at": at(0), "stopped_at": at(20)}
    sealed = a_manifest(a_file(0), silence=account, **{**times, **facts})
    after = completed(sealed, a_file(4, media=call.wav(13.0), duration_ms=None))
    assert after.silence.silent == (account.silent if is_claimed else [])
    was_adopted = any("adopted" in each for each in after.findings)
    assert was_adopted is ("adopted_at" in facts), "a late manifest forgets nothing"


@pytest.mark.parametrize("started_at", [0, None])
@pytest.mark.parametrize("is_told", [True, False])
def test_a_file_that_is_days_late_is_compared_by_the_times_of_the_sealed_recording(
    started_at: float | None, is_told: bool
) -> None:
    """Manifests of older software do not tell when the start was sent."""
    account = SilenceAccount(silent=[silent(60, 68)])
    times = {"started_at": at_or_none(started_at), "stopped_at": at(120)}
    place = MemoryArchive()
    known: dict[str, Any] = {"duration_ms": None, "pauses": (), "place": place}
    told = [{"start_time": at(0.5)}, {"start_time": at(60.5)}] if is_told else [{}, {}]
    first = a_file(0, media=call.wav(60.0), **known, **told[0])
    late = a_file(1, media=call.wav(59.0), **known, **told[1])
    sealed = a_manifest(first, place=place, silence=account, **times)
    after = completed(sealed, late, place=place, requested_at=at(3 * 86_400))
    assert len(after.contradictions) == len(sealed.contradictions) + 1
    assert after.silence.silent == []
