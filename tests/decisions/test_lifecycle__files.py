"""The files of a call in its lifecycle: what each word of them changes, and what is said of it."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentRecord
from callvault.contracts.silence import SilenceAccount
from callvault.contracts.states import ChunkState
from tests.unit.call import (
    POLICY,
    Call,
    archived,
    chunk,
    hashed,
    more,
    recording_call,
    stopped_call,
)
from workflows.call import lifecycle
from workflows.call.chunks import ChunkKey

from .facts import A_SEAL, a_chunk, a_recording, at, doubtful

KEY = ChunkKey.of(chunk(0))


def last_line(call: Call) -> str:
    return call.timeline.splitlines()[-1]


def with_file(**facts: Any) -> Call:
    """Make a call whose recording has stopped with one file."""
    call = stopped_call()
    call.announced(chunk(0))
    for name, value in facts.items():
        setattr(call.recording.chunks[0], name, value)
    return call


def test_files_that_are_announced_are_said_and_end_their_recording() -> None:
    call = recording_call()
    call.announced(more(0), chunk(1), left_out=("an odd field", "another"))
    lines = call.timeline.splitlines()[-2:]
    assert lines == [
        "recording 1: chunks 0, 1 announced",
        "recording 1: left out of its event, an odd field; another",
    ]
    assert call.recording.state == "archiving"
    other = recording_call()
    other.announced(chunk(0))
    assert "left out" not in other.timeline


def test_files_that_are_one_too_many_are_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.chunks, "MAX_CHUNKS", 1)
    call = stopped_call()
    call.announced(more(0), chunk(1))
    assert call.life.status.chunks_left_out == 1
    assert last_line(call) == "1 announced files were left out: a call may not have so many"
    call.announced(chunk(2))
    assert call.life.status.chunks_left_out == 2


def test_files_of_one_recording_too_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.chunks, "MAX_RECORDINGS", 0)
    call = stopped_call()
    call.announced(chunk(0), of="another")
    assert (call.life.status.chunks_left_out, len(call.life.status.recordings)) == (1, 1)


@pytest.mark.parametrize("given", [True, False])
def test_files_of_which_nobody_knew_are_marked_for_who_had_refused(given: bool) -> None:
    call = Call(consent_policy="any_party", on_withdrawal="pause_and_mark")
    call.asks("stop")
    refusal = ConsentRecord(
        participant=hashed("ana"), given=given, decided_at=at(1), received_at=at(1)
    )
    call.life.status.consents.append(refusal)
    call.announced(chunk(0), of="another")
    assert bool(call.life.recording(2).marked) is not given
    assert ("recording 2: marked for deletion" in call.timeline) is not given


def test_files_that_are_marked_as_they_are_announced_again_are_sealed_anew() -> None:
    """Nobody wanted marks before the second start: the manifest told of none."""
    call = Call(consent_policy="none")
    call.asks("stop")
    call.announced(chunk(0), of="another")
    refusal = ConsentRecord(
        participant=hashed("ana"), given=False, decided_at=at(1), received_at=at(1)
    )
    call.life.status.consents.append(refusal)
    call.asks("start", consent_policy="any_party", on_withdrawal="pause_and_mark")
    orphan = call.life.recording(2)
    orphan.chunks[0].state, orphan.sealed = ChunkState.ARCHIVED, A_SEAL
    call.announced(chunk(0), of="another")
    assert orphan.marked
    assert orphan.sealed is None


def test_a_state_grows_with_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    call = stopped_call()
    grown: list[int] = []
    monkeypatch.setattr(lifecycle.Lifecycle, "_grows", lambda _, by, __: grown.append(by))
    call.announced(more(0), chunk(1))
    assert 2 * lifecycle.state_limits.MAX_CHUNK_SIZE in grown
    assert lifecycle.state_limits.MAX_NOTE_SIZE in grown


@pytest.mark.parametrize(
    ("known", "copy", "is_kept", "archive", "earlier"),
    [
        ("main", "main", True, "main", None),
        ("main", "other", True, "other", None),
    ],
)
def test_a_recording_stays_where_its_file_is_archived_already(
    known: str, copy: str, is_kept: bool, archive: str, earlier: Any
) -> None:
    call = with_file()
    call.recording.archive = known
    found = archived().model_copy(update={"archive": copy})
    assert call.life.reuse_copy(KEY, found) is is_kept
    assert (call.recording.archive, call.recording.chunks[0].earlier_copy) == (archive, earlier)


@pytest.mark.parametrize("changes", [0, 1])
def test_a_file_that_is_archived_where_its_recording_lies_changes_nothing(changes: int) -> None:
    call = with_file()
    call.recording.archive, call.recording.archive_changes = "main", changes
    assert call.life.reuse_copy(KEY, archived())
    assert (call.recording.archive, call.recording.chunks[0].earlier_copy) == ("main", None)


@pytest.mark.parametrize("why", ["it has changed before", "another file lies there"])
def test_a_recording_follows_no_copy_if_its_files_lie_elsewhere(why: str) -> None:
    call = with_file()
    call.recording.archive = "main"
    if why == "it has changed before":
        call.recording.archive_changes = 1
    else:
        call.recording.chunks.append(a_chunk(1, archived=archived()))
    found = archived().model_copy(update={"archive": "other"})
    assert not call.life.reuse_copy(KEY, found)
    assert (call.recording.archive, call.recording.chunks[0].earlier_copy) == ("main", found)


@pytest.mark.parametrize(("problem", "amiss"), [("", ""), ("no json", ", amiss: no json")])
def test_a_file_that_is_archived_is_said_and_no_longer_in_doubt(problem: str, amiss: str) -> None:
    call = with_file(lost_reason="404")
    copy = archived().model_copy(update={"metadata_problem": problem})
    call.life.chunk_archived(KEY, copy, call.ticks())
    [known] = call.recording.chunks
    assert (known.state, known.archived, known.lost_reason) == ("archived", copy, "")
    assert call.recording.state == "archived"
    assert last_line(call) == f"recording 1: chunk 0 archived and verified, 10 bytes{amiss}"


def test_a_copy_tells_the_kind_of_what_was_not_asked_for() -> None:
    call = Call(start_recording=False)
    call.announced(chunk(0))
    kind = {"content": "audio", "channel": "mixed", "format": "wav"}
    copy = archived().model_validate(archived().model_dump() | {"kind": kind})
    call.life.chunk_archived(KEY, copy, call.ticks())
    assert call.recording.recording_content_type == "audio"


def test_a_file_that_is_in_doubt_is_found_or_lost() -> None:
    call = with_file()
    call.life.chunk_doubtful(KEY, "404 for an hour")
    [known] = call.recording.chunks
    known.is_undecided = True
    assert (known.state, known.lost_reason) == ("announced", "404 for an hour")
    call.life.chunk_found(KEY, "main", call.ticks())
    assert (known.lost_reason, known.is_undecided) == ("", False)
    assert last_line(call) == (
        "recording 1: chunk 0 lies in archive main already (404 for an hour)"
    )
    call.life.chunk_lost(KEY, "404 again", call.ticks())
    assert (known.state, known.lost_reason) == ("lost", "404 again")
    assert last_line(call) == "recording 1: chunk 0 lost: 404 again"
    assert call.recording.state == "lost"


@pytest.mark.parametrize(
    ("keys", "named"),
    [({KEY}, ", chunks 0"), (set(), ""), ({KEY, ChunkKey("x", 7)}, ", chunks 0, 7")],
)
def test_files_that_were_erased_are_said_and_not_kept(keys: set[ChunkKey], named: str) -> None:
    call = with_file(archived=archived(), is_undecided=True, lost_reason="404")
    call.recording.chunks.append(a_chunk(5))
    call.life.files_erased(call.recording, keys, "erased on request", call.ticks())
    first, other = call.recording.chunks
    is_erased = KEY in keys
    assert (first.state is ChunkState.ERASED) is is_erased
    assert (first.archived is None) is is_erased
    assert first.is_undecided is not is_erased
    assert first.lost_reason == ("erased on request" if is_erased else "404")
    assert other.state is ChunkState.ANNOUNCED
    assert last_line(call) == f"recording 1{named}: erased on request"
    assert call.recording.state == "archiving"


def test_a_recording_all_of_whose_files_were_erased_is_erased() -> None:
    call = with_file()
    call.life.files_erased(call.recording, {KEY}, "erased on request", call.ticks())
    assert call.recording.state == "erased"


@pytest.mark.parametrize(
    ("was_active", "files", "problem", "state"),
    [
        (True, [], "no file was announced before the export window closed", "lost"),
        (False, [], "", "empty"),
        (False, [1], "only chunks 1 were announced before the export window closed", "archiving"),
    ],
)
def test_a_window_that_closes_says_which_files_are_missing(
    was_active: bool, files: list[int], problem: str, state: str
) -> None:
    call = stopped_call()
    call.recording.was_active = was_active
    call.recording.chunks = [a_chunk(index) for index in files]
    call.life.window_closed(1, call.ticks())
    assert (call.recording.problem, call.recording.state) == (problem, state)
    assert call.recording.window_closed
    assert last_line(call) == f"recording 1: {problem or 'nothing was recorded'}"


@pytest.mark.parametrize(("findings", "amiss"), [((), ""), (("a", "b"), ", amiss: a; b")])
def test_a_manifest_is_said_with_what_is_amiss(findings: tuple[str, ...], amiss: str) -> None:
    call = with_file()
    seal = A_SEAL.model_copy(update={"findings": findings})
    call.life.sealed(call.recording, seal, call.ticks())
    assert call.recording.sealed == seal
    assert last_line(call) == f"recording 1: manifest 1 of archive main{amiss}"
    assert call.recording.silence.unconfirmed == []


def test_an_account_of_the_service_that_contradicts_ours_counts() -> None:
    call = with_file()
    account = SilenceAccount(unconfirmed=[doubtful(1, 2)])
    call.life.sealed(call.recording, A_SEAL.model_copy(update={"silence": account}), call.ticks())
    assert call.recording.silence.unconfirmed == [doubtful(1, 2)]


def test_a_copy_elsewhere_a_deleted_source_and_an_archive_are_noted_of_their_file() -> None:
    call = with_file()
    call.life.copied_elsewhere(KEY, archived())
    call.life.source_deleted(KEY)
    call.life.lies_in(call.recording, "other")
    [known] = call.recording.chunks
    assert (known.earlier_copy, known.source_deleted) == (archived(), True)
    assert call.recording.archive == "other"


def test_with_the_settings_there_are_deadlines() -> None:
    call = with_file(expires_at=None)
    call.life.policy_known(POLICY)
    [known] = call.recording.chunks
    assert known.expires_at == known.retention_starts_at + POLICY.export_window
    assert call.recording.expires_at == known.expires_at


def test_a_recording_is_found_by_its_number() -> None:
    call = Call(start_recording=False)
    call.life.status.recordings = [a_recording(number=3), a_recording(number=1)]
    assert call.life.recording(1) is call.life.status.recordings[1]
