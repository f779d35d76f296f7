"""Deletion marks: which recordings are marked for a refusal, and which time of them."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentRecord, ConsentTerms, DeletionMark, Presence
from callvault.contracts.status import RecordingStatus
from tests.policies import a_policy
from tests.unit.call import hashed
from workflows.call import deletion_marks
from workflows.call.deletion_marks import MAX_RECORDING

from .facts import a_call, a_chunk, a_recording, at, at_or_none, seconds, silent

ANA = hashed("ana")
MARKING = ConsentTerms(consent_policy="any_party", on_withdrawal="pause_and_mark")
KEEPING = ConsentTerms(consent_policy="any_party", on_withdrawal="pause")
FREE = ConsentTerms(consent_policy="none", on_withdrawal="pause_and_mark")
REFUSAL = ConsentRecord(participant=ANA, given=False, decided_at=at(50), received_at=at(50))


def marks_of(recording: RecordingStatus) -> list[tuple[float | None, float | None]]:
    return [(seconds(mark.since), seconds(mark.until)) for mark in recording.marked]


@pytest.mark.parametrize(
    ("facts", "may_record", "is_marked"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"was_active": True}, False, True),
        ({"chunks": [a_chunk(0)]}, False, True),
        ({"recording_id": "r"}, False, True),
        ({"sound": {"begun_at": 1}}, False, True),
    ],
)
def test_a_recording_is_marked_if_a_sound_may_be_in_its_files(
    facts: dict[str, Any], may_record: bool, is_marked: bool
) -> None:
    recording = a_recording(consent=MARKING, **facts)
    assert (
        deletion_marks.add(a_call(recording), recording, REFUSAL, may_record, at(60)) is is_marked
    )
    assert len(recording.marked) == is_marked


def test_what_was_proven_to_be_silent_all_the_time_is_not_marked() -> None:
    recording = a_recording(silent(3), consent=MARKING, recording_id="r", sound={"begun_at": 1})
    assert not deletion_marks.add(a_call(recording), recording, REFUSAL, False, at(60))


@pytest.mark.parametrize(
    ("terms", "is_marked"),
    [
        (MARKING, True),
        (KEEPING, False),
        (FREE, False),
        (ConsentTerms(on_withdrawal="pause_and_mark"), False),
    ],
)
@pytest.mark.parametrize("known", ["requested", "another", "resource"])
def test_the_terms_say_if_a_recording_is_marked_and_of_files_any_terms_of_the_call(
    terms: ConsentTerms, is_marked: bool, known: str
) -> None:
    recording = a_recording(
        origin="requested" if known == "requested" else "announced",
        consent=terms if known == "requested" else KEEPING,
        was_active=True,
    )
    status = a_call(recording)
    if known == "another":
        status.recordings.append(a_recording(number=2, consent=terms))
    if known == "resource":
        said = terms.model_dump(exclude_none=True, by_alias=False)
        status.policy = a_policy(consent={"consent_policy": "none", **said})
    assert deletion_marks.add(status, recording, REFUSAL, False, at(60)) is is_marked


def test_of_what_was_asked_for_no_other_recordings_terms_count() -> None:
    recording = a_recording(consent=KEEPING, was_active=True)
    status = a_call(recording, a_recording(number=2, consent=MARKING))
    assert not deletion_marks.add(status, recording, REFUSAL, True, at(60))


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        ({}, 0),
        ({"origin": "announced"}, -MAX_RECORDING.total_seconds()),
        ({"origin": "announced", "recording_start_time": at(-9)}, -9),
        ({"recording_start_time": at(9)}, 0),
        ({"adopted_at": at(0)}, -MAX_RECORDING.total_seconds()),
        ({"adopted_at": at(0), "recording_start_time": at(-9)}, -9),
    ],
)
@pytest.mark.parametrize("joined", [None, 20])
def test_a_mark_begins_with_the_recording_or_as_its_person_came(
    facts: dict[str, Any], since: float, joined: float | None
) -> None:
    recording = a_recording(consent=MARKING, was_active=True, **facts)
    other = a_recording(number=2, consent=MARKING)
    stay = Presence(participant=ANA, joined_at=at_or_none(joined), told_at=at(30))
    deletion_marks.add(
        a_call(recording, other, participants=[stay]), recording, REFUSAL, True, at(60)
    )
    assert marks_of(recording) == [(joined or since, None)]


@pytest.mark.parametrize(
    ("may_record", "silences", "joined", "mark"),
    [
        (True, [silent(5)], None, (0, None)),
        (False, [silent(5)], None, (0, 5)),
        (False, [], None, (0, 60)),
        (False, [silent(5)], 7, (7, 7)),
    ],
)
def test_a_mark_ends_as_silence_was_proven_and_never_before_it_began(
    may_record: bool, silences: list, joined: float | None, mark: tuple[float, float | None]
) -> None:
    recording = a_recording(*silences, consent=MARKING, was_active=True, sound={"begun_at": 1})
    people = [Presence(participant=ANA, joined_at=at(joined), told_at=at(joined))] if joined else []
    status = a_call(recording, participants=people)
    deletion_marks.add(status, recording, REFUSAL, may_record, at(60))
    assert marks_of(recording) == [mark]
    assert seconds(recording.marked[0].marked_at) == 60


@pytest.mark.parametrize(("stopped", "until"), [(None, 60), (30, 30)])
def test_of_what_was_not_asked_for_a_mark_ends_as_its_end_was_told(
    stopped: float | None, until: float
) -> None:
    """It ended at once, as if nothing had been recorded: a start was sent by nobody here."""
    recording = a_recording(origin="announced", was_active=True, stopped_at=at_or_none(stopped))
    status = a_call(recording, a_recording(number=2, consent=MARKING))
    deletion_marks.add(status, recording, REFUSAL, False, at(60))
    assert [mark[1] for mark in marks_of(recording)] == [until]


@pytest.mark.parametrize(
    ("ended", "index", "until"),
    [("CallEnded", 1, 60), ("SessionStillOngoing", 0, 60), ("SessionStillOngoing", 1, None)],
)
def test_files_of_what_goes_on_are_marked_without_an_end(
    ended: str, index: int, until: float | None
) -> None:
    told = {"session_end_reason": ended, "chunks": [a_chunk(index)]}
    recording = a_recording(origin="announced", was_active=True, **told)
    status = a_call(recording, a_recording(number=2, consent=MARKING), consents=[REFUSAL])
    assert deletion_marks.add_announced(status, recording, at(60))
    assert [mark[1] for mark in marks_of(recording)] == [until]


@pytest.mark.parametrize(
    ("known", "may_record", "is_new"),
    [
        ((0, None), True, False),
        ((0, None), False, False),
        ((0, 60), False, False),
        ((0, 61), False, False),
        ((0, 59), False, True),
        ((0, 60), True, True),
        ((1, None), True, True),
        ((-1, None), True, False),
    ],
)
def test_a_mark_is_new_unless_one_of_the_same_person_says_as_much(
    known: tuple[float, float | None], may_record: bool, is_new: bool
) -> None:
    since, until = at(known[0]), at_or_none(known[1])
    mark = DeletionMark(participant=ANA, since=since, until=until, marked_at=at(2))
    recording = a_recording(consent=MARKING, was_active=True, marked=[mark], sound={"begun_at": 1})
    assert deletion_marks.add(a_call(recording), recording, REFUSAL, may_record, at(60)) is is_new
    mark.participant = hashed("ben")
    assert (
        deletion_marks.add(a_call(recording), recording, REFUSAL, may_record, at(60)) is not is_new
    )


@pytest.mark.parametrize(
    ("facts", "is_marked"),
    [
        ({"origin": "announced"}, True),
        ({"origin": "announced", "was_active": True}, True),
        ({"chunks": [a_chunk(0)]}, True),
        ({"chunks": [a_chunk(0)], "was_active": True}, False),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_files_of_which_nobody_knew_are_marked_for_those_who_had_refused(
    facts: dict[str, Any], is_marked: bool, given: bool
) -> None:
    recording = a_recording(**{"consent": MARKING, "was_active": False, **facts})
    if recording.origin == "announced":
        recording.chunks.append(a_chunk(0))
    decision = REFUSAL.model_copy(update={"given": given})
    status = a_call(recording, a_recording(number=2, consent=MARKING), consents=[decision])
    expected = is_marked and not given
    assert deletion_marks.add_announced(status, recording, at(60)) is expected
    assert not deletion_marks.add_announced(status, recording, at(60)), "once"
    assert len(recording.marked) == expected


def test_each_who_had_refused_has_a_mark() -> None:
    recording = a_recording(consent=MARKING, chunks=[a_chunk(0)])
    refusals = [REFUSAL.model_copy(update={"participant": hashed(who)}) for who in ("ana", "ben")]
    assert deletion_marks.add_announced(a_call(recording, consents=refusals), recording, at(60))
    assert [mark.participant for mark in recording.marked] == [ANA, hashed("ben")]


@pytest.mark.parametrize(
    ("until", "silent_since", "after"), [(None, None, None), (None, 9, 9), (None, 1, 2), (5, 9, 5)]
)
def test_an_open_mark_ends_with_the_first_proof_of_silence(
    until: float | None, silent_since: float | None, after: float | None
) -> None:
    mark = DeletionMark(participant=ANA, since=at(2), until=at_or_none(until), marked_at=at(2))
    recording = a_recording(marked=[mark])
    deletion_marks.end(recording, at_or_none(silent_since))
    assert seconds(mark.until) == after
