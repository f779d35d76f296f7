"""The limits of a state: what is given up first, what is kept of each list, and what is said."""

from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, AlarmRecord
from callvault.contracts.consent import ConsentHold, ConsentTerms
from callvault.contracts.status import CallStatus, TimelineEntry
from tests.unit.call import hashed
from workflows.call.state_limits import fit, size_of

from .facts import a_call, a_recording, at, doubtful
from .test_alarm_ends import an_alarm
from .test_consent import said as decided
from .test_takeover import a_pause, a_request

NOTED = at(99)
"""Time at which something is given up: nothing else happens then."""

TOO_MUCH = "more than a call can remember: "


def given_up(status: CallStatus, limit: int = 0) -> str:
    """Fit a state, and return what is said of that; nothing fits into no byte."""
    fit(status, limit, NOTED)
    if not status.timeline or status.timeline[-1].at != NOTED:
        return ""
    what = status.timeline.pop().what
    assert what.startswith(TOO_MUCH)
    return what.removeprefix(TOO_MUCH)


def given_up_first(status: CallStatus) -> str:
    """Make a state smaller by at least a byte, and return what was given up for that."""
    return given_up(status, size_of(status) - 1)


def lines(count: int) -> list[TimelineEntry]:
    return [TimelineEntry(at=at(1), what=f"{n}") for n in range(count)]


def requests(count: int, *pending: int) -> dict[str, Any]:
    """Make so many requests, r0 and so on, of which these alone are pending."""
    states = ["pending" if n in pending else "confirmed" for n in range(count)]
    return {f"r{n}": a_request(state=state) for n, state in enumerate(states)}


def alarms(count: int, first: dict[str, Any], **alarm: Any) -> list[AlarmRecord]:
    """Make so many alarms, a0 and so on, that were sent and do not end; a0 with these facts."""
    others = [an_alarm(AlarmKind.LOST, id=f"a{n}") for n in range(1, count)]
    oldest = {"alarm": an_alarm(AlarmKind.LOST, id="a0", **alarm), "sent_at": at(2), **first}
    return [AlarmRecord(**oldest), *(AlarmRecord(alarm=each, sent_at=at(2)) for each in others)]


# When anything is given up.


@pytest.mark.parametrize(("room", "is_cut"), [(9, False), (0, False), (-1, True)])
def test_nothing_is_given_up_of_a_state_that_fits(room: int, is_cut: bool) -> None:
    status = a_call(timeline=lines(60))
    left = fit(status, size_of(status) + room, NOTED)
    assert left >= 0 if is_cut else left == room
    assert len(status.timeline) == (52 if is_cut else 60)


def test_a_state_without_anything_to_give_up_is_left_as_it_is() -> None:
    status = a_call(a_recording())
    before, size = status.model_copy(deep=True), size_of(status)
    assert fit(status, 1, NOTED) == 1 - size
    assert status == before


def test_what_is_worth_least_is_given_up_first_and_no_more_than_has_to_be() -> None:
    recording = a_recording(
        doubts=tuple(doubtful(4 * n, 4 * n + 1) for n in range(252)),
        problem="x" * 300,
        pauses=[a_pause(when=n, released_at=at(n)) for n in range(251)],
    )
    status = a_call(
        recording,
        timeline=lines(52),
        requests=requests(251),
        alarms=alarms(252, {"sent_at": None}),
        consents=[decided(True, request_id=f"decision {n}") for n in range(101)],
    )
    assert list(iter(lambda: given_up_first(status), "")) == [
        "1 lines of the timeline were given up",
        "1 old requests were given up",
        "1 old alarms were given up",
        "1 texts were cut to 200 characters",
        "200 old requests were given up",
        "1 texts were cut to 40 characters",
        "the ids of 1 old decisions were given up",
        "1 old doubts, marks and silent times were joined or given up",
        "recording 1: 1 of its oldest pauses and holds are not kept",
        "1 old alarms were given up",
        "1 texts were cut to 16 characters",
    ]


def test_all_that_was_given_up_at_once_is_said_in_one_entry() -> None:
    status = a_call(timeline=lines(53), requests=requests(52))
    told = "2 lines of the timeline were given up; 2 old requests were given up"
    assert given_up(status) == told


# Lists of the call.


@pytest.mark.parametrize(
    ("count", "cut"), [(0, 0), (1, 0), (50, 0), (51, 0), (52, 1), (53, 2), (60, 9)]
)
def test_of_a_timeline_the_first_entry_and_the_newest_are_kept(count: int, cut: int) -> None:
    status = a_call(timeline=lines(count))
    assert given_up(status) == (f"{cut} lines of the timeline were given up" if cut else "")
    kept = [f"{n}" for n in range(count) if not 0 < n <= cut]
    assert [entry.what for entry in status.timeline] == kept


@pytest.mark.parametrize(
    ("count", "pending", "kept", "cuts"),
    [
        (50, (), range(50), ()),
        (51, (), range(1, 51), (1,)),
        (52, (0,), [0, *range(2, 52)], (1,)),
        (250, (), range(200, 250), (200,)),
        (251, (), range(201, 251), (1, 200)),
        (252, (0, 9), [0, 9, *range(202, 252)], (1, 199)),
    ],
)
def test_of_requests_the_newest_and_all_that_are_pending_are_kept(
    count: int, pending: tuple[int, ...], kept: Any, cuts: tuple[int, ...]
) -> None:
    status = a_call(requests=requests(count, *pending))
    told = "; ".join(f"{cut} old requests were given up" for cut in cuts)
    assert given_up(status) == told
    assert list(status.requests) == [f"r{n}" for n in kept]


RESOLVES: dict[str, Any] = {"resolves": True}


@pytest.mark.parametrize(
    ("first", "alarm", "is_kept"),
    [
        ({}, {}, False),
        ({"sent_at": None}, {}, True),
        ({"sent_at": None, "problem": "refused"}, RESOLVES, False),
        ({}, RESOLVES, True),
        ({"resolved_at": at(3)}, RESOLVES, False),
    ],
)
def test_an_old_alarm_of_which_something_is_still_to_be_told_is_given_up_last(
    first: dict[str, Any], alarm: dict[str, Any], is_kept: bool
) -> None:
    status = a_call(alarms=alarms(252, first, **alarm), alarms_left_out=5)
    cut = 1 if is_kept else 2
    assert given_up_first(status) == f"{cut} old alarms were given up"
    names = [record.alarm.id for record in status.alarms]
    assert names == [*(["a0"] if is_kept else []), *(f"a{n}" for n in range(2, 252))]
    assert status.alarms_left_out == 5 + cut
    assert given_up(status) == ("1 old alarms were given up" if is_kept else "")
    assert (status.alarms[0].alarm.id, len(status.alarms)) == ("a2", 250)
    assert status.alarms_left_out == 7


def test_as_many_alarms_as_are_kept_are_not_given_up() -> None:
    status = a_call(alarms=alarms(250, {}))
    assert given_up(status) == ""
    assert (len(status.alarms), status.alarms_left_out) == (250, 0)


@pytest.mark.parametrize(
    ("count", "without", "cut"), [(100, None, 0), (101, None, 1), (101, 0, 0), (103, 0, 2)]
)
def test_of_old_decisions_the_callers_ids_are_forgotten(
    count: int, without: int | None, cut: int
) -> None:
    ids = [None if n == without else f"decision {n}" for n in range(count)]
    status = a_call(consents=[decided(True, request_id=each) for each in ids])
    told = f"the ids of {cut} old decisions were given up" if cut else ""
    assert given_up(status) == told
    kept = [record.request_id for record in status.consents]
    assert kept == [None] * (count - 100) + ids[count - 100 :]


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"actual": "stopped", "wanted": "stopped"}, 1),
        ({"actual": "stopped", "wanted": "stopped", "looked_for_until": at(9)}, 3),
        ({"actual": "active"}, 3),
        ({"actual": "active", "looked_for_until": at(9)}, 3),
    ],
)
def test_whom_a_recording_that_is_over_waited_for_is_forgotten_but_for_one(
    facts: dict[str, Any], kept: int
) -> None:
    names = tuple(hashed(who) for who in ("ana", "ben", "cem"))
    terms = ConsentTerms(consent_policy="named", consent_participants=names)
    status = a_call(a_recording(consent=terms, **facts))
    assert given_up(status) == ""
    [recording] = status.recordings
    assert recording.consent.consent_participants == names[:kept]
    assert recording.consent.consent_policy == "named"


# Pauses and holds of a recording.


@pytest.mark.parametrize(
    ("pauses", "still_open", "holds", "cut"),
    [
        (250, (), 250, 0),
        (251, (), 0, 1),
        (251, (0,), 0, 0),
        (252, (0,), 0, 1),
        (0, (), 251, 1),
        (252, (), 251, 3),
    ],
)
def test_the_newest_pauses_and_holds_are_kept_and_each_that_is_still_held(
    pauses: int, still_open: tuple[int, ...], holds: int, cut: int
) -> None:
    def a_pause_of(n: int) -> Any:
        return a_pause(when=n, released_at=None if n in still_open else at(n))

    recording = a_recording(
        pauses=[a_pause_of(n) for n in range(pauses)],
        holds=[ConsentHold(since=at(n), until=at(n), reason="y" * 16) for n in range(holds)],
        pauses_left_out=5,
    )
    told = f"{5 + cut} of its oldest pauses and holds are not kept" if cut else ""
    assert given_up_first(a_call(recording)) == (f"recording 1: {told}" if cut else "")
    assert recording.pauses_left_out == 5 + cut
    assert recording.problem == told
    old = max(0, pauses - 250)
    kept = [at(n) for n in range(pauses) if n >= old or n in still_open]
    assert [pause.requested_at for pause in recording.pauses] == kept
    assert [hold.since for hold in recording.holds] == [at(n) for n in range(holds)][-250:]


def test_a_problem_that_is_known_stays_as_it_was_said_and_each_recording_is_named() -> None:
    def with_pauses(number: int, **facts: Any) -> Any:
        known = [a_pause(when=n, released_at=at(n)) for n in range(251)]
        return a_recording(number=number, pauses=known, **facts)

    status = a_call(with_pauses(1, problem="it was late"), a_recording(number=2), with_pauses(3))
    told = "1 of its oldest pauses and holds are not kept"
    assert given_up_first(status) == f"recording 1: {told}; recording 3: {told}"
    assert [each.problem for each in status.recordings] == ["it was late", "", told]
