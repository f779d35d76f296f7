"""The state machine of a call's recordings: pure, without Temporal, without a clock of its own.

Signals set what is *wanted*; what ACS confirms is *actual*; `Lifecycle.next_control` names the one
thing to ask of ACS to bring them together. Requests that cancel each other out before ACS was
asked cost no call, the last word wins, and `stop` is final for its recording.

Files are the other half: see `workflows/call/chunks.py`.
"""

from datetime import datetime

from callvault.contracts.activity_io import (
    ArchivedChunk,
    ControlOutcome,
    ResourcePolicy,
    SealedRecording,
)
from callvault.contracts.base import shorten
from callvault.contracts.consent import ConsentTerms
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    Guards,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
    TimelineEntry,
)
from workflows.call import chunks as files
from workflows.call import consent
from workflows.call import consent_holds as holds
from workflows.call.commands import (
    GOAL,
    READINGS,
    TOWARDS,
    Control,
    Verb,
    next_verb,
    serves,
)
from workflows.call.request_records import Requests, refuse_control, refuse_start

MAX_TIMELINE = 500
"""Entries kept: the first half and the newest, so that a noisy call cannot fill its history."""


SILENT = (Actual.NONE, Actual.PAUSED, Actual.STOPPED)
"""In these ACS records nothing, unless it was just asked to."""

GUARD = "callvault"
"""Who asks for what Callvault asks for by itself."""

_OVER = "the recording was over before ACS could confirm this"


class Lifecycle:
    """Folds what happens into a `CallStatus`, which it owns and changes in place."""

    def __init__(self, status: CallStatus) -> None:
        self.status = status
        self.requests = Requests(status)
        self.in_flight: Control | None = None

    @classmethod
    def begin(cls, request: RecordingRequest, now: datetime) -> "Lifecycle":
        """Open the life of a call, with its first recording if one is asked for."""
        call = cls(CallStatus(server_call_id=request.server_call_id, resource=request.resource))
        if request.start_recording:
            call.request(Verb.START, request, now)
        return call

    # What app backends ask.

    def refusal(self, verb: Verb, request: ControlRequest) -> str | None:
        """Say why a request makes no sense now, in a sentence for a person; None if it does."""
        if self.requests.known(request) is not None:
            return None
        if verb is Verb.START:
            return refuse_start(self.current, self.status.ended_at)
        return refuse_control(verb, self.current)

    def request(self, verb: Verb, request: ControlRequest, now: datetime) -> ControlRecord:
        """Fold a request; the same ``requestId`` again changes nothing and gets the same record."""
        if (known := self.requests.known(request)) is not None:
            return known
        refused = self.refusal(verb, request)
        if refused is None and isinstance(request, StartRequest):
            self.status.recordings.append(_new_recording(self.status, request, now))
            for participant in request.participants:
                here = ParticipantChanged(participant=participant, joined=True)
                consent.move(self.status, here, now)
        elif refused is None and self.current is not None:
            self.current.wanted = GOAL[verb]
        why = f" ({request.reason})" if request.reason else ""
        refusal = f": refused, {refused}" if refused else ""
        self.note(now, f"{verb} asked by {request.requested_by}{why}{refusal}")
        number = self.current.number if self.current else 0
        record = self.requests.add(verb, request, number, now, refused)
        if self.current is not None:
            self._settle(self.current, now)
        return record

    def files_announced(self, event: FileStatusUpdated, now: datetime) -> None:
        """Fold an event about files; one that tells of the session's end also stops the recording.

        A recording that the service has ended cannot be controlled any more, whoever ended it.
        """
        recording = files.announce(self.status, event, now)
        indices = ", ".join(str(chunk.index) for chunk in event.chunks)
        self.note(now, f"recording {recording.number}: chunks {indices} announced")
        self._settle(recording, now)

    def call_ended(self, ended: CallEnded, now: datetime) -> None:
        """Fold the end of the call: whatever still records is to be stopped."""
        if self.status.ended_at is not None:
            return
        self.status.ended_at = ended.ended_at or now
        self.note(now, f"the call ended {ended.reason}".rstrip())
        for recording in self._controlled():
            recording.wanted = Wanted.STOPPED
            self._settle(recording, now)

    # What consent demands: see `workflows/call/consent_gate.py`.

    def settle_all(self, now: datetime) -> None:
        """Draw the consequences for every recording of something that concerns the whole call."""
        for recording in self.status.recordings:
            self._settle(recording, now)

    def decline(self, recording: RecordingStatus, why: str, now: datetime) -> None:
        """Give a recording up before a sound of it was recorded."""
        recording.declined = shorten(why)
        recording.wanted = Wanted.STOPPED
        self.note(now, f"recording {recording.number}: declined, {recording.declined}")
        self.requests.fail(recording, {Verb.START, Verb.RESUME}, recording.declined, now)
        self._settle(recording, now)

    # What activities bring back, and what time does.

    def policy_known(self, policy: ResourcePolicy) -> None:
        """Fold the resource's settings; from now on there are deadlines."""
        self.status.policy = policy
        for recording in self.status.recordings:
            files.refresh(self.status, recording)

    def chunk_archived(self, key: files.ChunkKey, archived: ArchivedChunk, now: datetime) -> None:
        """Fold a verified copy."""
        recording = files.chunk_archived(self.status, key, archived)
        amiss = f", amiss: {archived.metadata_problem}" if archived.metadata_problem else ""
        self.note(
            now,
            f"recording {recording.number}: chunk {key.index} archived and verified, "
            f"{archived.size} bytes{amiss}",
        )

    def chunk_lost(self, key: files.ChunkKey, reason: str, now: datetime) -> None:
        """Fold the end of hope for a chunk."""
        recording = files.chunk_lost(self.status, key, reason)
        self.note(now, f"recording {recording.number}: chunk {key.index} lost: {reason}")

    def sealed(self, recording: RecordingStatus, sealed: SealedRecording, now: datetime) -> None:
        """Fold a manifest."""
        recording.sealed = sealed
        amiss = f", amiss: {'; '.join(sealed.findings)}" if sealed.findings else ""
        what = f"manifest {sealed.sequence} of archive {sealed.archive}{amiss}"
        self.note(now, f"recording {recording.number}: {what}")

    def window_closed(self, number: int, now: datetime) -> None:
        """Fold the end of the export window of a recording whose files were not all announced."""
        recording = self.recording(number)
        files.close_window(self.status, recording)
        self.note(now, f"recording {number}: {recording.problem or 'nothing was recorded'}")

    # What ACS answers.

    def next_control(self) -> Control | None:
        """Name the next thing to ask of ACS, or None while nothing is to be asked."""
        for recording in self._controlled():
            verb = next_verb(recording)
            if verb is not None:
                paused = recording.wish is Wanted.PAUSED
                return Control(recording.number, verb, verb is Verb.START and paused)
        return None

    def is_superseded(self, control: Control) -> bool:
        """Tell whether asking for ``control`` no longer serves what is wanted."""
        return not serves(control, self.recording(control.recording))

    def asked(self, control: Control) -> None:
        """Note that ACS is being asked."""
        self.in_flight = control

    def answered(self, control: Control, outcome: ControlOutcome, now: datetime) -> None:
        """Fold ACS's confirmed answer."""
        recording = self.recording(control.recording)
        self.in_flight = None
        self.requests.accepted(recording, control.verb, outcome.accepted_at, now)
        if outcome.state == "gone":
            self._gone(recording, control, now)
        else:
            self._confirmed(recording, control, outcome.recording_id, now)
        self._settle(recording, now)

    def is_active(self, recording: RecordingStatus, now: datetime) -> None:
        """Fold that a recording which was started has begun to record."""
        resumed(recording, now)
        recording.actual, recording.known_at = Actual.ACTIVE, now
        self._settle(recording, now)

    def failed_to_start(self, recording: RecordingStatus, problem: str, now: datetime) -> None:
        """Fold that a start which ACS had accepted came to nothing."""
        recording.problem = shorten(f"start failed: {problem}")
        self.note(now, f"recording {recording.number}: {recording.problem}")
        recording.recording_id, recording.was_active = None, False
        self._over(recording, now)
        self._settle(recording, now)

    def ask_again(self, recording: RecordingStatus, now: datetime) -> None:
        """Forget what was asked without an answer: it changed nothing, and is asked anew.

        Unless something else is wanted by now: a start that was stopped meanwhile is not repeated.
        """
        self.in_flight = None
        self._settle(recording, now)

    def found_gone(self, number: int, now: datetime) -> None:
        """Fold that ACS no longer knows a recording, which it was asked about out of turn.

        While something else is asked of ACS, the answer to that will tell the same.
        """
        recording = self.recording(number)
        if recording.actual is Actual.STOPPED or self._is_asking(recording):
            return
        self.note(now, f"recording {number}: over, as ACS says; nobody had told of its end")
        self._over(recording, now)
        self._settle(recording, now)

    def unsure(self, control: Control, now: datetime) -> None:
        """Fold a request given up half-way, because something else is wanted now."""
        recording = self.recording(control.recording)
        self.in_flight = None
        if control.verb is Verb.RESUME:
            # It may record from now on: nobody may claim that the pause went on.
            resumed(recording, now)
        if control.verb not in READINGS:
            recording.actual = Actual.UNSURE
            self.note(now, f"recording {recording.number}: {control.verb} given up half-way")
        self._settle(recording, now)

    def failed(self, control: Control, problem: str, now: datetime) -> None:
        """Fold a request that ACS refuses for good: say so, and want what is the case."""
        recording = self.recording(control.recording)
        self.in_flight = None
        recording.problem = shorten(f"{control.verb} failed: {problem}")
        self.note(now, f"recording {recording.number}: {recording.problem}")
        self.requests.fail(recording, {control.verb}, recording.problem, now)
        if control.verb in (Verb.START, Verb.STOP):
            self._over(recording, now)
        elif control.verb is Verb.READ:
            recording.is_doubted = False
        else:
            self._goes_on(recording, control, now)
        self._settle(recording, now)

    # What is the case.

    @property
    def current(self) -> RecordingStatus | None:
        """The newest recording that was asked for here; announced ones cannot be controlled."""
        return next((r for r in reversed(self.status.recordings) if r.origin == "requested"), None)

    @property
    def policy(self) -> ResourcePolicy:
        """The resource's settings; only to be asked for once they are known."""
        if self.status.policy is None:
            raise RuntimeError("nothing is exported before the resource's settings are known")
        return self.status.policy

    def recording(self, number: int) -> RecordingStatus:
        """Look a recording up by its number."""
        return next(r for r in self.status.recordings if r.number == number)

    def may_record(self, recording: RecordingStatus) -> bool:
        """Whether ACS may be recording it: it is not known to be silent, or just asked to begin."""
        asked = self.in_flight
        is_asked = asked is not None and asked.recording == recording.number
        is_beginning = asked is not None and is_asked and asked.begins_sound
        return is_beginning or recording.actual not in SILENT

    @property
    def is_over(self) -> bool:
        """Whether every recording of the call has reached its end."""
        return all(recording.state.is_final for recording in self.status.recordings)

    def note(self, now: datetime, what: str) -> None:
        """Add a line to the timeline."""
        timeline = self.status.timeline
        timeline.append(TimelineEntry(at=now, what=shorten(what)))
        if len(timeline) > MAX_TIMELINE:
            del timeline[MAX_TIMELINE // 2]

    def _is_asking(self, recording: RecordingStatus) -> bool:
        return self.in_flight is not None and self.in_flight.recording == recording.number

    # The parts.

    def _controlled(self) -> list[RecordingStatus]:
        return [
            recording
            for recording in self.status.recordings
            if recording.origin == "requested" and recording.actual is not Actual.STOPPED
        ]

    def _gone(self, recording: RecordingStatus, control: Control, now: datetime) -> None:
        """ACS answered 404: for a stop that is success, for all else the recording is over.

        What consent demanded is no loss then: those who hang up leave one after the other.
        """
        if control.verb is not Verb.STOP:
            what = f"ACS no longer knew the recording when asked to {control.verb} it"
            self.note(now, f"recording {recording.number}: {what}")
            if not holds.is_own(control.verb, self.requests.pending(recording)):
                recording.problem = what
        self._over(recording, now)

    def _confirmed(
        self, recording: RecordingStatus, control: Control, recording_id: str, at: datetime
    ) -> None:
        if control.verb is Verb.READ:
            return
        self.note(at, f"recording {recording.number}: {control.verb} confirmed by ACS")
        recording.known_at = at
        # No reading confirms that it began paused: what was told meanwhile stays in doubt.
        recording.is_doubted = recording.is_doubted and control.verb is Verb.START
        match control.verb:
            case Verb.START:
                self._started(recording, control, recording_id, at)
            case Verb.CONFIRM | Verb.RESUME:
                resumed(recording, at)
                recording.actual = Actual.ACTIVE
            case Verb.PAUSE:
                self._paused(recording, at)
            case Verb.STOP:
                self._over(recording, at)

    def _started(
        self, recording: RecordingStatus, control: Control, recording_id: str, at: datetime
    ) -> None:
        recording.recording_id = recording_id
        recording.started_at = at
        recording.actual = Actual.STARTING
        files.adopt_announced(self.status, recording)
        if control.pause_on_start:
            self._paused(recording, at)
        else:
            # Never seen active, perhaps, but a silent loss is worse than a false alarm.
            recording.was_active = True

    def _goes_on(self, recording: RecordingStatus, control: Control, now: datetime) -> None:
        """What ACS refused did not happen, unless an earlier attempt came through unanswered.

        So the state is read after a refused pause, and a refused resume is followed by a pause.
        """
        recording.was_active = True
        if control.verb is not Verb.RESUME:
            if control.verb is Verb.PAUSE and not self.is_superseded(control):
                # Rather no recording than one without consent.
                recording.wanted = Wanted.STOPPED if recording.is_held else Wanted.ACTIVE
            recording.actual = Actual.ACTIVE
            recording.is_doubted = True
            return
        is_wanted = not self.is_superseded(control)
        resumed(recording, now)
        recording.actual = Actual.UNSURE
        if is_wanted:
            why = "ACS refused to resume it: it is to be paused for certain"
            self.request(Verb.PAUSE, ControlRequest(requested_by=GUARD, reason=why), now)

    def _paused(self, recording: RecordingStatus, at: datetime) -> None:
        asked = self._cause_of_pause(recording)
        if recording.actual in (Actual.STARTING, Actual.ACTIVE, Actual.UNSURE) and asked:
            recording.pauses.append(
                PauseRecord(
                    requested_by=asked.requested_by,
                    reason=asked.reason,
                    asked_at=asked.asked_at,
                    accepted_at=asked.accepted_at,
                    confirmed_at=at,
                    told_at=asked.told_at,
                )
            )
        recording.actual = Actual.PAUSED

    def _cause_of_pause(self, recording: RecordingStatus) -> ControlRecord | None:
        """The first request still open for it; a recording started paused was so by its start."""
        open_requests = self.requests.pending(recording)
        return next(
            (record for record in open_requests if record.verb == Verb.PAUSE),
            next((record for record in open_requests if record.verb == Verb.START), None),
        )

    def _over(self, recording: RecordingStatus, at: datetime) -> None:
        if recording.wanted is not Wanted.STOPPED:
            self.requests.fail(recording, {Verb.START, TOWARDS[recording.wish]}, _OVER, at)
        recording.wanted = Wanted.STOPPED
        recording.actual = Actual.STOPPED
        recording.stopped_at = recording.stopped_at or at

    def _settle(self, recording: RecordingStatus, now: datetime) -> None:
        """Say of every open request what became of it, once nothing is in flight any more."""
        if held := holds.review(self.status, recording, self.requests, now):
            self.note(now, f"recording {recording.number}: {held}")
        if not self._is_asking(recording):
            self.requests.close(recording, now)
            if files.session_has_ended(recording):
                self._over(recording, now)
            elif recording.actual is Actual.NONE and recording.wanted is Wanted.STOPPED:
                recording.actual = Actual.STOPPED
            self.requests.close(recording, now)
        holds.finish(recording, self.may_record(recording), now)
        files.refresh(self.status, recording)


def resumed(recording: RecordingStatus, at: datetime) -> None:
    """Take note that it may record from now on: an open pause has ended."""
    if recording.pauses and recording.pauses[-1].resumed_at is None:
        recording.pauses[-1].resumed_at = at
    recording.was_active = True


def _new_recording(status: CallStatus, request: StartRequest, now: datetime) -> RecordingStatus:
    return RecordingStatus(
        number=files.next_number(status),
        origin="requested",
        recording_content_type=request.recording_content_type,
        recording_channel_type=request.recording_channel_type,
        recording_format_type=request.recording_format_type,
        requested_by=request.requested_by,
        requested_at=now,
        wanted=Wanted.PAUSED if request.pause_on_start else Wanted.ACTIVE,
        guards=Guards.model_validate(request.model_dump(include=set(Guards.model_fields))),
        consent=ConsentTerms.model_validate(
            request.model_dump(include=set(ConsentTerms.model_fields))
        ),
    )
