"""Does work grow with what is there, and never with what a number says? (Faults A5 and A7.)"""

import time
from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import ConsentHold, DeletionMark, JoinerAnnouncement
from callvault.contracts.events import MAX_CHUNK_INDEX, RecordingChunk
from callvault.contracts.requests import ControlRequest
from callvault.contracts.silence import SilentInterval, UnconfirmedInterval
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus, ChunkStatus, PauseRecord, RecordingStatus
from tests.decisions.facts import A_SEAL, a_recording
from tests.simulation.calls import answer, recorded, tell
from workflows.call.commands import Operation
from workflows.call.recording_state import describe_missing, is_whole
from workflows.call.request_records import Requests
from workflows.call.state_limits import (
    MAX_CHUNKS,
    MAX_CHUNKS_SIZE,
    MAX_KEPT_PAUSES,
    MAX_RECORDINGS,
    fit,
    size_of,
)
from workflows.loops.continue_as_new import MAX_CARRIED_BYTES

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


def settling(count: int) -> float:
    """Return the seconds in which so many requests are added and settled, one after the other."""
    took = []
    for _ in range(3):
        status = CallStatus(server_call_id="call-1", resource="default", recordings=[])
        recording, requests = a_recording(wanted="active", actual="active"), Requests(status)
        begun = time.process_time()
        for _ in range(count):
            requests.add(Operation.RESUME, ControlRequest(), recording.number, NOON, None)
            requests.close(recording, NOON)
            assert requests.pending(recording) == []
        took.append(time.process_time() - begun)
    return min(took)


def test_a7_settling_a_request_takes_no_longer_where_many_are_settled() -> None:
    """With hundreds of people who came at once a task took longer than the SDK lets it."""
    settling(10)
    assert settling(3_000) / settling(1_500) < 3, "twice as many requests"


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


def paused_often(number: int, count: int, **facts: Any) -> RecordingStatus:
    """Return a recording with so much of each kind, with texts of the usual lengths."""
    moments = [NOON + 3 * n * SECOND for n in range(count)]
    who = [hashed(f"{n}") for n in range(count)]
    recording = a_recording(number=number, recording_id="a" * 160, **facts)
    for participant, at in zip(who, moments, strict=True):
        times = dict.fromkeys(
            ("requested_at", "received_at", "accepted_at", "confirmed_at", "released_at"), at
        )
        recording.pauses.append(
            PauseRecord(requested_by="agent-desktop", reason="card", released_by="agent", **times)
        )
        recording.holds.append(ConsentHold(since=at, until=at, reason="consent is missing"))
        mark = DeletionMark(participant=participant, since=at, until=at, marked_at=at)
        recording.marked.append(mark)
        told = JoinerAnnouncement(participant=participant, requested_at=at, problem="503")
        recording.joiner_announcements.append(told)
        until = at + SECOND
        silent = SilentInterval(since=at, until=until, proof="ACS reported it inactive")
        recording.silence.silent.append(silent)
        doubt = UnconfirmedInterval(since=until, until=until + SECOND, reason="a pause was asked")
        recording.silence.unconfirmed.append(doubt)
    return recording


OVER = {"wanted": "stopped", "actual": "stopped"}


@pytest.mark.parametrize(("recordings", "count"), [(1, 2_000), (13, 250), (30, 100), (100, 40)])
@pytest.mark.parametrize("facts", [{}, OVER, OVER | {"sealed": A_SEAL}], ids=["on", "over", "seal"])
def test_a6_what_all_recordings_of_a_call_keep_together_fits(
    recordings: int, count: int, facts: dict[str, Any]
) -> None:
    """Each kept as much as one may: what a run handed over was too large, and the call stuck."""
    each = [paused_often(n, count, **facts) for n in range(1, recordings + 1)]
    # What was asked to stop and is on yet counts those who had not heard that it is.
    each[0].wanted = Wanted.STOPPED
    status = CallStatus(server_call_id="call-1", resource="default", recordings=each)
    assert fit(status, MAX_CARRIED_BYTES, NOON) >= 0
    assert size_of(status) <= MAX_CARRIED_BYTES
    for recording in status.recordings:
        assert len(recording.pauses) + len(recording.holds) + recording.pauses_left_out == 2 * count
        assert recording.pauses[-1].requested_at == NOON + 3 * (count - 1) * SECOND
        assert len(recording.joiner_announcements) + recording.joiners_left_out == count
        assert recording.marked[0].since == NOON
        assert recording.silence.unconfirmed[0].since == NOON + SECOND
        assert bool(recording.problem) is (recording.pauses_left_out > 0)


def test_a6_of_recordings_that_are_sealed_more_is_given_up_first() -> None:
    each = [paused_often(n, 100, **OVER) for n in range(1, 6)]
    for recording in each[:4]:
        recording.sealed = A_SEAL
    status = CallStatus(server_call_id="call-1", resource="default", recordings=each)
    fit(status, size_of(status) * 3 // 4, NOON)
    assert [len(recording.pauses) for recording in each] == [50, 50, 50, 50, 100]


def test_announcements_that_are_awaited_are_not_given_up_and_what_is_held_stays_so() -> None:
    on, over = paused_often(1, 300), paused_often(2, 300, **OVER)
    for recording in (on, over):
        recording.joiner_announcements[0].answered_at = NOON
        recording.joiner_announcements[1].problem = ""
        recording.pauses[0].released_at = recording.pauses[1].released_at = None
    status = CallStatus(server_call_id="call-1", resource="default", recordings=[on, over])
    fit(status, 0, NOON)
    assert [len(each.joiner_announcements) for each in (on, over)] == [299, 125]
    assert [each.joiners_left_out for each in (on, over)] == [0, 174]
    assert [len(each.pauses) for each in (on, over)] == [127, 125]
    assert all(each.problem for each in (on, over))


def test_an_alarm_that_is_given_up_as_it_is_sent_is_sent_no_more() -> None:
    """What waits for its answer looked it up in vain, and no task of the run went on."""
    server = recorded()
    call, alarms = server.run.workflow.call, server.run.workflow.alarms
    for n in range(300):
        alarms.add(AlarmKind.PAUSE_FORCED, Severity.WARNING, f"{n}", call.current, NOON)
    tell(server, "nobody-knows-this")
    sent = [each for each in server.activities.values() if each.kind == "raise_alarm"]
    assert len(sent) == 300
    fit(call.status, 0, NOON)
    tell(server, "nobody-knows-this")
    assert len(call.status.alarms) == 250
    assert sum(each.is_cancelled for each in server.activities.values()) == 50
    answer(server, "raise_alarm", None)
    assert len(call.status.alarms) == 250
