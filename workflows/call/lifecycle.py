"""The state machine of a call's recordings, without Temporal and without a clock of its own.

Requests set what is *wanted*; what ACS confirms is *actual*; `Lifecycle.next_command` names the one
thing to ask of ACS to bring them together. Requests that cancel each other out before ACS was
asked cost no request to ACS, the last word wins, and `stop` is final for its recording.

ACS's answers are folded by `acs_answers.py`, its callbacks by `callbacks.py`; what is derived of
all this stands in `recording_state.py`.
"""

from datetime import datetime, timedelta

from callvault.causes import without_tag
from callvault.contracts.activity_io import (
    ArchivedChunk,
    ResourceGuards,
    ResourcePolicy,
    SealedRecording,
)
from callvault.contracts.archive_only import refusal_of_control
from callvault.contracts.base import shorten
from callvault.contracts.consent import ConsentRecord, ConsentTerms
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    Guards,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.states import Actual, ChunkState, Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus, TimelineEntry
from callvault.contracts.takeover import LastState
from workflows.call import (
    chunks,
    consent_holds,
    deletion_marks,
    pauses,
    presence,
    recording_events,
    recording_state,
    repeats,
    silence,
    state_limits,
    takeover,
)
from workflows.call.chunks import ChunkKey, find_chunk, learn_kind
from workflows.call.commands import (
    OPERATION_FOR,
    Command,
    Operation,
    next_operation,
    still_serves,
)
from workflows.call.intervals import Span
from workflows.call.refusals import refuse_control, refuse_expired, refuse_reused, refuse_start
from workflows.call.request_records import Requests, asked_at, expiry_of

MAX_TIMELINE = 500
"""Entries kept: the first half and the newest, so that a noisy call cannot fill its history."""

FIRST_REFUSED_INTERVAL = timedelta(seconds=2)
MAX_REFUSED_INTERVAL = timedelta(minutes=1)
"""Intervals at which ACS is asked again for what it refuses for good."""

LOOKOUT_TIMEOUT = timedelta(hours=24)
"""Longest time for which a start that was given up is looked for, if nobody tells of the call's
end."""

_CANCELLED = "the workflow was cancelled, and it is not known who asked for that"

_NO_GUARDS = Guards()

_OVER = "the recording was over before ACS could confirm this"

_UNANSWERED = "it was ended before its start was answered, which may have begun it"


class Lifecycle:
    """The one owner of a `CallStatus`: folds what happens into it, and changes it in place."""

    def __init__(self, status: CallStatus) -> None:
        self.status = status
        self.requests = Requests(status)
        self.in_flight: Command | None = None
        self.is_recalling = False
        """True while it is not known what ACS was asked before a reset: nothing is started, or
        resumed."""
        self.is_beginning = False
        """True while it is not known if the run was reset to its beginning."""
        self._grown, self._room = 0, state_limits.LEAST_ROOM
        """Bytes by which the state has grown at most since it was measured, and may grow."""

    @classmethod
    def begin(cls, request: RecordingRequest, now: datetime) -> "Lifecycle":
        """Open the life of a call, with its first recording if one is asked for."""
        call = cls(CallStatus(server_call_id=request.server_call_id, resource=request.resource))
        if request.start_recording:
            call.request(Operation.START, pauses.of_outside(request), now)
        return call

    # Requests.

    def refusal(self, operation: Operation, request: ControlRequest, now: datetime) -> str | None:
        """Say why a request makes no sense now, in a sentence for a person; None if it does."""
        if self._first(operation, request, now) is not None:
            return None
        if operation is Operation.START:
            started = sum(r.origin == "requested" for r in self.status.recordings)
            return refuse_start(self.current, self.status.ended_at, started)
        if self.only_archives:
            return refusal_of_control(self.status.resource)
        expired = refuse_expired(operation, expiry_of(operation, request, now), now)
        return refuse_control(operation, self.current) or expired

    def reused(self, operation: Operation, request: ControlRequest) -> str | None:
        """Say why a request is refused whose id stands for another one; None if it is not."""
        return refuse_reused(operation, request, self.requests.clashing(operation, request))

    def request(
        self, operation: Operation, request: ControlRequest, now: datetime
    ) -> ControlRecord:
        """Fold a request; the same ``requestId`` again changes nothing and gets the same record."""
        if (known := self._first(operation, request, now)) is not None:
            return known
        refused = self.reused(operation, request) or self.refusal(operation, request, now)
        if refused is None and isinstance(request, StartRequest):
            self._open_recording(request, now)
        self._note_request(operation, request, refused, now)
        current = self.current
        number = current.number if current else 0
        record = self.requests.add(operation, request, number, now, refused)
        if operation is Operation.PAUSE:
            self._note_late_pause(record, now)
        if current is not None and refused is None:
            current.ask_again_at = None
            self._take(request, record, current)
        # A start tells who is in the call, which an earlier recording may still record.
        self.settle_all(now)
        return record

    def _note_late_pause(self, record: ControlRecord, now: datetime) -> None:
        """Mark what was recorded after a pause of which word comes after its recording's end."""
        why = f"{record.requested_by} asked for a pause, of which word came after the end"
        for recording in self.status.recordings:
            begun_at, over_at = recording.sound.begun_at, recording.sound.over_at
            if begun_at is None or over_at is None:
                continue
            was_on = begun_at <= record.requested_at < over_at
            if was_on and not pauses.is_repeated(recording, record):
                self.was_to_be_silent(recording, Span(record.requested_at, over_at), why, now)

    def _first(
        self, operation: Operation, request: ControlRequest, now: datetime
    ) -> ControlRecord | None:
        known = self.requests.known(operation, request)
        return repeats.first(self.status, known, self.current, request, now)

    def _take(
        self, request: ControlRequest, record: ControlRecord, recording: RecordingStatus
    ) -> None:
        """Let a request that makes sense change what is wanted."""
        # Nothing about a recording can have been asked before the recording itself was.
        record.requested_at = max(record.requested_at, recording.requested_at)
        pauses.fold(recording, record)
        if isinstance(request, StartRequest) and request.pause_on_start:
            self._hold_from_start(request, record, recording)
        if record.released:
            names = ", ".join(holder.caller for holder in record.released)
            what = f"{record.requested_by} released by force the pauses of {names}"
            self.note(record.received_at, f"recording {recording.number}: {what}")

    def _hold_from_start(
        self, request: StartRequest, record: ControlRecord, recording: RecordingStatus
    ) -> None:
        """Take a start that is to begin paused for a pause, too: it has to be confirmed in time."""
        asked = ControlRequest(
            requested_by=request.requested_by,
            authenticated_as=request.authenticated_as,
            reason=request.reason,
            requested_at=record.requested_at,
        )
        pause = self.requests.add(
            Operation.PAUSE, asked, recording.number, record.received_at, None
        )
        pauses.fold(recording, pause)

    def watch_beginning(self, recording: RecordingStatus) -> None:
        """Have it confirmed in time that a recording has begun paused.

        The requests for that are settled: when they came, nothing was recorded.
        """
        pending = self.requests.pending(recording)
        begun_at = recording.sound.begun_at
        if begun_at is not None and all(each.operation != Operation.PAUSE for each in pending):
            asked = ControlRequest(requested_by=pauses.GUARD, reason="it was to begin paused")
            self.requests.add(Operation.PAUSE, asked, recording.number, begun_at, None)

    def _note_request(
        self, operation: Operation, request: ControlRequest, refused: str | None, now: datetime
    ) -> None:
        why = f" ({request.reason})" if request.reason else ""
        refusal = f": refused, {refused}" if refused else ""
        self.note(now, f"{operation} asked by {request.caller}{why}{refusal}")
        if refused is None and self.requests.clashing(operation, request):
            other = (
                "another request came under its requestId before: it is carried out all the same"
            )
            self.note(now, f"{operation}: {other}")

    def call_ended(self, ended: CallEnded, now: datetime) -> None:
        """Fold the end of the call: all that still records is to be stopped."""
        if self.status.ended_at is not None:
            return
        self.status.ended_at, self.status.kept_until = ended.ended_at or now, None
        self.note(now, f"the call ended {ended.reason}".rstrip())
        for recording in self._controlled():
            recording.wanted = Wanted.STOPPED
        for recording in self.status.recordings:
            # ACS records nothing beyond a call; that this call is over, ACS has not said.
            recording.looked_for_until = None
        self.settle_all(now)

    def cancelled(self, now: datetime) -> None:
        """Fold that the workflow was cancelled: what it records is to be stopped, and kept."""
        self.note(now, f"{_CANCELLED}: it stops recording, and keeps what was recorded")
        if self.status.being_recorded is not None:
            self.request(Operation.STOP, ControlRequest(reason=_CANCELLED), now)

    def taken_over(self, now: datetime, *, is_adopted: bool = False) -> None:
        """Fold that nobody minded the call until now: the workflow before was ended by force."""
        ended = "the workflow before ended too early: this one takes over"
        self.note(now, "a recording is adopted that no workflow kept" if is_adopted else ended)
        for recording in self.status.recordings:
            takeover.doubt(recording)
        self._forget_asking(now)
        self.settle_all(now)

    def _forget_asking(self, now: datetime) -> None:
        """Take it that nobody hears what ACS answers to a run that was ended by force."""
        for recording in self.status.recordings:
            if recording.sound.is_sound_asked and not self.is_in_flight(recording):
                is_start = recording.recording_id is None
                silence.sound_given_up(recording, now, is_start=is_start)

    def recalled(self, last: LastState, now: datetime, *, is_reset: bool) -> bool:
        """Fold the last state of a dead run of the call; False if that is known already."""
        own = [record for record in self.status.consents if not record.given]
        if not takeover.join(self.status, last, is_reset=is_reset):
            return False
        # Others than its own are among the records now.
        self.requests = Requests(self.status)
        kept = {id(record) for record in self.status.consents}
        self._tell_refusals([refusal for refusal in own if id(refusal) in kept], now)
        word = "was reset" if is_reset else "ended too early"
        what = f"run {last.run_id} {word}: what it knew is known here now"
        if last.is_adoption:
            what = "a recording is adopted that this workflow did not know"
        self.note(now, what)
        state_limits.fit(self.status, state_limits.MAX_SIZE, now)
        self._forget_asking(now)
        self.settle_all(now)
        return True

    def _tell_refusals(self, refusals: list[ConsentRecord], now: datetime) -> None:
        """Tell every recording of refusals that the dead run, which knew it, had not heard of."""
        for refusal in refusals:
            for recording in self.status.recordings:
                self.mark(recording, refusal, now)

    def mark(self, recording: RecordingStatus, refusal: ConsentRecord, now: datetime) -> None:
        """Fold a refusal or withdrawal: mark the recording, and have it read and sealed anew."""
        recording.silence_asked_at = now
        may_record = self.may_record(recording)
        if deletion_marks.add(self.status, recording, refusal, may_record, now):
            self.note(now, f"recording {recording.number}: marked for deletion")
        # Whatever is marked: a manifest that was sealed before does not know of the refusal.
        recording.sealed = None

    def not_recalled(self, now: datetime) -> None:
        """Fold that nobody will ever know what the run before a reset knew."""
        for recording in self.status.recordings:
            silence.lost_sight(recording, now)
            pauses.contradicted(recording)
            takeover.doubt(recording)
        self.settle_all(now)

    def recall_ended(self, now: datetime) -> None:
        """Fold that all is known that the run before a reset knew, or will ever be."""
        self.is_recalling = False
        self.settle_all(now)

    def decline(self, recording: RecordingStatus, why: str, now: datetime) -> None:
        """Give a recording up before a sound of it was recorded."""
        recording.declined = shorten(why)
        recording.wanted = Wanted.STOPPED
        self.note(now, f"recording {recording.number}: declined, {recording.declined}")
        refused = {Operation.START, Operation.RESUME}
        self.requests.fail(recording, refused, recording.declined, now)
        self.settle(recording, now)

    def policy_known(self, policy: ResourcePolicy) -> None:
        """Fold the resource's settings; from now on there are deadlines."""
        self.status.policy = policy
        for recording in self.status.recordings:
            recording_state.refresh(self.status, recording)

    # Commands to ACS.

    def next_command(self) -> Command | None:
        """Name the next thing to ask of ACS, or None while nothing is to be asked."""
        for recording in self._controlled():
            is_urgent = self._awaits_reading(recording)
            operation = Operation.READ if is_urgent else next_operation(recording)
            if operation is not None and self._may_ask(recording, operation):
                is_paused = operation is Operation.START and recording.target is Wanted.PAUSED
                return Command(recording.number, operation, is_paused, is_urgent)
        told = filter(_is_told_of, self.status.recordings)
        return next((Command(recording.number, Operation.ADOPT) for recording in told), None)

    def _may_ask(self, recording: RecordingStatus, operation: Operation) -> bool:
        """Tell if something may be asked of ACS now, rather than later or never."""
        is_refused = recording.ask_again_at is not None and operation == recording.refused_operation
        is_early = operation is Operation.RESUME and self.requests.is_time_awaited(recording)
        if operation is Operation.CONFIRM:
            # A callback is as good, unless a request waits for it.
            is_told_soon = recording.callback_awaited_until is not None
            return not is_told_soon or bool(self.requests.pending(recording))
        # The silence that the run before knew of must not end unseen.
        is_sound = Command(recording.number, operation).makes_sound
        return not (is_refused or is_early or (self.is_recalling and is_sound))

    def _awaits_reading(self, recording: RecordingStatus) -> bool:
        """Tell if a pause of what is paused, or a withdrawal, waits for a reading."""
        if recording.actual is not Actual.PAUSED or recording.target is not Wanted.PAUSED:
            return False
        # What is to begin paused is read by the poll: just begun, a reading proves nothing.
        moments = (recording.sound.inactive_at, recording.sound.begun_at)
        read_at = max(filter(None, moments), default=None)
        pending = self.requests.pending(recording)
        asked = [each.received_at for each in pending if each.operation == Operation.PAUSE]
        if recording.is_held and recording.silence_asked_at is not None:
            asked.append(recording.silence_asked_at)
        return any(read_at is None or at > read_at for at in asked)

    def is_superseded(self, command: Command) -> bool:
        """Tell if asking for ``command`` no longer serves what is wanted."""
        recording = self.recording(command.recording)
        if command.operation is Operation.READ and not command.is_urgent:
            # Nobody waits for it; it may hang, and another one is to be made at once.
            return self._awaits_reading(recording) or not still_serves(command, recording)
        return not still_serves(command, recording)

    def command_sent(self, command: Command, now: datetime) -> None:
        """Note that ACS is being asked."""
        self.in_flight = command
        recording = self.recording(command.recording)
        if command.makes_sound:
            silence.sound_asked(recording, now, is_paused=command.pause_on_start)
            pauses.sounds(recording, now)

    def refused(self, recording: RecordingStatus, operation: Operation, now: datetime) -> None:
        """Note that ACS refuses for good what is wanted all the same: it is asked again, later."""
        is_again = recording.refused_operation == operation
        recording.refusals = recording.refusals + 1 if is_again else 1
        recording.refused_operation = operation
        wait = FIRST_REFUSED_INTERVAL * 2 ** min(recording.refusals - 1, 10)
        recording.ask_again_at = now + min(wait, MAX_REFUSED_INTERVAL)

    def settled(self, recording: RecordingStatus) -> None:
        """Note that ACS refuses nothing any more."""
        recording.refused_operation, recording.refusals = "", 0
        recording.ask_again_at = None

    def is_in_flight(self, recording: RecordingStatus) -> bool:
        """Tell if ACS is being asked for something about this recording."""
        return self.in_flight is not None and self.in_flight.recording == recording.number

    def may_record(self, recording: RecordingStatus) -> bool:
        """Tell if ACS may be recording: it is not proven to be silent."""
        return recording_state.goes_on(recording) or not silence.is_silent(recording)

    # Files.

    def files_announced(self, event: FileStatusUpdated, now: datetime) -> int:
        """Fold an event about files; one that tells of the session's end stops the recording.

        Returns the number of files that were left out, because a call may not have so many.
        """
        recording, left_out = chunks.announce(self.status, event, now)
        if recording is not None:
            indices = ", ".join(str(chunk.index) for chunk in event.chunks)
            self.note(now, f"recording {recording.number}: chunks {indices} announced")
            if event.left_out:
                odd = "; ".join(event.left_out)
                self.note(now, f"recording {recording.number}: left out of its event, {odd}")
            self.settle(recording, now)
        if left_out:
            self.status.chunks_left_out += left_out
            self.note(now, f"{left_out} announced files were left out: a call may not have so many")
        if recording is not None and deletion_marks.add_announced(self.status, recording, now):
            self.note(now, f"recording {recording.number}: marked for deletion")
        self._grows(len(event.chunks) * state_limits.MAX_CHUNK_SIZE, now)
        return left_out

    def reuse_copy(self, key: ChunkKey, copy: ArchivedChunk) -> bool:
        """Keep the recording where an earlier workflow has archived this chunk, if that can be."""
        recording, chunk = find_chunk(self.status, key)
        if copy.archive == recording.archive:
            return True
        if recording.archive_changes or any(each.archived for each in recording.chunks):
            # All files of a recording lie in one archive: it cannot follow this one any more.
            chunk.earlier_copy = copy
            return False
        recording.archive = copy.archive
        return True

    def copied_elsewhere(self, key: ChunkKey, copy: ArchivedChunk) -> None:
        """Fold a verified copy in an archive that the recording has left meanwhile."""
        _, chunk = find_chunk(self.status, key)
        chunk.earlier_copy = copy

    def chunk_archived(self, key: ChunkKey, archived: ArchivedChunk, now: datetime) -> None:
        """Fold a verified copy that is kept."""
        recording, chunk = find_chunk(self.status, key)
        chunk.state, chunk.archived, chunk.lost_reason = ChunkState.ARCHIVED, archived, ""
        learn_kind(recording, archived.kind)
        recording_state.refresh(self.status, recording)
        amiss = f", amiss: {archived.metadata_problem}" if archived.metadata_problem else ""
        what = f"chunk {key.index} archived and verified, {archived.size} bytes{amiss}"
        self.note(now, f"recording {recording.number}: {what}")

    def chunk_doubtful(self, key: ChunkKey, reason: str) -> None:
        """Fold that a chunk is lost unless an archive holds it."""
        find_chunk(self.status, key)[1].lost_reason = shorten(reason)

    def chunk_found(self, key: ChunkKey, archive: str, now: datetime) -> None:
        """Fold that an archive holds a chunk that was about to be told as lost."""
        recording, chunk = find_chunk(self.status, key)
        self.note(
            now,
            f"recording {recording.number}: chunk {key.index} lies in archive {archive} already"
            f" ({chunk.lost_reason})",
        )
        chunk.lost_reason, chunk.is_undecided = "", False

    def chunk_lost(self, key: ChunkKey, reason: str, now: datetime) -> None:
        """Fold that a chunk can be had from nowhere any more."""
        recording, chunk = find_chunk(self.status, key)
        chunk.state, chunk.lost_reason = ChunkState.LOST, shorten(reason)
        recording_state.refresh(self.status, recording)
        self.note(now, f"recording {recording.number}: chunk {key.index} lost: {reason}")

    def files_erased(
        self, recording: RecordingStatus, keys: set[ChunkKey], why: str, now: datetime
    ) -> None:
        """Fold that these files were erased, or all that would have been announced of it."""
        recording.erased = without_tag(shorten(why))
        for chunk in recording.chunks:
            if ChunkKey.of(chunk.chunk) in keys:
                chunk.state, chunk.archived = ChunkState.ERASED, None
                chunk.lost_reason, chunk.is_undecided = recording.erased, False
        recording_state.refresh(self.status, recording)
        named = ", ".join(str(key.index) for key in sorted(keys))
        what = f"recording {recording.number}{f', chunks {named}' if named else ''}"
        self.note(now, f"{what}: {recording.erased}")

    def window_closed(self, number: int, now: datetime) -> None:
        """Fold the end of the export window of a recording whose files were not all announced."""
        recording = self.recording(number)
        recording.window_closed = True
        if recording.was_active or recording.chunks:
            recording.problem = recording_state.describe_missing(recording)
        deletion_marks.end(recording, _silent_since(recording, now))
        recording_state.refresh(self.status, recording)
        self.note(now, f"recording {number}: {recording.problem or 'nothing was recorded'}")

    def lies_in(self, recording: RecordingStatus, archive: str) -> None:
        """Fold in which archive all of a recording's files lie, perhaps one that it had left."""
        recording.archive = archive

    def sealed(self, recording: RecordingStatus, sealed: SealedRecording, now: datetime) -> None:
        """Fold a manifest."""
        recording.sealed = sealed
        if sealed.silence is not None:
            # The service's account contradicts ours, and counts; ours may have grown meanwhile.
            silence.doubted(recording, sealed.silence.unconfirmed)
        amiss = f", amiss: {'; '.join(sealed.findings)}" if sealed.findings else ""
        what = f"manifest {sealed.sequence} of archive {sealed.archive}{amiss}"
        self.note(now, f"recording {recording.number}: {what}")

    def source_deleted(self, key: ChunkKey) -> None:
        """Fold that the service's copy of a chunk is deleted."""
        _, chunk = find_chunk(self.status, key)
        chunk.source_deleted = True

    # Reading.

    @property
    def current(self) -> RecordingStatus | None:
        """The newest recording that was asked for here; announced ones cannot be controlled."""
        return next((r for r in reversed(self.status.recordings) if r.origin == "requested"), None)

    @property
    def may_be_behind(self) -> bool:
        """True while a run before a reset may know more: what never began here may have begun."""
        return self.is_beginning or self.is_recalling

    @property
    def only_archives(self) -> bool:
        """True if another program controls all recordings of the call."""
        policy = self.status.policy
        # One that was started here is of later settings, by which it may be controlled.
        return policy is not None and policy.archive_only and self.current is None

    @property
    def policy(self) -> ResourcePolicy:
        """The resource's settings; only to be asked for once they are known."""
        if self.status.policy is None:
            raise RuntimeError("nothing is exported before the resource's settings are known")
        return self.status.policy

    def recording(self, number: int) -> RecordingStatus:
        """Look a recording up by its number."""
        return next(r for r in self.status.recordings if r.number == number)

    @property
    def is_over(self) -> bool:
        """True if every recording of the call has reached its end, and none is waited for."""
        return self.status.kept_until is None and all(map(_is_over, self.status.recordings))

    def _controlled(self) -> list[RecordingStatus]:
        return [
            recording
            for recording in self.status.recordings
            if recording.origin == "requested" and recording.actual is not Actual.STOPPED
        ]

    # Consequences: for the modules beside this one, which fold other things.

    def note(self, now: datetime, what: str) -> None:
        """Add a line to the timeline."""
        timeline = self.status.timeline
        timeline.append(TimelineEntry(at=now, what=shorten(what)))
        if len(timeline) > MAX_TIMELINE:
            del timeline[MAX_TIMELINE // 2]
        self._grows(state_limits.MAX_NOTE_SIZE, now)

    def _grows(self, by: int, now: datetime) -> None:
        """Keep the state within its limit, now that it has grown by so many bytes at most."""
        self._grown += by
        if self._grown > self._room:
            left = state_limits.fit(self.status, state_limits.MAX_SIZE, now)
            # Where little more can be given up, the state is measured less often.
            self._grown, self._room = 0, max(left, state_limits.LEAST_ROOM)

    def settle_all(self, now: datetime) -> None:
        """Draw the consequences for every recording of something that concerns the whole call."""
        for recording in self.status.recordings:
            self.settle(recording, now)

    def settle(self, recording: RecordingStatus, now: datetime) -> None:
        """Draw the consequences of an event: holds, what became of requests, the state."""
        # No recording is refused for it: it cannot be repeated, its events can be asked for.
        if refused := recording_events.refuse_url(self.status, recording):
            self.note(now, f"recording {recording.number}: {refused}")
        if held := consent_holds.review(self.status, recording, self.requests, now):
            self.note(now, f"recording {recording.number}: {held}")
        # What ACS is being asked may still come through: its answer settles the requests. And what
        # no start was sent for here, the run before a reset may have begun.
        is_unknown = self.may_be_behind and recording.actual is Actual.NONE
        if not self.is_in_flight(recording) and not is_unknown:
            pauses.confirm(recording, self.requests.pending(recording))
            # First what ACS has confirmed: the end of the recording would fail it.
            self.requests.close(recording, now)
            if recording_state.session_has_ended(recording):
                self.end(recording, now)
            elif recording.actual is Actual.NONE and recording.wanted is Wanted.STOPPED:
                self._end_unanswered(recording, now)
            # Again: the end confirms a stop, and overtakes all that was asked for before it.
            self.requests.close(recording, now)
        self._draw_up(recording, now)
        consent_holds.finish(recording, _silent_since(recording, now), now)
        known = len(recording.marked)
        if deletion_marks.extend(self.status, recording, now):
            self.note(now, f"recording {recording.number}: marked for deletion")
            self._grows((len(recording.marked) - known) * state_limits.MAX_NAME_SIZE, now)
        recording_state.refresh(self.status, recording)

    def _end_unanswered(self, recording: RecordingStatus, now: datetime) -> None:
        """End a recording of which no start was answered: ACS may have begun it all the same."""
        if recording.sound.begun_at is None:
            # Stopped before ACS was asked to start it: there is nothing to stop.
            recording.actual = Actual.STOPPED
            return
        recording.problem = recording.problem or _UNANSWERED
        self.note(now, f"recording {recording.number}: {_UNANSWERED}")
        self.look_for(recording, now)

    def _draw_up(self, recording: RecordingStatus, now: datetime) -> None:
        """Draw up the account of silence, once there are guards to tell what takes too long."""
        if self.status.policy is not None:
            within = self.guards_of(recording).pause_confirm_within
            since, why = self._silence_wanted(recording)
            silence.review(recording, since, why, within, now)

    def _silence_wanted(self, recording: RecordingStatus) -> tuple[datetime | None, str]:
        wanted = pauses.silence_wanted(recording)
        if wanted is not None or recording.refused_operation != Operation.STOP:
            return wanted or (None, "")
        stops = (
            record.requested_at
            for record in self.status.requests.values()
            if record.recording == recording.number and record.operation == Operation.STOP
        )
        return min(stops, default=None), "ACS refused to stop it"

    def was_to_be_silent(
        self, recording: RecordingStatus, wanted: Span, why: str, now: datetime
    ) -> None:
        """Take note that silence was wanted in a time of which word came late."""
        if self.status.policy is None:
            return
        within = self.guards_of(recording).pause_confirm_within
        if silence.was_wanted(recording, wanted, why, within, now):
            # A manifest that was sealed before does not know of it.
            recording.sealed = None

    def guards_of(self, recording: RecordingStatus) -> ResourceGuards:
        """Return the guards of a recording: what its request says, else what its resource says."""
        of_resource = self.policy.guards
        # Mostly so, and asked for at every check of what falls due.
        if recording.guards == _NO_GUARDS:
            return of_resource
        own = recording.guards.model_dump(exclude_none=True, by_alias=False)
        return of_resource.model_copy(update=own)

    def end(
        self, recording: RecordingStatus, now: datetime, told_at: datetime | None = None
    ) -> None:
        """Take note that a recording is over; open requests to go on recording have failed.

        ``told_at`` is when ACS's answer had come, if it was one that told it.
        """
        silence.ended(recording, told_at or now)
        recording.trouble = None
        self.give_up(recording, now)

    def give_up(self, recording: RecordingStatus, now: datetime) -> None:
        """Ask nothing more about a recording, over or not; what is open has failed."""
        self.settled(recording)
        if recording.wanted is not Wanted.STOPPED:
            open_operations = {Operation.START, OPERATION_FOR[recording.target]}
            self.requests.fail(recording, open_operations, _OVER, now)
        recording.wanted = Wanted.STOPPED
        recording.actual = Actual.STOPPED
        recording.stopped_at = recording.stopped_at or now

    def look_for(self, recording: RecordingStatus, now: datetime) -> None:
        """Give up a start that may have begun, or may begin still: ACS may tell of it."""
        # That it is silent, nothing proves.
        silence.sound_given_up(recording, now, is_start=True)
        self.give_up(recording, now)
        if self.status.ended_at is None:
            recording.looked_for_until = now + LOOKOUT_TIMEOUT

    def _open_recording(self, request: StartRequest, now: datetime) -> None:
        self.status.recordings.append(_new_recording(self.status, request, now))
        self.status.kept_until = None
        for participant in request.participants:
            presence.named(self.status, participant, asked_at(request, now))
        self._grows(len(request.participants) * state_limits.MAX_NAME_SIZE, now)


def _silent_since(recording: RecordingStatus, now: datetime) -> datetime | None:
    if recording.origin == "announced":
        # No reading proves its silence, and no event tells when it was over: by now, at the latest.
        return None if recording_state.goes_on(recording) else recording.stopped_at or now
    return silence.silent_since(recording)


def _is_told_of(recording: RecordingStatus) -> bool:
    """Tell if ACS has told of a start that was not answered, and that is asked for no more."""
    is_unanswered = recording.actual is Actual.NONE and recording.sound.begun_at is not None
    is_awaited = recording.looked_for_until is not None or is_unanswered
    return is_awaited and recording.callback_recording_id is not None


def _is_over(recording: RecordingStatus) -> bool:
    return (
        recording.state.is_final
        and recording.looked_for_until is None
        and not recording_state.is_awaiting(recording)
    )


def _new_recording(status: CallStatus, request: StartRequest, now: datetime) -> RecordingStatus:
    return RecordingStatus(
        number=chunks.next_number(status),
        origin="requested",
        recording_content_type=request.recording_content_type,
        recording_channel_type=request.recording_channel_type,
        recording_format_type=request.recording_format_type,
        requested_by=request.requested_by,
        authenticated_as=request.authenticated_as,
        requested_at=asked_at(request, now),
        wanted=Wanted.ACTIVE,
        retention=request.retention,
        webhook_url=request.webhook_url,
        guards=Guards.model_validate(request.model_dump(include=set(Guards.model_fields))),
        consent=ConsentTerms.model_validate(
            request.model_dump(include=set(ConsentTerms.model_fields))
        ),
    )
