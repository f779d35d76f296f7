"""Does work grow with what is there, and never with what a number says? (Faults A5 and A7.)"""

import time

import pytest

from callvault.contracts.events import MAX_CHUNK_INDEX, RecordingChunk
from callvault.contracts.silence import SilentInterval, UnconfirmedInterval
from callvault.contracts.status import CallStatus, ChunkStatus
from workflows.call.recording_state import describe_missing, is_whole
from workflows.call.state_limits import (
    MAX_CHUNKS,
    MAX_CHUNKS_SIZE,
    MAX_KEPT_PAUSES,
    MAX_RECORDINGS,
    fit,
)

from .call import NOON, SECOND, Call, chunk, hashed, more, recording_call, stopped_call


def folding(count: int) -> float:
    """Return the seconds of the fastest of a few foldings of so many chunks."""
    event = [chunk(n) if n == count - 1 else more(n) for n in range(count)]
    took = []
    for _ in range(5):
        call = stopped_call()
        begun = time.process_time()
        call.announced(*event)
        call.announced(*event, of=None)
        took.append(time.process_time() - begun)
        assert len(call.recording.chunks) == count
    return min(took)


def test_a7_folding_is_linear() -> None:
    """Fault A7: 3,000 chunks in one event were a deadlock at every workflow task."""
    folding(10)
    assert folding(MAX_CHUNKS) / folding(MAX_CHUNKS // 2) < 3.5, "twice as many chunks"


def test_a7_correcting_a_guess_about_many_files_is_linear() -> None:
    files = [more(n) for n in range(MAX_CHUNKS)]
    call = stopped_call()
    call.announced(*files, of=None)
    begun = time.process_time()
    call.announced(*files, of="recording-of-another-program")
    assert time.process_time() - begun < 2
    assert [len(r.chunks) for r in call.life.status.recordings] == [0, MAX_CHUNKS]


@pytest.mark.parametrize("index", [50_000_000, 4_294_967_295, 10**30])
def test_a5_no_index_decides_how_much_memory_is_spent(index: int) -> None:
    """Fault A5, for an index that came past every door: a list of so many numbers."""
    call = stopped_call()
    last = RecordingChunk.model_construct(document_id="d", index=index, end_reason="SessionEnded")
    call.announced(more(0))
    file = ChunkStatus.model_construct(
        chunk=last, state="announced", announced_at=NOON, retention_starts_at=NOON
    )
    call.recording.chunks.append(file)
    assert not is_whole(call.recording)
    assert str(index) in describe_missing(call.recording)


def test_a5_an_index_above_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="index"):
        RecordingChunk(document_id="d", index=MAX_CHUNK_INDEX + 1)


def test_a7_files_that_a_call_may_not_have_are_left_out_and_counted() -> None:
    call = recording_call()
    call.announced(*(more(n) for n in range(MAX_CHUNKS - 1)))
    call.announced(*(more(n) for n in range(MAX_CHUNKS + 10)))
    assert len(call.recording.chunks) == MAX_CHUNKS
    assert call.life.status.chunks_left_out == 10
    assert "10 announced files were left out" in call.timeline


def test_a7_long_addresses_are_bounded_in_bytes() -> None:
    call = recording_call()
    for n in range(MAX_CHUNKS):
        call.announced(more(n).model_copy(update={"metadata_location": "€" * 4_096}))
    assert call.life.status.chunks_left_out > 0
    size = len(call.life.status.model_dump_json(include={"recordings"}).encode())
    assert size < MAX_CHUNKS_SIZE + 100_000


def test_a7_a_file_that_is_there_now_may_not_outgrow_the_bound_either() -> None:
    call = recording_call()
    call.announced(*(RecordingChunk(document_id=f"{n}", index=n) for n in range(MAX_CHUNKS)))
    for n in range(MAX_CHUNKS):
        host = "x" * 4_000
        location = f"https://{host}/v1/objects/{n}/content/video"
        call.announced(RecordingChunk(document_id=f"{n}", index=n, content_location=location))
    size = len(call.life.status.model_dump_json(include={"recordings"}).encode())
    assert size < MAX_CHUNKS_SIZE + MAX_CHUNKS * 500


def test_a7_recordings_are_bounded_and_those_of_events_keep_no_backend_from_recording() -> None:
    call = stopped_call()
    for n in range(MAX_RECORDINGS + 5):
        call.announced(chunk(document=f"d{n}"), of=f"other-{n}")
    assert len(call.life.status.recordings) == MAX_RECORDINGS + 1
    assert call.life.status.chunks_left_out == 5
    assert call.asks("start").state == "pending"


def test_a7_a_start_too_many_is_refused_with_a_sentence() -> None:
    call = Call()
    for _ in range(MAX_RECORDINGS):
        call.asks("stop")
        last = call.asks("start")
    assert last.state == "failed"
    assert "may not have more" in last.problem


def test_terms_of_a_recording_that_is_over_can_be_read_once_they_were_cut() -> None:
    """They named nobody, which such terms may not: no run could go on with that state."""
    names = tuple(hashed(f"{n}") for n in range(50))
    call = Call(consent_policy="named", consent_participants=names)
    call.asks("stop")
    fit(call.life.status, 1, call.ticks())
    again = CallStatus.model_validate(call.life.status.model_dump(mode="json"))
    terms = again.recordings[0].consent
    assert len(terms.consent_participants) == 1
    call.recording.looked_for_until = call.now
    call.recording.consent = terms.model_copy(update={"consent_participants": names})
    fit(call.life.status, 1, call.ticks())
    assert call.recording.consent.consent_participants == names, "it may begin still"


def test_doubts_that_are_joined_stay_findings_and_no_silence_is_claimed_in_them() -> None:
    call = recording_call()
    account = call.recording.silence
    for n in range(MAX_KEPT_PAUSES + 3):
        since = NOON + 4 * n * SECOND
        doubt = UnconfirmedInterval(
            since=since, until=since + SECOND, reason="x", is_finding=n == 1
        )
        account.unconfirmed.append(doubt)
        silent = SilentInterval(since=since + SECOND, until=since + 2 * SECOND, proof="x")
        account.silent.append(silent)
    del account.silent[5:]
    fit(call.life.status, 1, call.ticks())
    assert account.unconfirmed[0].until == NOON + 9 * SECOND
    assert account.unconfirmed[0].is_finding
    assert [each.since for each in account.silent] == [NOON + n * SECOND for n in (9, 13, 17)]
