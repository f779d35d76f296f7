"""Is silence claimed only where ACS can have recorded nothing? Against a world that knows it all.

The world knows when every request arrived and what ACS did then, moment by moment. The account is
told what a workflow is told: what was sent, what came back, and the times around it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from callvault.contracts.silence import SilenceAccount, SilentInterval, UnconfirmedInterval
from callvault.contracts.states import Wanted
from callvault.contracts.status import RecordingStatus
from workflows.call import silence
from workflows.call.intervals import FOREVER
from workflows.call.silence import Sight

from .call import NOON, Call

TICK = timedelta(milliseconds=500)
CONFIRM_WITHIN = timedelta(seconds=5)
STARTING, ARRIVAL = 60, 30
"""Ticks."""


def at(tick: int) -> datetime:
    return NOON + tick * TICK


def a_recording(**facts: object) -> RecordingStatus:
    return RecordingStatus.model_validate(
        {
            "number": 1,
            "origin": "requested",
            "requested_at": NOON,
            "wanted": Wanted.ACTIVE,
            **facts,
        }
    )


@dataclass
class World:
    """ACS as it is, tick by tick, and a workflow that hears of it."""

    recording: RecordingStatus = field(default_factory=a_recording)
    now: int = 0
    changes: list[tuple[int, bool]] = field(default_factory=list)
    """When ACS began to record, or ceased to: arrivals, in any order."""
    wanted: list[tuple[int, int | None]] = field(default_factory=list)
    """Times in which silence was wanted."""
    begun: int | None = None
    over: int | None = None

    # What happens.

    def start(self, delay: int, effect: int, paused: bool, is_answered: bool) -> None:
        if self.begun is not None:
            return
        self.begun = self.now
        silence.sound_asked(self.recording, at(self.now), is_paused=paused)
        self.now += delay
        if is_answered:
            silence.start_answered(self.recording, at(self.now))
            arrives = self.now + effect * STARTING // 10
        else:
            silence.sound_given_up(self.recording, at(self.now), is_start=True)
            arrives = self.now + effect * (ARRIVAL + STARTING) // 10
        if not paused:
            self.changes.append((arrives, True))
        self._review()

    def resume(self, delay: int, effect: int, unanswered: int | None, is_answered: bool) -> None:
        if self.begun is None or self.over is not None:
            return
        self._want(False)
        self._review()
        silence.sound_asked(self.recording, at(self.now))
        self.now += 1
        if unanswered is not None:
            self.changes.append((self.now + unanswered * ARRIVAL // 10, True))
        given_up = self.now if unanswered is not None else None
        self.now += 1
        arrives = self.now + (0 if is_answered else effect * ARRIVAL // 10)
        self.changes.append((arrives, True))
        self.now += delay if is_answered else 0
        if is_answered and self._sounds(self.now):
            late = at(given_up) if given_up is not None else None
            silence.resume_answered(self.recording, at(self.now), late)
        else:
            silence.sound_given_up(self.recording, at(self.now))
        self._review()

    def pause(self, ago: int, arrives: bool, answered: bool) -> None:
        if self.over is not None:
            return
        self._want(True, max(self.now - ago, 0))
        self._review()
        self.now += 1
        if self.begun is not None and arrives:
            self.changes.append((self.now, False))
        self.now += 1
        if answered:
            self.read(0, 1, 0)

    def read(self, before: int, after: int, later: int) -> None:
        """Read the state; the answer may be heard of a little later."""
        if self.begun is None or self.over is not None:
            return
        sent = self.now
        sampled = sent + before
        received = sampled + after
        self.now = received + later
        if self._sounds(sampled):
            sight = silence.active_read(self.recording, at(sent), at(received))
            if sight is Sight.DOUBT:
                self.read(0, 0, 0)
        else:
            silence.inactive_read(self.recording, at(sent), at(received), "a reading")
        self._review()

    def somebody_resumes(self, later: int) -> None:
        """Let another client resume, and have it read before anything else happens."""
        if self.begun is None or self.over is not None:
            return
        self.changes = [change for change in self.changes if change[0] <= self.now]
        self.changes.append((self.now, True))
        self.now += later
        self.read(0, 1, 0)

    def waits(self, ticks: int) -> None:
        self.now += ticks

    def end(self) -> None:
        if self.begun is None or self.over is not None:
            return
        self.over = self.now
        silence.ended(self.recording, at(self.now))
        self._review()

    # The truth.

    def _sounds(self, tick: int) -> bool:
        """Tell what ACS does at a tick: the arrival before it that came last."""
        if self.over is not None and tick >= self.over:
            return False
        arrived = [change for change in self.changes if change[0] <= tick]
        return max(arrived, key=lambda change: change[0], default=(0, False))[1]

    def _want(self, is_silence: bool, since: int | None = None) -> None:
        is_open = bool(self.wanted) and self.wanted[-1][1] is None
        if is_silence:
            self.wanted.append((self.now if since is None else since, None))
        elif is_open:
            self.wanted = [(a, self.now if b is None else b) for a, b in self.wanted]

    def _review(self) -> None:
        since = min((a for a, b in self.wanted if b is None), default=None)
        wanted_since = at(since) if since is not None else None
        silence.review(self.recording, wanted_since, "a pause", CONFIRM_WITHIN, at(self.now))

    # The laws.

    def check(self) -> None:
        self._review()
        for tick in range(self.now):
            is_claimed = covers(self.recording.silence.silent, tick)
            assert not (is_claimed and self._sounds(tick)), f"sound at {tick}, claimed to be silent"
            is_wanted = any(a <= tick and (b is None or tick < b) for a, b in self.wanted)
            is_possible = self.begun is not None and tick >= self.begun
            is_possible = is_possible and not (self.over is not None and tick >= self.over)
            is_unconfirmed = covers(self.recording.silence.unconfirmed, tick)
            assert is_unconfirmed == (is_wanted and is_possible and not is_claimed), tick
        in_order(self.recording.silence)


def covers(intervals: list[SilentInterval] | list[UnconfirmedInterval], tick: int) -> bool:
    return any(
        each.since <= at(tick) and (each.until is None or at(tick) < each.until)
        for each in intervals
    )


def in_order(account: SilenceAccount) -> None:
    for intervals in (account.silent, account.unconfirmed):
        ends = [NOON - TICK]
        for each in intervals:
            assert ends[-1] <= each.since
            assert each.until is None or each.since < each.until
            ends.append(each.until or FOREVER)


few = st.integers(0, 6)
part = st.integers(0, 9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), few, part, st.booleans(), st.booleans()),
        st.tuples(st.just("resume"), few, part, st.none() | part, st.booleans()),
        st.tuples(st.just("pause"), st.integers(0, 90), st.booleans(), st.booleans()),
        st.tuples(st.just("read"), few, few, st.integers(0, 2)),
        st.tuples(st.just("somebody_resumes"), few),
        st.tuples(st.just("waits"), st.integers(1, 90)),
        st.tuples(st.just("end")),
    ),
    max_size=14,
)


@settings(max_examples=500, derandomize=True, database=None)
@given(STEPS)
def test_no_moment_is_claimed_in_which_it_can_have_sounded(steps: list[tuple[object, ...]]) -> None:
    """And every moment in which silence was wanted and is not proven is unconfirmed."""
    world = World()
    for name, *arguments in steps:
        getattr(world, str(name))(*arguments)
        world.check()


def paused(world: World) -> World:
    """Begin, see it record, pause, and prove it."""
    world.start(1, 0, False, True)
    world.read(0, 1, 0)
    world.pause(0, True, True)
    return world


def test_a_pause_that_was_read_is_silent_from_the_answer_to_the_reading() -> None:
    world = paused(World())
    assert world.recording.silence == SilenceAccount(
        silent=[SilentInterval(since=at(world.now), proof="a reading")],
        unconfirmed=[UnconfirmedInterval(since=at(2), until=at(world.now), reason="a pause")],
    )


def test_silence_ends_when_sound_is_sent_not_when_it_is_answered() -> None:
    world = paused(World())
    world.waits(10)
    sent = world.now
    world.resume(40, 0, None, True)
    assert world.recording.silence.silent[-1].until == at(sent)


def test_a_reading_while_it_is_starting_proves_nothing() -> None:
    """G2: ACS reports what is starting and what is paused alike."""
    world = World()
    world.start(1, 0, True, True)
    started = world.now
    world.pause(0, True, True)
    assert not silence.is_silent(world.recording)
    assert silence.proves_from(world.recording) == at(started + STARTING)
    world.now = started + STARTING - 1
    world.read(0, 1, 0)
    assert not silence.is_silent(world.recording)
    world.read(0, 1, 0)
    assert silence.is_silent(world.recording)


def test_a_reading_after_a_resume_that_was_given_up_proves_nothing_while_it_may_arrive() -> None:
    """H2: its bytes are still under way."""
    world = paused(World())
    world.resume(0, 0, None, False)
    given_up = world.now
    world.pause(0, True, True)
    assert not silence.is_silent(world.recording)
    world.now = given_up + ARRIVAL - 1
    world.read(0, 0, 1)
    assert not silence.is_silent(world.recording)
    world.read(0, 1, 0)
    assert silence.is_silent(world.recording)


def test_a_foreign_resume_takes_the_claim_back_to_the_last_reading() -> None:
    """G5: what lies between two readings is not known."""
    world = paused(World())
    world.waits(20)
    last = world.now
    world.read(0, 1, 0)
    world.waits(20)
    world.somebody_resumes(3)
    [interval] = world.recording.silence.silent
    assert interval.until == at(last)
    doubt = world.recording.silence.unconfirmed[-1]
    assert (doubt.since, doubt.until, doubt.is_finding) == (at(last), None, True)


def test_sound_from_before_the_silence_is_no_contradiction() -> None:
    world = paused(World())
    before = world.recording.silence.model_copy(deep=True)
    since = before.silent[0].since
    assert silence.active_read(world.recording, since - 2 * TICK, since) is Sight.SOUND
    assert silence.active_read(world.recording, since - TICK, since + TICK) is Sight.DOUBT
    assert world.recording.silence == before
    assert silence.active_read(world.recording, since, since + TICK) is Sight.CONTRADICTION
    assert world.recording.silence.silent == []


def test_sound_that_was_read_before_the_end_is_heard_of_after_it_as_well() -> None:
    world = paused(World())
    read_at = at(world.now)
    world.waits(10)
    silence.ended(world.recording, at(world.now))
    sent_at = read_at + 2 * TICK
    sight = silence.active_read(world.recording, sent_at, sent_at + TICK)
    assert sight is Sight.CONTRADICTION
    assert all(each.since < each.until <= sent_at for each in world.recording.silence.silent)
    doubt = world.recording.silence.unconfirmed[-1]
    assert doubt.since <= sent_at
    assert (doubt.until, doubt.is_finding) == (at(world.now), True)


def test_silence_that_is_proven_is_not_unconfirmed_however_late_that_is_heard() -> None:
    """The answer to a pause came after the pause had been released."""
    world = World()
    world.start(1, 0, False, True)
    world.read(0, 1, 0)
    world.pause(0, True, False)
    sent_at, received_at = at(world.now), at(world.now + 1)
    world.waits(8)
    world._want(False)
    world._review()
    silence.inactive_read(world.recording, sent_at, received_at, "a reading")
    world.waits(4)
    world._review()
    account = world.recording.silence
    assert [each.until for each in account.unconfirmed] == [received_at]
    assert [each.since for each in account.silent] == [received_at]


def test_a_claim_that_is_taken_back_after_the_end_is_one_doubt_with_what_was_before() -> None:
    world = paused(World())
    [doubt] = world.recording.silence.unconfirmed
    world.waits(10)
    world._want(False)
    world.end()
    asked = at(world.now - 10)
    assert silence.active_read(world.recording, asked, asked + TICK) is Sight.CONTRADICTION
    in_order(world.recording.silence)
    [found] = world.recording.silence.unconfirmed
    assert (found.since, found.until, found.is_finding) == (doubt.since, at(world.now), True)


def test_the_reason_to_take_a_claim_back_is_a_finding_also_while_nothing_is_wanted() -> None:
    """It has no length then, and counts with the doubt in which it lies."""
    world = paused(World())
    world._want(False)
    world._review()
    asked = at(world.now)
    silence.active_read(world.recording, asked, asked + TICK)
    world._review()
    [found] = world.recording.silence.unconfirmed
    assert found.is_finding


def test_a_claim_is_not_taken_back_beyond_the_sound_that_was_sent_for_before_it() -> None:
    world = paused(World())
    world.waits(4)
    world.resume(1, 0, None, True)
    before = world.recording.silence.silent[0].model_copy()
    world.pause(0, True, True)
    early, now = before.since, at(world.now + 1)
    silence.active_read(world.recording, at(world.now), now, inactive_at=early)
    assert world.recording.silence.silent[0] == before
    world.now += 2
    world._review()
    in_order(world.recording.silence)


def test_no_silence_is_claimed_where_another_run_has_doubts() -> None:
    world = paused(World())
    since = world.recording.silence.silent[0].since
    world.waits(40)
    world.end()
    doubts = [
        UnconfirmedInterval(since=since + 4 * TICK, until=since + 6 * TICK, reason="a doubt"),
        UnconfirmedInterval(since=since + 10 * TICK, reason="it was open"),
    ]
    silence.doubted(world.recording, doubts)
    account = world.recording.silence
    assert [(each.since, each.until) for each in account.silent] == [
        (since, since + 4 * TICK),
        (since + 6 * TICK, since + 10 * TICK),
    ]
    assert account.unconfirmed[-1].until == at(world.now)
    in_order(account)


def test_a_doubt_of_another_run_is_open_until_the_next_proof() -> None:
    world = paused(World())
    since = world.recording.silence.silent[0].since
    doubt = UnconfirmedInterval(since=since - TICK, reason="it was open", is_finding=True)
    silence.doubted(world.recording, [doubt])
    assert silence.is_silent(world.recording)
    [found] = world.recording.silence.unconfirmed
    assert (found.until, found.is_finding) == (since, True)


def test_a_reading_that_is_heard_of_after_a_later_one_said_active_proves_no_silence() -> None:
    world = paused(World())
    world.waits(4)
    early, late = at(world.now), at(world.now + 2)
    assert silence.active_read(world.recording, late, late + TICK) is Sight.CONTRADICTION
    sight = silence.inactive_read(world.recording, early, early + TICK, "a reading")
    assert (sight, silence.is_silent(world.recording)) == (Sight.AMBIGUOUS, False)
    assert silence.proves_from(world.recording) == late + TICK


def test_a_reading_from_before_acs_told_that_it_records_proves_no_silence() -> None:
    """It was read while the recording was starting, and is heard of later."""
    world = World()
    world.start(1, 9, False, True)
    sent_at, told = at(world.now), at(world.now + 4)
    silence.active_told(world.recording, told - TICK, told)
    assert silence.inactive_read(world.recording, sent_at, told, "") is Sight.AMBIGUOUS
    assert silence.inactive_read(world.recording, told, told + TICK, "") is Sight.SILENT


def test_a_callback_that_no_request_of_ours_explains_takes_the_claim_back() -> None:
    world = paused(World())
    for _ in range(2):
        silence.active_told(world.recording, NOON, at(world.now))
        assert silence.is_silent(world.recording), "the start's own, late, and repeated"
    silence.active_told(world.recording, NOON + TICK, at(world.now))
    assert not silence.is_silent(world.recording)


def test_a_callback_that_is_late_takes_back_what_its_clock_cannot_place() -> None:
    """Somebody else had resumed and paused again, before the last reading (listening, call 788)."""
    world = paused(World())
    since = world.recording.silence.silent[0].since
    world.waits(20)
    world.read(0, 1, 0)
    world.waits(20)
    silence.active_told(world.recording, NOON, at(world.now))
    assert silence.active_told(world.recording, NOON + TICK, at(world.now))
    assert world.recording.silence.silent == []
    doubt = world.recording.silence.unconfirmed[-1]
    assert doubt.since <= since
    assert doubt.is_finding


def test_a_callback_takes_nothing_back_that_was_long_before_it() -> None:
    world = paused(World())
    told = NOON + timedelta(minutes=59)
    world.now = 2 * 3600 - 10
    world.read(0, 1, 0)
    silence.active_told(world.recording, NOON, at(world.now))
    assert silence.active_told(world.recording, told, at(world.now))
    [interval] = world.recording.silence.silent
    assert interval.until == told - timedelta(minutes=5)


def test_a_callback_of_a_silence_that_is_over_takes_that_back() -> None:
    world = paused(World())
    world.waits(10)
    world.resume(1, 0, None, True)
    over = world.recording.silence.silent[-1].until
    for _ in range(2):
        # The start's own and the resume's own; each of them once more.
        for tick in (0, 1):
            told = NOON + tick * TICK
            assert not silence.active_told(world.recording, told, at(world.now))
    assert silence.active_told(world.recording, NOON + 2 * TICK, at(world.now))
    assert world.recording.silence.silent == []
    assert world.recording.silence.unconfirmed[-1].until == over


def test_a_callback_takes_no_silence_back_that_was_over_long_before() -> None:
    world = paused(World())
    world.waits(10)
    world.resume(1, 0, None, True)
    before = world.recording.silence.model_copy(deep=True)
    for hours in (1, 2, 3):
        told = NOON + timedelta(hours=hours)
        assert not silence.active_told(world.recording, told, told)
    assert world.recording.silence == before


@pytest.mark.parametrize(("ticks", "is_finding"), [(10, False), (11, True)])
def test_what_is_proven_in_time_is_no_finding(ticks: int, is_finding: bool) -> None:
    world = World()
    world.start(1, 0, False, True)
    world.read(0, 0, 0)
    asked = world.now
    world.pause(0, True, False)
    world.now = asked + ticks - 1
    world.read(0, 1, 0)
    [interval] = world.recording.silence.unconfirmed
    assert interval.until == at(asked + ticks)
    assert interval.is_finding == is_finding


def test_what_begins_paused_may_be_starting_for_a_while_before_that_is_a_finding() -> None:
    world = World()
    world.pause(0, False, False)
    world.start(1, 0, True, True)
    begun = world.begun or 0
    world.now = begun + STARTING + 10
    world._review()
    assert not world.recording.silence.unconfirmed[0].is_finding
    world.now += 1
    world._review()
    assert world.recording.silence.unconfirmed[0].is_finding


def test_what_was_asked_for_late_is_unconfirmed_from_the_request_on() -> None:
    """G3: the worker was away when it was asked for."""
    world = World()
    world.start(1, 0, False, True)
    world.read(0, 0, 0)
    world.waits(100)
    world.pause(80, True, True)
    [interval] = world.recording.silence.unconfirmed
    assert interval.since == at(world.now - 3 - 80)
    assert interval.is_finding


def test_a_reading_while_sound_is_asked_for_proves_nothing() -> None:
    world = paused(World())
    world.waits(4)
    silence.sound_asked(world.recording, at(world.now))
    assert silence.inactive_read(world.recording, at(world.now), at(world.now + 1), "") == (
        Sight.AMBIGUOUS
    )


def test_an_attempt_at_a_resume_that_got_no_answer_may_arrive_after_the_one_that_did() -> None:
    world = paused(World())
    world.waits(4)
    silence.sound_asked(world.recording, at(world.now))
    given_up, answered = at(world.now + 1), at(world.now + 2)
    silence.resume_answered(world.recording, answered, given_up)
    assert silence.proves_from(world.recording) == given_up + ARRIVAL * TICK
    silence.resume_answered(world.recording, answered, None)
    assert silence.proves_from(world.recording) == given_up + ARRIVAL * TICK, "it still may"


def test_a_resume_of_what_may_have_recorded_already_may_still_arrive_once_it_is_answered() -> None:
    """Nobody knows which of the two made the sound that is read."""
    world = World()
    world.start(1, 0, False, True)
    world.now += 10
    world.read(0, 1, 0)
    silence.sound_asked(world.recording, at(world.now))
    silence.resume_answered(world.recording, at(world.now + 1), None)
    assert silence.proves_from(world.recording) == at(world.now + 1 + ARRIVAL)


def test_a_start_that_was_given_up_may_arrive_and_take_its_time_to_begin() -> None:
    world = World()
    world.start(1, 9, False, False)
    assert silence.proves_from(world.recording) == at(world.now + ARRIVAL + STARTING)


def test_silence_is_wanted_since_the_first_who_asked_for_it() -> None:
    world = World()
    world.start(1, 0, False, True)
    world.read(0, 0, 0)
    first = world.now
    for since in (first, first + 8, first + 2):
        silence.review(world.recording, at(since), "", CONFIRM_WITHIN, at(first + 9))
    assert world.recording.silence.unconfirmed[0].since == at(first)
    assert world.recording.sound.wanted_since == at(first)


def test_what_was_seen_to_record_while_it_was_being_stopped_is_not_taken_for_empty() -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.asks("stop")
    stop = call.is_asked("stop")
    call.polls("active")
    call.answers(stop)
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"
