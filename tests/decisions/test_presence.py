"""Presence: who is here, perhaps here, or gone, at each boundary of each coming and going."""

import hashlib
import itertools

import pytest

from callvault.contracts.consent import Presence
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.status import CallStatus
from tests.unit.call import hashed
from workflows.call import presence
from workflows.call.intervals import FOREVER

from .facts import at, at_or_none, seconds

ANA, BEN = hashed("ana"), hashed("ben")

Stay = tuple[float | None, float | None]


def stay(
    joined: float | None = None,
    left: float | None = None,
    *,
    who: str = ANA,
    connection: str = "",
    told: float = 0,
    doubted: bool = False,
    again: float | None = None,
) -> Presence:
    return Presence(
        participant=who,
        connection=connection,
        joined_at=at_or_none(joined),
        left_at=at_or_none(left),
        told_at=at(told),
        may_have_left=doubted,
        again_at=at_or_none(again),
    )


def a_call(*stays: Presence, **facts: int) -> CallStatus:
    return CallStatus(server_call_id="call", resource="default", participants=list(stays), **facts)


def moves(
    status: CallStatus, joined: bool, when: float | None, *, now: float = 20, connection: str = ""
) -> bool:
    change = ParticipantChanged(
        participant=ANA, joined=joined, at=at_or_none(when), connection=connection
    )
    return presence.move(status, change, at(now))


def stays_of(status: CallStatus) -> list[tuple[str, float | None, float | None, bool]]:
    return [
        (each.connection, seconds(each.joined_at), seconds(each.left_at), each.may_have_left)
        for each in status.participants
    ]


@pytest.mark.parametrize(
    ("stays", "here", "perhaps", "gone"),
    [
        ([stay()], True, True, False),
        ([stay(left=5)], False, False, True),
        ([stay(doubted=True)], False, True, False),
        ([stay(left=5, connection="a"), stay(connection="b")], True, True, False),
        ([stay(left=5, connection="a"), stay(doubted=True)], False, True, False),
        ([], False, False, False),
    ],
)
def test_somebody_is_here_perhaps_or_gone_by_all_their_devices(
    stays: list[Presence], here: bool, perhaps: bool, gone: bool
) -> None:
    status = a_call(*stays)
    assert (presence.here(status) == {ANA}) is here
    assert (presence.perhaps_here(status) == {ANA}) is perhaps
    assert (presence.gone(status) == {ANA}) is gone


@pytest.mark.parametrize(
    ("stays", "left_out", "since"),
    [
        ([stay(3)], 0, 3),
        ([stay(5), stay(3)], 0, 3),
        ([stay(3), stay(None)], 0, None),
        ([stay(None)], 0, None),
        ([stay(3)], 1, None),
        ([stay(3, who=BEN)], 0, None),
        ([stay(3), stay(1, who=BEN), stay(None, who=BEN)], 0, 3),
    ],
)
def test_somebody_is_in_the_call_since_their_first_coming_if_all_are_known(
    stays: list[Presence], left_out: int, since: float | None
) -> None:
    status = a_call(*stays, participants_left_out=left_out)
    assert seconds(presence.in_call_since(status, ANA)) == since


def test_stays_began_when_somebody_came_or_was_told_of_first() -> None:
    status = a_call(
        stay(3, told=9), stay(None, told=7), stay(1, 2), stay(4, who=BEN), stay(5, 6, who=BEN)
    )
    assert list(map(seconds, presence.comings(status, {ANA}))) == [3, 7]
    assert list(map(seconds, presence.last_goings(status))) == [6]
    assert list(map(seconds, presence.last_goings(status, {ANA}))) == [2]
    assert presence.last_goings(a_call(stay(3))) == []


@pytest.mark.parametrize(
    ("stays", "until"),
    [
        ([stay(1)], None),
        ([stay(1, 5)], 5),
        ([stay(1, doubted=True, told=9)], 9),
        ([stay(1, doubted=True, told=9), stay(2, 6)], 6),
        ([stay(1, doubted=True, told=9), stay(2, 6, who=BEN)], 9),
    ],
)
def test_somebody_is_in_the_call_for_certain_until_the_last_device_that_has_left(
    stays: list[Presence], until: float | None
) -> None:
    assert seconds(presence.certain_until(a_call(*stays), stays[0])) == until


@pytest.mark.parametrize(
    ("stays", "away", "returned"),
    [
        ([], [], None),
        ([stay(1)], [], None),
        ([stay(1, 5)], [(5, None)], None),
        ([stay(None, 5)], [(5, None)], None),
        ([stay(1, 5), stay(7)], [(5, 7)], 7),
        ([stay(7), stay(1, 5)], [(5, 7)], 7),
        ([stay(1, 5), stay(5)], [], None),
        ([stay(1, 5, connection="a"), stay(4, connection="b")], [], None),
        ([stay(1, 9, connection="a"), stay(2, 4), stay(5, 6), stay(10)], [(9, 10)], 10),
        ([stay(1, 2), stay(3, 4), stay(5)], [(2, 3), (4, 5)], 5),
        ([stay(1, 2), stay(3, 4)], [(2, 3), (4, None)], 3),
        ([stay(1, 2), stay(None, 4)], [(4, None)], None),
        ([stay(1, 2), stay(None, told=5)], [], None),
        ([stay(1, 2), stay(3, doubted=True)], [(2, 3)], 3),
        ([stay(1, 2, who=BEN), stay(3)], [], None),
    ],
)
def test_somebody_is_known_to_have_been_gone_between_the_stays_of_all_their_devices(
    stays: list[Presence], away: list[Stay], returned: float | None
) -> None:
    status = a_call(*stays)
    found = [
        (seconds(since), None if until == FOREVER else seconds(until))
        for since, until in presence.away(status, ANA)
    ]
    assert found == away
    assert seconds(presence.returned_at(status, ANA)) == returned
    status.participants_left_out = 1
    assert presence.away(status, ANA) == [], "a stay that is forgotten may lie between"


def test_who_is_in_doubt_may_have_left_by_every_stay_that_is_open() -> None:
    status = a_call(stay(1), stay(2, 3), stay(1, who=BEN))
    presence.doubt(status, ANA)
    assert [each.may_have_left for each in status.participants] == [True, False, False]


@pytest.mark.parametrize(
    ("stays", "is_added"),
    [
        ([], True),
        ([stay(left=5)], True),
        ([stay(doubted=True)], False),
        ([stay()], False),
        ([stay(connection="a")], False),
    ],
)
def test_who_is_named_by_a_request_is_here_from_then_on(
    stays: list[Presence], is_added: bool
) -> None:
    status = a_call(*stays)
    presence.named(status, ANA, at(20))
    assert len(status.participants) == len(stays) + is_added
    assert presence.here(status) == {ANA}
    assert seconds(status.participants[-1].told_at) == (20 if is_added else 0)


@pytest.mark.parametrize(("told", "known"), [(None, 20), (19, 19), (20, 20), (21, 20)])
def test_nobody_moves_later_than_that_is_known(told: float | None, known: float) -> None:
    status = a_call()
    assert moves(status, True, told)
    assert stays_of(status) == [("", known, None, False)]
    assert seconds(status.participants[0].told_at) == 20


@pytest.mark.parametrize("connection", ["", "a"])
@pytest.mark.parametrize(
    ("left", "joined", "is_news"), [(10, 9, False), (10, 10, True), (10, 11, True)]
)
def test_a_coming_is_news_unless_the_same_connection_has_left_since(
    connection: str, left: float, joined: float, is_news: bool
) -> None:
    status = a_call(stay(1, left, connection=connection))
    assert moves(status, True, joined, connection=connection) is is_news
    assert len(status.participants) == 1 + is_news
    other = a_call(stay(1, left, connection="another"))
    assert moves(other, True, joined, connection=connection)


@pytest.mark.parametrize(
    ("known", "connection", "is_news"),
    [
        (stay(1, connection="a"), "a", False),
        (stay(1, connection="a", doubted=True), "a", True),
        (stay(1), "", False),
        (stay(1, doubted=True), "", True),
        (stay(1, connection="a"), "", False),
        (stay(1), "a", True),
        (stay(1, connection="a"), "b", True),
    ],
)
def test_a_coming_of_who_is_here_is_news_of_another_device_or_ends_a_doubt(
    known: Presence, connection: str, is_news: bool
) -> None:
    status = a_call(known)
    assert moves(status, True, 5, connection=connection) is is_news
    assert presence.here(status) == {ANA}
    is_same = not connection or connection == known.connection
    assert len(status.participants) == (1 if is_same else 2)


@pytest.mark.parametrize(
    ("known", "when", "stays"),
    [
        (stay(10, connection="a"), 9, None),
        (stay(10, connection="a"), 10, [("a", 10, 10, False)]),
        (stay(10, connection="a"), 11, [("a", 10, 11, False)]),
        (stay(None, connection="a"), 9, [("a", None, 9, False)]),
        (stay(10, 12, connection="a"), 13, None),
        (stay(10, connection="b"), 11, [("b", 10, None, False), ("a", None, 11, False)]),
        (stay(10), 11, [("", 10, None, True), ("a", None, 11, False)]),
        (stay(10, 12), 13, [("", 10, 12, False), ("a", None, 13, False)]),
    ],
)
def test_a_device_leaves_if_it_came_before_and_puts_in_doubt_whom_no_device_tells(
    known: Presence, when: float, stays: list | None
) -> None:
    status = a_call(known)
    assert moves(status, False, when, connection="a") is (stays is not None)
    if stays is not None:
        assert stays_of(status) == stays


def test_the_last_of_two_stays_by_one_device_is_the_one_that_ends() -> None:
    status = a_call(stay(1, 2, connection="a"), stay(3, connection="a"))
    assert moves(status, False, 5, connection="a")
    assert stays_of(status) == [("a", 1, 2, False), ("a", 3, 5, False)]


@pytest.mark.parametrize(
    ("known", "when", "stays"),
    [
        ([stay(10)], 9, None),
        ([stay(10)], 10, [("", 10, 10, False)]),
        ([stay(None)], 9, [("", None, 9, False)]),
        ([stay(10, 12)], 13, None),
        ([stay(3, connection="a"), stay(4)], 9, [("a", 3, 9, False), ("", 4, 9, False)]),
        ([stay(10, connection="a"), stay(3)], 9, [("a", 10, None, False), ("", 3, 9, False)]),
        ([], 9, [("", None, 9, False)]),
    ],
)
def test_a_person_leaves_with_every_device_that_came_before(
    known: list[Presence], when: float, stays: list | None
) -> None:
    status = a_call(*known)
    assert moves(status, False, when) is (stays is not None)
    if stays is not None:
        assert stays_of(status) == stays


# Word of one connection, in any order.


@pytest.mark.parametrize("connection", ["", "a"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_in_any_order_of_word_what_happened_last_counts_and_no_stay_is_missed(
    connection: str, first: bool, number: int
) -> None:
    # By turns, one every ten seconds.
    words = [(first ^ bool(turn % 2), 10 * (turn + 1)) for turn in range(number)]
    stays = [
        (when, when + 10 if turn + 1 < number else None)
        for turn, (joined, when) in enumerate(words)
        if joined
    ]
    for order in itertools.permutations(words):
        status = a_call()
        for joined, when in order:
            moves(status, joined, when, now=100, connection=connection)
        assert bool(presence.here(status)) is words[-1][0], order
        known = [(since or 0, until or 100) for _, since, until, _ in stays_of(status)]
        for since, until in stays[: 2 if number < 5 else 0]:
            assert any(a <= since and (until or 100) <= b for a, b in known), order


@pytest.mark.parametrize("connection", ["", "a"])
@pytest.mark.parametrize(
    ("words", "stays"),
    [
        # Left, and back: the coming was known first.
        ([(True, 10), (True, 50), (False, 40)], [(10, 40), (50, None)]),
        ([(True, 10), (True, 50), (False, 50)], [(10, 50)]),
        ([(True, 10), (True, 50), (False, 40), (False, 60)], [(10, 40), (50, 60)]),
        ([(True, 50), (True, 10), (False, 40)], [(10, 40), (50, None)]),
        ([(True, 50), (True, 10), (True, 10), (False, 40), (True, 10)], [(10, 40), (50, None)]),
        ([(True, None), (False, 60)], [(100, None)]),
        ([(True, 10), (True, None), (False, 60)], [(10, 60), (100, None)]),
        # Left before a coming that is told of afterwards.
        ([(False, 50), (True, 40)], [(40, 50)]),
        ([(False, 50), (True, 40), (True, 40)], [(40, 50)]),
        ([(False, 50), (True, 50)], [(None, 50), (50, None)]),
        ([(True, 10), (False, 40), (False, 60), (True, 50)], [(10, 40), (50, 60)]),
        ([(True, 10), (False, 40), (False, 60), (True, 60)], [(10, 40), (60, None)]),
        ([(True, 10), (False, 40), (False, 60), (False, 55), (True, 58)], [(10, 40), (58, 60)]),
        ([(True, 10), (False, 40), (False, 40), (True, 40)], [(10, 40), (40, None)]),
        # What tells no time of its own is no newer leaving: it may be told twice.
        ([(True, 10), (False, 40), (False, None), (True, 50)], [(10, 40), (50, None)]),
    ],
)
def test_the_stays_of_one_connection_follow_from_the_times_of_what_is_told(
    connection: str, words: list[tuple[bool, float | None]], stays: list[Stay]
) -> None:
    status = a_call()
    for joined, when in words:
        moves(status, joined, when, now=100, connection=connection)
    assert [each[1:3] for each in stays_of(status)] == stays


@pytest.mark.parametrize(
    ("words", "is_news"),
    [
        ([(True, 10), (True, 50)], False),
        ([(True, 10), (True, 50), (False, 40)], True),
        ([(True, 50), (True, 10)], True),
        ([(False, 50), (True, 40)], True),
        ([(False, 50), (True, 40), (True, 40)], False),
        ([(True, 10), (False, 40), (False, 60)], False),
        ([(True, 10), (False, 40), (False, 60), (True, 50)], True),
    ],
)
def test_what_changes_a_stay_is_news(words: list[tuple[bool, float]], is_news: bool) -> None:
    status = a_call()
    told = [moves(status, joined, when, now=100, connection="a") for joined, when in words]
    assert told[-1] is is_news


@pytest.mark.parametrize(
    ("asked", "left", "stays"),
    [(60, 49, [("", 10, 49, False), ("", 50, None, False)]), (60, 50, [("", 10, 50, False)])],
)
def test_who_is_here_and_named_once_more_has_not_left_long_before_that(
    asked: float, left: float, stays: list
) -> None:
    status = a_call(stay(10))
    presence.named(status, ANA, at(asked))
    moves(status, False, left, now=100)
    assert stays_of(status) == stays


@pytest.mark.parametrize(("came", "is_doubted"), [(49, True), (50, False)])
def test_a_coming_ends_no_doubt_that_is_younger(came: float, is_doubted: bool) -> None:
    status = a_call(stay(10))
    moves(status, False, 50, now=100, connection="a")
    assert moves(status, True, came, now=100) is not is_doubted
    assert status.participants[0].may_have_left is is_doubted
    # So is the stay that begins with it, once a leaving from before is told.
    moves(status, False, 45, now=100)
    assert presence.here(status) == (set() if is_doubted else {ANA})
    assert presence.perhaps_here(status) == {ANA}


def test_a_stay_of_which_is_heard_at_its_end_puts_in_doubt_whom_no_device_tells() -> None:
    status = a_call(stay(10), stay(10, 20, connection="a"))
    moves(status, False, 60, now=100, connection="a")
    assert presence.here(status) == {ANA}
    moves(status, True, 50, now=100, connection="a")
    assert presence.here(status) == set()


@pytest.mark.parametrize(
    ("connection", "stays", "when", "is_gone"),
    [
        ("", [stay(10)], 40, True),
        ("", [stay(10, again=50)], 40, False),
        ("", [stay(10, again=40)], 40, True),
        ("a", [stay(10, again=50, connection="a")], 40, False),
        ("a", [stay(10, again=50, connection="b")], 60, False),
        ("a", [stay(10, 20, again=50, connection="a")], 40, False),
        ("a", [], 40, True),
    ],
)
def test_nobody_would_be_gone_by_a_leaving_that_is_older_than_their_coming(
    connection: str, stays: list[Presence], when: float, is_gone: bool
) -> None:
    change = ParticipantChanged(participant=ANA, joined=False, connection=connection)
    assert presence.would_be_gone(a_call(*stays), change, at(when)) is is_gone


def test_where_there_is_no_room_for_another_stay_the_first_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "MAX_OPEN", 1)
    status = a_call(stay(10, again=50))
    assert moves(status, False, 40, now=100)
    assert stays_of(status) == [("", 10, None, False)]


@pytest.mark.parametrize(("joined", "connection"), [(True, ""), (False, "a"), (False, "")])
def test_of_whom_there_is_no_room_nothing_is_kept(
    joined: bool, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "MAX_OPEN", 2)
    full = a_call(stay(who=BEN), stay(who=hashed("cem")))
    assert presence.is_full(full)
    assert not moves(full, joined, 5, connection=connection)
    assert len(full.participants) == 2
    not_full = a_call(stay(who=BEN))
    assert not presence.is_full(not_full)
    assert moves(not_full, joined, 5, connection=connection)
    assert len(not_full.participants) == 2


@pytest.mark.parametrize(("joined", "connection"), [(True, ""), (False, "a"), (False, "")])
def test_beyond_the_limit_the_oldest_stay_that_another_followed_is_forgotten(
    joined: bool, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "MAX_STAYS", 3)
    cem = hashed("cem")
    status = a_call(stay(0, 1, who=cem), stay(1, 2, who=BEN), stay(3, who=BEN))
    moves(status, joined, 5, connection=connection)
    assert [each.participant for each in status.participants] == [cem, BEN, ANA]
    assert status.participants_left_out == 1
    few = a_call(stay(1, 2, who=BEN), stay(3, who=BEN))
    moves(few, joined, 5, connection=connection)
    assert (len(few.participants), few.participants_left_out) == (3, 0)


def test_beyond_the_limit_who_has_left_is_forgotten_before_anybody_who_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "MAX_STAYS", 2)
    status = a_call(stay(1, who=BEN), stay(1, 2, who=hashed("cem")))
    moves(status, True, 5)
    assert [each.participant for each in status.participants] == [BEN, ANA]
    moves(status, True, 6, connection="a")
    assert len(status.participants) == 3, "nobody has left: all are kept"
    assert status.participants_left_out == 1


@pytest.mark.parametrize(
    ("connection", "is_kept"),
    [
        ("c" * presence.MAX_CONNECTION, True),
        ("c" * (presence.MAX_CONNECTION + 1), False),
        ("ü", False),
    ],
)
def test_a_connections_id_is_kept_if_it_is_short_and_plain(connection: str, is_kept: bool) -> None:
    status = a_call()
    moves(status, True, 5, connection=connection)
    digest = hashlib.sha256(connection.encode()).hexdigest()
    assert status.participants[0].connection == (connection if is_kept else digest)


@pytest.mark.parametrize(
    "told",
    [
        stay(None, told=7),
        stay(5, told=7),
        stay(9, told=7),
        stay(5, 6, connection="a", told=7),
        stay(5, 9, connection="a", told=7),
        stay(None, 9, connection="a", told=7),
    ],
)
def test_a_stay_that_another_run_knows_is_joined_with_its_times(told: Presence) -> None:
    status = a_call()
    presence.add_stays(status, [told])
    [known] = status.participants
    times = (known.connection, known.joined_at, known.left_at)
    assert times == (told.connection, told.joined_at, told.left_at)


@pytest.mark.parametrize(
    ("told", "joined", "when", "stays"),
    [
        (stay(5, again=9, told=9), False, 7, [("", 5, 7, False), ("", 9, None, False)]),
        (stay(5, 6, again=9, told=9), True, 8, [("", 5, 6, False), ("", 8, 9, False)]),
    ],
)
def test_with_a_stay_of_another_run_is_known_what_was_told_again(
    told: Presence, joined: bool, when: float, stays: list
) -> None:
    status = a_call()
    presence.add_stays(status, [told])
    moves(status, joined, when)
    assert stays_of(status) == stays


def test_of_a_device_that_another_run_knows_to_have_left_no_coming_is_made_up() -> None:
    status = a_call()
    presence.add_stays(status, [stay(None, connection="a"), stay(None, who=BEN)])
    assert presence.here(status) == {BEN}
