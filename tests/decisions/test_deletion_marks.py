"""Deletion marks: which recordings are marked for a refusal, and which time of them."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentRecord, ConsentTerms, DeletionMark, Presence
from callvault.contracts.status import RecordingStatus
from tests.policies import a_policy
from tests.unit.call import hashed
from workflows.call import deletion_marks, state_limits
from workflows.call.deletion_marks import MAX_RECORDING
from workflows.call.lifecycle import Lifecycle
from workflows.call.state_limits import MAX_KEPT_PAUSES, fit

from .facts import (
    A_SEAL,
    a_call,
    a_chunk,
    a_recording,
    at,
    at_or_none,
    doubtful,
    seconds,
    silent,
)

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
        (False, [silent(5)], 4, (4, 5)),
        (False, [silent(5)], 5, None),
        (False, [silent(5)], 7, None),
    ],
)
def test_a_mark_ends_as_silence_was_proven_and_is_none_of_who_came_later(
    may_record: bool, silences: list, joined: float | None, mark: tuple[float, float | None] | None
) -> None:
    recording = a_recording(*silences, consent=MARKING, was_active=True, sound={"begun_at": 1})
    people = [Presence(participant=ANA, joined_at=at(joined), told_at=at(joined))] if joined else []
    status = a_call(recording, participants=people)
    is_marked = deletion_marks.add(status, recording, REFUSAL, may_record, at(60))
    assert is_marked is (mark is not None)
    assert marks_of(recording) == ([mark] if mark else [])
    assert all(seconds(each.marked_at) == 60 for each in recording.marked)


@pytest.mark.parametrize("origin", ["announced", "requested"])
@pytest.mark.parametrize(("stopped", "until"), [(None, 60), (30, 30)])
def test_of_what_nobody_here_began_a_mark_ends_as_its_end_was_told(
    origin: str, stopped: float | None, until: float
) -> None:
    """It ended at once, as if nothing had been recorded: a start was sent by nobody here."""
    known = {"origin": origin, "consent": MARKING, "stopped_at": at_or_none(stopped)}
    recording = a_recording(was_active=True, **known)
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


def test_an_open_mark_that_would_have_no_length_is_dropped() -> None:
    mark = DeletionMark(participant=ANA, since=at(2), marked_at=at(2))
    recording = a_recording(marked=[mark])
    deletion_marks.end(recording, at(2))
    assert recording.marked == []


# Times that are marked later: silence was taken back, or somebody has returned.


def decided(given: bool, seconds: float) -> ConsentRecord:
    when = {"decided_at": at(seconds), "received_at": at(seconds)}
    return ConsentRecord(participant=ANA, given=given, **when)


def stay(joined: float | None, left: float | None = None, connection: str = "") -> Presence:
    times = {"joined_at": at_or_none(joined), "left_at": at_or_none(left), "told_at": at(0)}
    return Presence(participant=ANA, connection=connection, **times)


def extended(
    *marks: tuple[float, float | None],
    silences: tuple[Any, ...] = (),
    decisions: tuple[ConsentRecord, ...] = (decided(False, 10),),
    stays: tuple[Presence, ...] = (),
    **facts: Any,
) -> list[tuple[float | None, float | None]]:
    """Return the marks of a recording that began with consent, once they are extended."""
    known = [
        DeletionMark(participant=ANA, since=at(a), until=at_or_none(b), marked_at=at(2))
        for a, b in marks
    ]
    sound = {"begun_at": 1, "active_at": 2, **facts.pop("sound", {})}
    facts = {"consent": MARKING, "was_active": True, "consented_at": at(0), **facts}
    recording = a_recording(*silences, sound=sound, marked=known, sealed=A_SEAL, **facts)
    status = a_call(recording, consents=list(decisions), participants=list(stays))
    is_new = deletion_marks.extend(status, recording, at(60))
    assert is_new is (recording.sealed is None)
    assert is_new is (marks_of(recording) != list(marks))
    assert not deletion_marks.extend(status, recording, at(60)), "once"
    return marks_of(recording)


@pytest.mark.parametrize(
    ("known", "silences", "found"),
    [
        ([(0, 11)], [silent(11)], [(0, 11)]),
        ([(0, 11)], [], [(0, None)]),
        ([(0, 11)], [silent(11, 30)], [(0, 11), (30, None)]),
        ([(0, 11)], [silent(11, 20), silent(40)], [(0, 11), (20, 40)]),
        ([(0, None)], [silent(11, 20), silent(40)], [(0, None)]),
        ([(0, 11), (20, 30)], [silent(11, 20), silent(40)], [(0, 11), (20, 40)]),
        ([(0, 12)], [silent(11, 12), silent(40)], [(0, 40)]),
    ],
)
def test_what_is_not_claimed_to_be_silent_any_more_is_marked(
    known: list, silences: list, found: list
) -> None:
    assert extended(*known, silences=tuple(silences)) == found


@pytest.mark.parametrize(
    ("stays", "found"),
    [
        ([stay(0, 20)], [(0, 11)]),
        ([stay(0, 20), stay(30)], [(0, 11), (30, 40)]),
        ([stay(0, 20), stay(39.5)], [(0, 11), (39.5, 40)]),
        ([stay(0, 20), stay(40)], [(0, 11)]),
        ([stay(0, 20), stay(30, 35)], [(0, 11), (30, 35)]),
        ([stay(0, 20), stay(30, connection="a"), stay(30, connection="b")], [(0, 11), (30, 40)]),
        ([stay(0, 20), stay(None, 25)], [(0, 11), (20, 25)]),
        ([], [(0, 11), (20, 40)]),
    ],
)
def test_who_refused_is_marked_while_they_are_in_the_call_or_may_be(
    stays: list[Presence], found: list
) -> None:
    """The silence of their hold ended as they left, and that of the next one began at 40."""
    silences = (silent(11, 20), silent(40))
    assert extended((0, 11), silences=silences, stays=tuple(stays)) == found


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        ([decided(False, 10)], [(0, 11), (20, None)]),
        ([decided(False, 10), decided(True, 20)], [(0, 11)]),
        ([decided(False, 10), decided(True, 25)], [(0, 11), (20, 25)]),
        ([decided(False, 10), decided(True, 25), decided(True, 27)], [(0, 11), (20, 25)]),
        ([decided(False, 10), decided(True, 25), decided(False, 30)], [(0, 11), (20, None)]),
        ([decided(True, 10)], [(0, 11)]),
        ([], [(0, 11)]),
    ],
)
def test_they_are_marked_until_word_of_their_agreement_came(
    decisions: list[ConsentRecord], found: list
) -> None:
    assert extended((0, 11), silences=(silent(11, 20),), decisions=tuple(decisions)) == found


@pytest.mark.parametrize(
    ("known", "stays", "decisions", "found"),
    [
        ((20, None), [stay(0, 15), stay(20, 25)], [], (20, 25)),
        ((20, None), [stay(0, 15), stay(20)], [], (20, None)),
        ((20, None), [stay(0, 15), stay(20, 25), stay(22, connection="b")], [], (20, None)),
        ((20, None), [], [], (20, None)),
        ((20, None), [], [decided(True, 25)], (20, 25)),
        ((20, None), [stay(0, 15), stay(20)], [decided(True, 25)], (20, 25)),
        ((20, None), [stay(0, 15), stay(20, 25)], [decided(False, 21)], (20, None)),
        ((20, 30), [stay(0, 15), stay(20, 25)], [], (20, 30)),
        ((20, None), [stay(0, 15)], [], None),
        ((0, None), [stay(0, 15)], [], (0, None)),
        ((10, None), [stay(10, 15)], [], (10, None)),
    ],
)
def test_the_mark_of_a_return_ends_with_it_and_that_of_a_refusal_with_silence(
    known: tuple[float, float | None],
    stays: list[Presence],
    decisions: list[ConsentRecord],
    found: tuple[float, float | None] | None,
) -> None:
    told = (decided(False, 10), *decisions)
    silences = (silent(1, 20),)
    marks = extended(known, silences=silences, decisions=told, stays=tuple(stays))
    assert marks == ([found] if found else [])


def test_an_agreement_that_does_not_count_ends_no_mark() -> None:
    outdated = decided(True, 20).model_copy(update={"counts": False})
    assert extended((0, None), decisions=(decided(False, 10), outdated)) == [(0, None)]
    assert extended((0, 11), decisions=(decided(False, 10), outdated)) == [(0, None)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, [(1, 33)]),
        ({"consented_at": at(1)}, [(1, 33)]),
        ({"consented_at": at(2), "sound": {"active_at": 40}}, []),
        ({"consented_at": at(10), "sound": {"active_at": 11}}, [(10, 33)]),
        ({"consented_at": at(10), "sound": {"active_at": 10}}, [(10, 33)]),
        ({"consented_at": at(10), "sound": {"active_at": 9}}, [(1, 33)]),
        ({"consented_at": at(10), "sound": {"active_at": None}}, [(10, 33)]),
        ({"consented_at": at(10), "sound": {"active_at": None}, "was_active": False}, []),
        ({"consented_at": None, "sound": {"active_at": 33}}, []),
        ({"consented_at": None, "sound": {"active_at": 32}}, [(1, 33)]),
        ({"consented_at": None, "sound": {"active_at": None}}, [(1, 33)]),
        ({"consented_at": None, "sound": {"active_at": None}, "was_active": False}, []),
        ({"sound": {"begun_at": None}}, []),
        ({"sound": {"over_at": 20}}, [(1, 20)]),
        ({"origin": "announced"}, []),
        ({"consent": KEEPING}, []),
    ],
)
def test_what_began_paused_is_not_marked_before_it_was_seen_to_record(
    facts: dict[str, Any], found: list
) -> None:
    assert extended(silences=(silent(33),), **facts) == found


# What a call could not remember.

MANY = MAX_KEPT_PAUSES + 50


def a_long_recording(*silences: Any, **facts: Any) -> RecordingStatus:
    known = {"consent": MARKING, "was_active": True, "consented_at": at(0), "sealed": A_SEAL}
    return a_recording(*silences, sound={"begun_at": 1, "active_at": 2}, **known, **facts)


def gone_through(*spans: tuple[float, float]) -> dict[str, Any]:
    """Return the facts of a call in which she refused, and was in these times."""
    return {"consents": [decided(False, 1)], "participants": [stay(*span) for span in spans]}


def test_marks_that_were_joined_are_not_made_again() -> None:
    """Each event made them again, and took the seal off."""
    recording = a_long_recording()
    people = [hashed(f"{n}") for n in range(MANY)]
    stays = [stay(5 + n).model_copy(update={"participant": who}) for n, who in enumerate(people)]
    refusals = [decided(False, 1).model_copy(update={"participant": who}) for who in people]
    status = a_call(recording, participants=stays, consents=refusals)
    assert deletion_marks.extend(status, recording, at(600))
    assert len(recording.marked) == MANY
    recording.marked.reverse()
    recording.sealed = A_SEAL
    fit(status, 1, at(600))
    joined = marks_of(recording)
    assert len(joined) == MAX_KEPT_PAUSES + 1
    assert joined[0] == (5 + MAX_KEPT_PAUSES, None), "the earliest of those that were joined"
    assert not deletion_marks.extend(status, recording, at(601))
    assert recording.sealed == A_SEAL
    # The joined mark stands for all of them: it does not end as the one goes whom it names.
    named = next(each for each in stays if each.participant == recording.marked[0].participant)
    named.left_at = at(602)
    assert not deletion_marks.extend(status, recording, at(603))
    assert marks_of(recording) == joined


def test_nothing_is_marked_for_want_of_a_silence_that_was_given_up() -> None:
    times = [100 + 20 * n for n in range(MANY)]
    recording = a_long_recording(*(silent(since, since + 10) for since in times))
    status = a_call(recording, **gone_through(*((since + 1, since + 9) for since in times)))
    assert not deletion_marks.extend(status, recording, at(9_000))
    fit(status, 1, at(9_000))
    assert len(recording.silence.silent) == MAX_KEPT_PAUSES
    assert not deletion_marks.extend(status, recording, at(9_001))
    assert recording.sealed == A_SEAL
    status.participants.append(stay(9_002))
    assert deletion_marks.extend(status, recording, at(9_003))
    assert marks_of(recording) == [(9_002, None)]


def test_nothing_is_marked_for_want_of_a_silence_in_doubts_that_were_joined() -> None:
    times = [100 + 20 * n for n in range(MANY)]
    recording = a_long_recording(
        *(silent(since, since + 10) for since in times[:20]),
        doubts=[doubtful(since + 10, since + 11) for since in times],
    )
    status = a_call(recording, **gone_through(*((since + 1, since + 9) for since in times[:20])))
    assert not deletion_marks.extend(status, recording, at(9_000))
    fit(status, 1, at(9_000))
    assert [seconds(each.since) for each in recording.silence.silent] == [100]
    assert not deletion_marks.extend(status, recording, at(9_001))
    assert recording.sealed == A_SEAL


def test_a_state_is_measured_once_it_has_grown_by_many_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were counted as one note, however many there were."""
    monkeypatch.setattr(state_limits, "MAX_SIZE", 1)
    monkeypatch.setattr(state_limits, "LEAST_ROOM", 2 * state_limits.MAX_NOTE_SIZE)
    recording = a_long_recording()
    refusals = [
        decided(False, 1).model_copy(update={"participant": hashed(f"{n}")}) for n in range(MANY)
    ]
    Lifecycle(a_call(recording, consents=refusals)).settle(recording, at(600))
    assert len(recording.marked) == MAX_KEPT_PAUSES + 1
