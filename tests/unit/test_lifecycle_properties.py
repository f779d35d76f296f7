"""What holds of a call whatever happens to it, in whatever order: random lives of calls.

The machine does what the workflow's loops do (ask, then fold an answer, a refusal or the giving up
of what is superseded) and what the world does (requests, events, archived and lost files, time).
"""

import os
from datetime import datetime, timedelta

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callvault.contracts.events import RecordingChunk
from callvault.contracts.requests import CallEnded
from callvault.contracts.states import Actual, ChunkState, RequestState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, PauseRecord, RecordingStatus
from workflows.call import callbacks, chunks, recording_state, silence
from workflows.call.chunks import ChunkKey
from workflows.call.commands import Command, Operation

from .call import Call, chunk, more, seen

# Everywhere the same few hundred lives, so that a red build is red for everybody; a longer, truly
# random search is one variable away.
settings.register_profile(
    "suite",
    max_examples=100,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("suite"), max_examples=3_000, derandomize=False
)
PROFILE = settings.get_profile(os.environ.get("CALLVAULT_HYPOTHESIS", "suite"))

CHUNKS = (more(0), more(0, document="other"), more(1), chunk(1), chunk(2), chunk(0, document="x"))
REQUEST_IDS = st.sampled_from([None, None, "a", "b", "c", "d"])
REACHED = {
    Wanted.ACTIVE: Actual.ACTIVE,
    Wanted.PAUSED: Actual.PAUSED,
    Wanted.STOPPED: Actual.STOPPED,
}
TARGET_OF = {
    Operation.CONFIRM: Actual.ACTIVE,
    Operation.PAUSE: Actual.PAUSED,
    Operation.RESUME: Actual.ACTIVE,
    Operation.STOP: Actual.STOPPED,
}


class LifeOfACall(RuleBasedStateMachine):
    """One call, its requests, its answers, its files."""

    @initialize(start=st.booleans(), paused=st.booleans(), request_id=REQUEST_IDS)
    def begins(self, start: bool, paused: bool, request_id: str | None) -> None:
        self.call = Call(start_recording=start, pause_on_start=paused, request_id=request_id)
        self.life = self.call.life
        self.command: Command | None = None
        self.cancelled = False
        """True if the workflow has cancelled the command in flight, as it was superseded."""
        self.started: set[int] = set()
        self.running: set[str] = set()
        """Recordings between start and stop, as ACS sees it."""
        self.before = self.status.model_copy(deep=True)

    @property
    def status(self) -> CallStatus:
        return self.life.status

    # What backends ask.

    @rule(
        operation=st.sampled_from(["pause", "resume", "pause", "resume", "stop", "start"]),
        request_id=REQUEST_IDS,
    )
    def somebody_asks(self, operation: str, request_id: str | None) -> None:
        known = self.status.requests.get(request_id or "")
        record = self.call.asks(operation, request_id=request_id)
        is_first = known is None or record is known
        assert is_first or operation in ("pause", "stop") or record.state is RequestState.FAILED
        self._cancel_superseded()

    @rule()
    def somebody_asks_to_start_paused(self) -> None:
        self.call.asks("start", pause_on_start=True)

    @rule()
    def the_call_ends(self) -> None:
        self.life.call_ended(CallEnded(), self.call.ticks())
        self._cancel_superseded()

    # What ACS is asked and answers: the workflow's loop.

    @precondition(lambda self: self.command is None and self.life.next_command() is not None)
    @rule()
    def acs_is_asked(self) -> None:
        """A change that was confirmed is not asked for again, and a start is asked for once."""
        command = self.life.next_command()
        assert command is not None
        actual = self.life.recording(command.recording).actual
        if command.operation is Operation.START:
            assert command.recording not in self.started
            self.started.add(command.recording)
        else:
            assert actual is not TARGET_OF.get(command.operation)
        self.life.command_sent(command, self.call.now)
        self.command = command

    @precondition(lambda self: self.command is not None)
    @rule(state=st.sampled_from(["active", "inactive"]))
    def acs_confirms(self, state: str = "inactive") -> None:
        """At most one recording of the call is between start and stop at ACS."""
        command = self._take_command()
        self.call.answers(command, state)
        if command.operation is Operation.READ:
            recording = self.life.recording(command.recording)
            callbacks.observed(self.life, recording, seen(state), self.call.ticks())
        recording_id = self.life.recording(command.recording).recording_id
        assert recording_id is not None
        if command.operation is Operation.START:
            assert not self.running
            self.running.add(recording_id)
        elif command.operation is Operation.STOP:
            self.running.discard(recording_id)
        self._forget_ended_sessions()

    @precondition(
        lambda self: self.command is not None and self.command.operation is not Operation.START
    )
    @rule()
    def acs_knows_no_such_recording(self) -> None:
        command = self._take_command()
        self._is_over_at_acs(command)
        self.call.answers(command, "gone")

    @precondition(lambda self: self.command is not None and not self.cancelled)
    @rule()
    def acs_refuses(self) -> None:
        self.call.refuses(self._take_command())

    @precondition(lambda self: any(r.ask_again_at for r in self.status.recordings))
    @rule()
    def it_is_time_to_ask_again(self) -> None:
        for recording in self.status.recordings:
            recording.ask_again_at = None

    @precondition(lambda self: self.command is None and self._unproven() is not None)
    @rule()
    def a_poll_proves_silence(self) -> None:
        recording = self._unproven()
        assert recording is not None
        self.call.now = max(self.call.now, silence.proves_from(recording) or self.call.now)
        callbacks.observed(self.life, recording, seen("inactive"), self.call.ticks())

    def _unproven(self) -> RecordingStatus | None:
        """Return a recording that is paused, which no reading has proven yet."""
        paused = (r for r in self.status.recordings if r.actual is Actual.PAUSED)
        return next((r for r in paused if not silence.is_silent(r)), None)

    def _is_waiting(self) -> bool:
        """Tell if something is to come, though nothing is to be asked of ACS now."""
        is_refused = any(recording.ask_again_at for recording in self.status.recordings)
        return is_refused or self._unproven() is not None

    @precondition(lambda self: self.cancelled)
    @rule()
    def asking_is_given_up(self) -> None:
        """By now it may be wanted again."""
        self.call.gives_up(self._take_command())

    def _cancel_superseded(self) -> None:
        if self.command is not None and self.life.is_superseded(self.command):
            self.cancelled = True

    def _take_command(self) -> Command:
        command, self.command, self.cancelled = self.command, None, False
        assert command is not None
        return command

    def _forget_ended_sessions(self) -> None:
        ended = filter(recording_state.session_has_ended, self.status.recordings)
        self.running -= {recording.recording_id or "" for recording in ended}

    def _is_over_at_acs(self, command: Command) -> None:
        self.running.discard(self.life.recording(command.recording).recording_id or "")

    # What becomes of files.

    @rule(
        of=st.sampled_from([None, "next", "recording-1", "recording-2", "foreign"]),
        chunks=st.lists(st.sampled_from(CHUNKS), min_size=1, max_size=3),
        hours=st.integers(-40, 3),
        duration=st.one_of(st.none(), st.floats(0, 1e7)),
        ended=st.sampled_from(["", "SessionStillOngoing", "CallEnded"]),
    )
    def files_are_announced(
        self,
        of: str | None,
        chunks: list[RecordingChunk],
        hours: int,
        duration: float | None,
        ended: str,
    ) -> None:
        """Early (``next``: before its start returned), late, repeated, without an id, foreign."""
        recording_id = f"recording-{self.call.starts + 1}" if of == "next" else of
        at = self.call.now + timedelta(hours=hours)
        self.call.announced(
            *chunks,
            of=recording_id,
            at=at,
            ended=ended,
            recording_start_time=at - timedelta(hours=1),
            recording_duration_ms=duration,
        )
        self._forget_ended_sessions()

    @precondition(lambda self: bool(chunks.to_export(self.status)))
    @rule(data=st.data(), lost=st.sampled_from([False, False, True]))
    def an_export_ends(self, data: st.DataObject, lost: bool) -> None:
        key = data.draw(st.sampled_from(sorted(chunks.to_export(self.status))))
        _, found = chunks.find_chunk(self.status, key)
        if lost:
            self.call.loses(found.chunk)
        else:
            self.call.archives(found.chunk)

    @precondition(lambda self: chunks.next_awaited(self.status) is not None)
    @rule()
    def a_window_closes(self) -> None:
        awaited = chunks.next_awaited(self.status)
        assert awaited is not None
        self.life.window_closed(awaited[1], self.call.ticks())

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.call.now += timedelta(hours=hours)

    # What always holds.

    @invariant()
    def nothing_is_taken_back(self) -> None:
        """Compared with the step before."""
        self._stop_is_final()
        self._recordings_only_ever_merge()
        self._no_file_is_forgotten_or_counted_twice()
        self._a_deadline_never_moves_later()
        self._what_became_of_a_file_is_final()
        self._what_became_of_a_request_is_final()
        self.before = self.status.model_copy(deep=True)

    def _stop_is_final(self) -> None:
        """What is wanted stopped stays so, and so does what was stopped."""
        for before in self.before.recordings:
            now = self._of_now(before)
            if now is not None and before.wanted is Wanted.STOPPED:
                assert now.wanted is Wanted.STOPPED
            if now is not None and before.actual is Actual.STOPPED:
                assert now.actual is Actual.STOPPED

    def _recordings_only_ever_merge(self) -> None:
        """A recording vanishes only when its files were announced before its start returned."""
        for before in self.before.recordings:
            assert self._of_now(before) is not None or before.origin == "announced"
        numbers = [recording.number for recording in self.status.recordings]
        assert len(numbers) == len(set(numbers))

    def _no_file_is_forgotten_or_counted_twice(self) -> None:
        before = {ChunkKey.of(found.chunk) for _, found in chunks.chunks_of(self.before)}
        now = [ChunkKey.of(found.chunk) for _, found in chunks.chunks_of(self.status)]
        assert len(now) == len(set(now))
        assert before <= set(now)

    def _a_deadline_never_moves_later(self) -> None:
        now = _expiries(self.status)
        for key, before in _expiries(self.before).items():
            assert now[key] <= before

    def _what_became_of_a_file_is_final(self) -> None:
        for _, before in chunks.chunks_of(self.before):
            _, now = chunks.find_chunk(self.status, ChunkKey.of(before.chunk))
            if before.state is not ChunkState.ANNOUNCED:
                assert (now.state, now.archived) == (before.state, before.archived)

    def _what_became_of_a_request_is_final(self) -> None:
        for key, before in self.before.requests.items():
            if before.state is not RequestState.PENDING:
                assert self.status.requests[key] == before

    @invariant()
    def nothing_left_to_ask_means_that_wishes_are_fulfilled(self) -> None:
        """Then no request is open, and of every recording the actual is the wanted."""
        if self.command is not None or self.life.next_command() is not None:
            return
        if self._is_waiting():
            return
        assert not _pending(self.status)
        for recording in self.status.recordings:
            assert recording.actual is REACHED[recording.wanted]

    @invariant()
    def only_an_open_wish_is_pending(self) -> None:
        """While nothing is in flight, a request is open only if ACS will be asked for it."""
        if self.command is None and _pending(self.status):
            assert self.life.next_command() is not None or self._is_waiting()

    @invariant()
    def the_times_of_a_pause_are_in_order(self) -> None:
        for recording in self.status.recordings:
            for pause in recording.pauses:
                times = [pause.requested_at, pause.confirmed_at, pause.resumed_at]
                known = [time for time in times if time is not None]
                assert known == sorted(known)
                assert pause.resumed_at is None or pause.confirmed_at is not None

    @invariant()
    def it_is_wanted_paused_as_long_as_somebody_holds_it(self) -> None:
        for recording in self.status.recordings:
            if recording.wanted is not Wanted.STOPPED and recording.origin == "requested":
                is_held = any(pause.is_open for pause in recording.pauses)
                assert (recording.wanted is Wanted.PAUSED) == is_held

    @invariant()
    def what_records_is_in_no_pause(self) -> None:
        for recording in self.status.recordings:
            if recording.actual in (Actual.ACTIVE, Actual.STARTING):
                assert _open_pause(recording) is None
            if recording.actual is Actual.ACTIVE:
                assert recording.was_active

    @invariant()
    def every_life_comes_to_an_end(self) -> None:
        """What has not reached its end waits for something: a command, a file, or its window."""
        awaited = chunks.next_awaited(self.status)
        for recording in self.status.recordings:
            waits = (
                recording.actual is not Actual.STOPPED
                or any(found.state is ChunkState.ANNOUNCED for found in recording.chunks)
                or awaited is not None
            )
            assert recording.state.is_final or waits
            assert recording.state is recording_state.state_of(recording)

    @invariant()
    def over_means_that_nothing_is_wanted_or_awaited(self) -> None:
        if self.life.is_over:
            assert self.life.next_command() is None
            assert not chunks.to_export(self.status)
            assert chunks.next_awaited(self.status) is None
            assert not _pending(self.status)
            assert all(r.expires_at is None for r in self.status.recordings)

    @invariant()
    def the_state_survives_a_round_trip(self) -> None:
        """It must be able to move into another run at any moment."""
        assert CallStatus.model_validate_json(self.status.model_dump_json()) == self.status

    def teardown(self) -> None:
        """Once the call has ended and everybody answers, the end is reached in a few steps."""
        if not hasattr(self, "life"):
            return
        self.the_call_ends()
        for _ in range(200):
            if self.command is not None:
                self.acs_confirms()
            elif self.life.next_command() is not None:
                self.acs_is_asked()
            elif self._is_waiting():
                self.it_is_time_to_ask_again()
            elif open_files := chunks.to_export(self.status):
                self.call.archives(chunks.find_chunk(self.status, min(open_files))[1].chunk)
            elif chunks.next_awaited(self.status) is not None:
                self.a_window_closes()
        assert self.life.is_over

    def _of_now(self, before: RecordingStatus) -> RecordingStatus | None:
        return next((r for r in self.status.recordings if r.number == before.number), None)


def _expiries(status: CallStatus) -> dict[ChunkKey, datetime]:
    return {
        ChunkKey.of(found.chunk): found.expires_at
        for _, found in chunks.chunks_of(status)
        if found.expires_at is not None
    }


def _pending(status: CallStatus) -> list[ControlRecord]:
    return [r for r in status.requests.values() if r.state is RequestState.PENDING]


def _open_pause(recording: RecordingStatus) -> PauseRecord | None:
    is_confirmed = (p for p in recording.pauses if p.confirmed_at and p.resumed_at is None)
    return next(is_confirmed, None)


TestLifeOfACall = LifeOfACall.TestCase
TestLifeOfACall.settings = PROFILE
