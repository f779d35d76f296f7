"""The promises that must hold at every moment of a life; those about its end are in `ending.py`.

Those about consent itself are in `consent.py`, and those about a run at rest in `at_rest.py`.

- While a pause is wanted, or consent is missing, ACS never records for longer than a pause may take
  to be confirmed without an alarm, unless the recording is being stopped.
- What is quarantined covers all that ACS recorded after a pause was asked for and not confirmed.
- After a confirmed pause ACS records nothing until it is asked to resume.
- ACS is never asked to record while consent is missing, or an announcement unanswered.
- A resume that has expired is not carried out. The end of a recording, once known, does not move.
- A stop is final: ACS is never asked for anything but the stop itself afterwards.
- At ACS at most one recording of the call is on.
- A change that was confirmed is not asked for again, unless ACS was heard to contradict it.
- No request waits while nothing is asked of ACS.
- A cancellation stops what is recorded.
- The same request again changes nothing.
- No file is copied twice at once, given up before its time, or deleted before its recording is
  sealed with nothing amiss.
- No alarm is told to be over while its file lies in no archive, or ACS records what it must not.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bench.simulation import at_rest, told_events
from bench.simulation.acs import FakeAcs
from bench.simulation.claims import Claims
from bench.simulation.consent import ConsentInvariants
from bench.simulation.delivered import Delivered
from bench.simulation.instance import Broken
from bench.simulation.people import People
from bench.simulation.protocol import Job
from bench.simulation.repeats import RepeatedRequests
from bench.simulation.server import Activity, Server
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.names import BEGIN_ACTIVITY
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import OnPauseFailure
from callvault.contracts.states import Actual, ChunkState, RequestState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call.alarm_ends import recording_of
from workflows.call.chunks import chunks_of
from workflows.call.commands import REACHED, TARGET_OF, Operation
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GATE, GUARD, THIRD_PARTY, short_name
from workflows.call.silence import STARTING_TIMEOUT, is_silent

_OPERATIONS = {
    "start_recording": Operation.START,
    "confirm_active": Operation.CONFIRM,
    "read_state": Operation.READ,
    "pause_recording": Operation.PAUSE,
    "resume_recording": Operation.RESUME,
    "stop_recording": Operation.STOP,
}

_TELL_OF_SOUND = (AlarmKind.PAUSE_UNCONFIRMED, AlarmKind.STATE_UNEXPECTED)
"""Alarms that say that it may record, although it is to be silent."""


class Invariants:
    """The promises of one life, looked at around every activation."""

    def __init__(self, acs: FakeAcs, people: People) -> None:
        self._acs = acs
        self._people = people
        self._consent = ConsentInvariants(acs, people)
        self._claims = Claims()
        self._repeated = RepeatedRequests()
        self._known = {0}
        """Recordings whose opening was seen; 0 stands for none."""
        self._exposed_since: dict[int, datetime] = {}
        self._last_exposed: dict[int, datetime] = {}
        self._wanted: dict[int, Wanted] = {}
        """By recording: what was wanted before the activation that is looked at."""
        self._over_at: dict[int, datetime | None] = {}
        """By recording: when it was over, as the account had it last."""
        self._requests: set[str] = set()
        """The ids of the requests that are known: a run begins with those of the run before."""
        self._consents: Counter[tuple[str, bool, datetime]] = Counter()
        """The decisions that are known: who, whether it is given, and when it came."""
        self._is_cancelled = False
        """True from a cancellation until all that is recorded is to be stopped."""
        self.server: Server

    @property
    def call(self) -> Lifecycle:
        return self.server.run.workflow.call

    @property
    def _status(self) -> CallStatus:
        return self.call.status

    def around(self, jobs: Sequence[Job], activate: Callable[[], None]) -> None:
        """Activate, and look at what that has changed."""
        self._acs.catch_up()
        delivered = Delivered(jobs)
        has_begun = self.server.run.workflow is not None
        self._wanted = {r.number: r.wanted for r in self._status.recordings} if has_begun else {}
        requests = self._requests
        if not has_begun:
            self._claims.begin_run()
        activate()
        self._requests = set(self._status.requests)
        if any(job.HasField("resolve_activity") for job in jobs):
            # A message of the same activation may let the run hand over: the next one reads anew.
            self._acs.heard(by_nobody=self.server.run.workflow.this_run.is_finished)
        self._claims.check(jobs, delivered.sounds, self.call, self.server.told_at)
        withdrew = self._learn(delivered)
        if delivered.is_about_consent and has_begun:
            self._consent.check_wanted(self._status, self._wanted, requests)
        self._consent.check_taken(self._status, delivered.decisions)
        if len(jobs) == 1 and withdrew:
            self._consent.check_withdrawn(self._status)
        self._repeated.note(delivered.requests, self._status, requests)
        if len(jobs) == 1 and delivered.requests and has_begun:
            self._check_taken(requests)
            self._repeated.check(delivered.requests[0], self._status, self._wanted, requests)
        self._check_cancelled(jobs, has_begun)
        # A query changes nothing, and what fell due while the worker stood still is done after it.
        if not all(job.HasField("query_workflow") for job in jobs):
            self._check()

    def check_end(self) -> None:
        """Check what can be told only once a life is over."""
        self._consent.check_end(self._status)

    def _learn(self, delivered: Delivered) -> bool:
        """Bring the truth up to date with what was told; tell if consent was taken back."""
        for document_id in delivered.documents:
            self._acs.file(document_id).is_announced = True
        opened = set(self._openers())
        self._known |= {recording.number for recording in self._status.recordings}
        for told in delivered.about_presence:
            if isinstance(told, ParticipantChanged):
                self._people.move(told.participant, told.joined, told.connection)
            elif opened & (names := {told.requested_by, short_name(told.requested_by)}):
                opened -= names
                for who in told.participants:
                    self._people.named(who)
        refusals = [record for record in self._new_consents() if self._decide(record)]
        self._consent.note_refusals(self._status, refusals)
        return bool(refusals)

    def _decide(self, record: ConsentRecord) -> bool:
        """Take note of a decision; tell whether it is a refusal."""
        decided = record.participant, record.given, record.decided_at, record.received_at
        return self._people.decide(*decided)

    def _new_consents(self) -> list[ConsentRecord]:
        """Return the decisions that were not there before; the next run has those of the last."""
        # Not by all they tell: when one was decided may become known later.
        keys = [(each.participant, each.given, each.received_at) for each in self._status.consents]
        known, self._consents = self._consents, Counter(keys)
        new = []
        for key, record in zip(keys, self._status.consents, strict=True):
            if known[key] == 0:
                new.append(record)
            else:
                known[key] -= 1
        return new

    def _openers(self) -> Iterator[str]:
        """Yield who has asked for the recordings that are new: their texts may have been cut."""
        numbers = set(self._known)
        for record in self._status.requests.values():
            if record.operation == Operation.START and record.recording not in numbers:
                # The first of each recording has begun it.
                numbers.add(record.recording)
                yield record.requested_by
        new = (each for each in self._status.recordings if each.number not in self._known)
        yield from (recording.requested_by for recording in new)

    # What may be asked of the world.

    def may_schedule(self, activity: Activity) -> None:
        """Check that an activity may be begun now."""
        if (operation := _OPERATIONS.get(activity.kind)) is not None:
            self._may_ask(operation, self._recording_of(activity), activity)
            self._claims.asks(activity, self._recording_of(activity))
        elif activity.kind == "poll_state":
            self._claims.asks(activity, self._recording_of(activity))
        elif activity.kind == "export_chunk":
            self._may_export(activity)
        elif activity.kind == "delete_source":
            self._may_delete(activity)
        elif activity.kind == "raise_alarm" and activity.input.status is AlarmStatus.RESOLVED:
            self._may_resolve(activity.input)
        elif activity.kind == "deliver_event":
            told_events.may_tell(self._status, activity.input.event)

    def _recording_of(self, activity: Activity) -> RecordingStatus:
        if activity.kind == "start_recording":
            return self.call.recording(int(activity.input.callback_uri.rpartition("/")[2]))
        recording_id = activity.input.recording_id
        return next(r for r in self._status.recordings if r.recording_id == recording_id)

    def _may_ask(
        self, operation: Operation, recording: RecordingStatus, activity: Activity
    ) -> None:
        if recording.actual is Actual.STOPPED:
            raise Broken(f"ACS is asked to {operation} what is stopped")
        # What ends in the same activation may have been asked for just before.
        was_stopped = self._wanted.get(recording.number) is Wanted.STOPPED
        if was_stopped and operation is not Operation.STOP:
            raise Broken(f"ACS is asked to {operation} what is to be stopped")
        target = TARGET_OF.get(operation)
        if target is not None and recording.actual is REACHED[target]:
            raise Broken(f"ACS is asked again to {operation}")
        is_start = operation is Operation.START
        if operation is Operation.RESUME or (is_start and not activity.input.pause_on_start):
            self._may_sound(operation, recording)
        said = recording.announcement
        if is_start and said is not None and said.answered_at is None:
            raise Broken("what is not announced is started")

    def _may_sound(self, operation: Operation, recording: RecordingStatus) -> None:
        if not self._consent.has_consent(recording):
            raise Broken(f"ACS is asked to {operation} without consent")
        if recording.wanted is Wanted.PAUSED:
            raise Broken(f"ACS is asked to {operation} what is to be paused")
        if operation is Operation.RESUME:
            self._may_resume(recording)

    def _may_resume(self, recording: RecordingStatus) -> None:
        """Check that a resume which has expired is not carried out: what it released is paused."""
        of_all = self._status.requests.values()
        resumes = [r for r in of_all if (r.recording, r.operation) == (recording.number, "resume")]
        if not resumes or any(each.state is RequestState.PENDING for each in resumes):
            return
        newest = max(resumes, key=lambda each: each.received_at)
        released = (p for p in recording.pauses if p.released_at == newest.received_at)
        if _has_expired(newest) and any(released):
            raise Broken("ACS is asked to resume by a request that has expired")

    def _may_export(self, activity: Activity) -> None:
        document_id = activity.input.chunk.document_id
        others = (a for a in self.server.activities.values() if a.kind == "export_chunk")
        for other in others:
            if other.seq != activity.seq and other.input.chunk.document_id == document_id:
                raise Broken("a file is copied twice at once")

    def _may_delete(self, activity: Activity) -> None:
        for recording, chunk in chunks_of(self._status):
            is_meant = chunk.chunk.delete_location == activity.input.delete_location
            if is_meant and (recording.sealed is None or recording.sealed.findings):
                raise Broken("a file is deleted whose recording is not beyond doubt")

    def _may_resolve(self, alarm: Alarm) -> None:
        """Check against the truth that what is told to be over is over."""
        # By its id: its number is gone where it was taken for another recording, and is the same.
        recording = recording_of(self._status, alarm)
        if recording is None:
            raise Broken("an alarm is told to be over whose recording is gone")
        if alarm.kind is AlarmKind.PAUSE_UNCONFIRMED:
            is_loud = self._acs.sounds(recording.number) and recording.target is not Wanted.ACTIVE
            # What another client has resumed meanwhile is another alarm.
            if is_loud and is_silent(recording):
                raise Broken("an alarm is told to be over while ACS records what it must not")
        if alarm.kind is AlarmKind.EXPORT_LATE and not alarm.is_loss:
            chunks = (c for c in recording.chunks if c.chunk.index == alarm.chunk_index)
            files = [self._acs.file(c.chunk.document_id) for c in chunks]
            if not all(file.lies_in or file.has_vanished for file in files):
                raise Broken("an alarm is told to be over, and the file is in no archive")

    # What an activation may change.

    def _check_taken(self, before: set[str]) -> None:
        """Check a request that was folded: a resume without consent must have been refused."""
        for key, record in self._status.requests.items():
            is_new = key not in before and record.requested_by not in (GUARD, GATE)
            is_resume = record.operation == Operation.RESUME
            is_open = record.state is not RequestState.FAILED and self._status.policy is not None
            is_taken = is_new and is_resume and is_open
            if is_taken and not self._consent.has_consent(self.call.recording(record.recording)):
                raise Broken("a resume without consent is not refused")

    def _check_cancelled(self, jobs: Sequence[Job], has_begun: bool) -> None:
        self._is_cancelled |= any(job.HasField("cancel_workflow") for job in jobs)
        # A run that hands over may not have heard of it: the next one asks Temporal as it begins.
        is_asked = any(
            each.kind == BEGIN_ACTIVITY and each.input.unheard_run
            for each in self.server.activities.values()
        )
        is_heard = has_begun and not is_asked and not self.server.run.workflow.this_run.is_finished
        if self._is_cancelled and self._status.being_recorded is None:
            self._is_cancelled = False
        elif self._is_cancelled and is_heard:
            raise Broken("a cancellation does not stop what is recorded")

    # What must hold at every moment.

    def _check(self) -> None:
        if len(self._acs.active) > 1:
            raise Broken("two recordings of the call are on at ACS")
        for recording in self._status.recordings:
            self._check_exposure(recording)
            self._check_pause(recording)
            self._check_consent(recording)
            self._check_files(recording)
            self._check_over(recording)
            if self.server.run.workflow.control.is_done:
                self._check_waiting(recording)

    def _check_consent(self, recording: RecordingStatus) -> None:
        self._consent.check(self._status, recording, self.server.now)
        # A run that is just beginning does not act on what is due.
        if not at_rest.is_beginning(self.server):
            # A timer begins later if the worker stands still meanwhile.
            acted_at = self.server.told_at - self.server.has_stood_still
            self._consent.check_timeout(recording, acted_at)

    def _check_exposure(self, recording: RecordingStatus) -> None:
        number, now = recording.number, self.server.now
        is_silence_wanted = self._is_pause_asked(recording) or (
            recording.wanted is Wanted.ACTIVE and not self._consent.has_consent(recording)
        )
        if not (is_silence_wanted and self._acs.sounds(number)):
            self._check_unconfirmed(recording, self._exposed_since.pop(number, None))
            return
        since = self._exposed_since.setdefault(number, now)
        self._last_exposed[number] = now
        # What fell due while the worker stood still is done next, and a timer begins later by that.
        timeout = self._confirm_timeout(number) + self.server.has_stood_still
        # A run that is just beginning does not act on what is due.
        is_acting = not at_rest.is_beginning(self.server)
        is_late = is_acting and self.server.told_at - since > timeout
        if is_late and not self._is_alarmed(recording, since, self.server.told_at - timeout):
            raise Broken("ACS records what it must not, and nobody is told")

    def _is_pause_asked(self, recording: RecordingStatus) -> bool:
        """Tell if it is to be paused, and not only because another client of ACS has paused it."""
        askers = {pause.requested_by for pause in recording.pauses if pause.is_open}
        return recording.wanted is Wanted.PAUSED and askers != {THIRD_PARTY}

    def _confirm_timeout(self, number: int = 0) -> timedelta:
        within = self.call.policy.guards.pause_confirm_within
        # As long as it may be starting, nobody can tell if it began paused, as was asked.
        return within + STARTING_TIMEOUT if number in self._acs.disobeyed else within

    def _check_unconfirmed(self, recording: RecordingStatus, since: datetime | None) -> None:
        """Check that an exposure which has ended is marked, if it lasted for longer than it may."""
        if since is None or recording.guards.on_pause_failure is not OnPauseFailure.MARK:
            return
        last = self._last_exposed[recording.number]
        if last - since > self._confirm_timeout() and not any(
            interval.since <= since and (interval.until or last) >= last
            for interval in recording.silence.unconfirmed
        ):
            raise Broken("ACS recorded what is not marked as doubtful")

    def _is_alarmed(
        self, recording: RecordingStatus, since: datetime, late_before: datetime
    ) -> bool:
        """Tell if an alarm was raised then; or before, of the same pause: a start may come late."""
        unconfirmed = [pause for pause in recording.pauses if not pause.confirmed_at]
        asked = [pause.received_at for pause in unconfirmed if pause.is_open]
        # That of a pause which was released meanwhile is enough until another one is late itself.
        if all(at >= late_before for at in asked):
            asked += [p.received_at for p in unconfirmed if p.released_at and p.released_at > since]
        first = min((*asked, since - self._confirm_timeout()))
        return any(
            record.alarm.kind in _TELL_OF_SOUND and record.alarm.at >= first
            for record in self._status.alarms
        )

    def _check_pause(self, recording: RecordingStatus) -> None:
        if is_silent(recording) and self._acs.sounds(recording.number):
            raise Broken("ACS records, and is said to be silent")
        for pause in recording.pauses:
            is_answered = pause.confirmed_at is not None and pause.resumed_at is None
            if is_answered and self._acs.sounds(recording.number):
                raise Broken("ACS records after a pause was confirmed, and nobody resumed it")

    def _check_files(self, recording: RecordingStatus) -> None:
        for chunk in recording.chunks:
            is_early = chunk.expires_at is not None and self.server.now < chunk.expires_at
            if chunk.state is ChunkState.LOST and is_early:
                raise Broken("a file is given up before its time")
            if recording.sealed is not None and recording.sealed.findings:
                self._acs.file(chunk.chunk.document_id).is_doubted = True

    def _check_over(self, recording: RecordingStatus) -> None:
        """Check that the end of a recording, once it is known, stays where it is."""
        over_at = recording.sound.over_at
        before = self._over_at.get(recording.number)
        if before is not None and over_at is not None and over_at != before:
            raise Broken("the end of a recording moves")
        self._over_at[recording.number] = over_at

    def _check_waiting(self, recording: RecordingStatus) -> None:
        # Before the start a request may wait: for consent, or for the announcement.
        if recording.actual is Actual.NONE:
            return
        # A pause may wait until a reading proves it: the poll makes it.
        waits_for_proof = recording.actual is Actual.PAUSED and not is_silent(recording)
        pending = list(self._pending(recording))
        waiting = {record.operation for record in pending}
        if waits_for_proof:
            waiting -= {Operation.PAUSE}
        if self.call.requests.is_time_awaited(recording):
            # A resume may wait until it is known when it came.
            waiting -= {Operation.RESUME}
        if waiting:
            raise Broken("a request waits, and nothing is asked of ACS")

    def _pending(self, recording: RecordingStatus) -> list[ControlRecord]:
        return self.call.requests.pending(recording)


def _has_expired(record: ControlRecord) -> bool:
    if record.state is not RequestState.FAILED or record.expires_at is None:
        return False
    return record.settled_at is not None and record.expires_at <= record.settled_at
