"""The state of a call: the answer of the `status` query, and all that its workflow remembers.

One shape serves both, so that nothing has to be translated and nothing can be left out.
"""

from datetime import datetime

from callvault.causes import Cause
from callvault.contracts.activity_io import ArchivedChunk, ResourcePolicy, SealedRecording
from callvault.contracts.alarms import AlarmRecord
from callvault.contracts.base import Message, State, name_of_caller
from callvault.contracts.consent import (
    Announcement,
    BeforeConsent,
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    JoinerAnnouncement,
    Presence,
)
from callvault.contracts.events import RecordingChunk
from callvault.contracts.hold_messages import CallHold
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaKind
from callvault.contracts.recording_events import ToldEvents
from callvault.contracts.requests import Guards
from callvault.contracts.retention import Retention
from callvault.contracts.signal_times import UntimedSignal
from callvault.contracts.silence import SilenceAccount, SoundEvidence
from callvault.contracts.states import Actual, ChunkState, RecordingState, RequestState, Wanted


class PauseHolder(State):
    """A pause that is not released: the recording stays paused."""

    requested_by: str
    authenticated_as: str = ""
    reason: str
    since: datetime
    """Time at which it was asked for."""

    @property
    def caller(self) -> str:
        """The requester, with the key or token behind it."""
        return name_of_caller(self.requested_by, self.authenticated_as)


class ControlRecord(State):
    """A control request and its state."""

    operation: str
    requested_by: str
    authenticated_as: str = ""
    """The key or token behind the request, as the gateway found it; empty where it told none."""
    reason: str
    requested_at: datetime
    """Time of asking by the request's own account, and no later than `received_at`. For a signal
    without one, the time at which it came to Temporal's server."""
    received_at: datetime
    """Time at which the workflow saw it first."""
    is_time_awaited: bool = False
    """True while it is not known when such a signal came."""
    expires_at: datetime | None = None
    """Of a resume: time at which it fails if ACS has not confirmed it."""
    force: bool = False
    """True for a resume that released the pauses of others, too."""
    released: list[PauseHolder] = []
    """The pauses of others that it released by force."""
    held_by: list[PauseHolder] = []
    """Of a resume that came to nothing: the pauses for which the recording stays paused."""
    content: str = ""
    """Digest of all that was asked, but for its times: equal requests have the same."""
    recording: int
    recording_id: str | None = None
    """As soon as ACS has told it."""
    state: RequestState
    accepted_at: datetime | None = None
    """Time at which ACS answered that it accepts the change; none where nothing had to be asked."""
    notified_at: datetime | None = None
    """Time of the change by ACS's own account and clock; none without a callback."""
    settled_at: datetime | None = None
    """Time at which it was known to be done (its effect was read back), or to have failed."""
    is_overdue: bool = False
    """True if ACS did not confirm it in time, and something was done about it."""
    is_to_be_stopped: bool = False
    """True for a pause that failed, until the stop that was asked for instead is confirmed."""
    may_be_recording: bool = False
    """True if silence was asked for and, when this was settled, not proven: ACS may record."""
    problem: str = ""

    @property
    def is_done(self) -> bool:
        """True only if ACS was seen to do it."""
        return self.state is RequestState.CONFIRMED


class PauseRecord(State):
    """A pause that was asked for: the recording stays paused until each of them is released."""

    requested_by: str
    """The requester, who alone releases it, but for force."""
    authenticated_as: str = ""
    """The key or token behind the request for it: with another one it is another requester."""
    reason: str
    requested_at: datetime
    """Time of asking by the request's own account, and no later than `received_at`."""
    received_at: datetime
    """Time at which the workflow saw the request first."""
    accepted_at: datetime | None = None
    """Time at which ACS answered that it accepts the pause; none where it was the case already."""
    confirmed_at: datetime | None = None
    """Time at which ACS was seen to record no more; none as long as that is not proven."""
    notified_at: datetime | None = None
    """Time of the pause by ACS's own account and clock; none without a callback."""
    released_at: datetime | None = None
    """Time at which it was released; none while it holds, or if the recording stopped paused."""
    released_by: str = ""
    """The requester of the resume that released it."""
    resumed_at: datetime | None = None
    """Time at which ACS was asked to record again; none while paused, or if the recording stopped
    paused."""
    is_before_start: bool = False
    """True if it was confirmed as the recording waited for consent: ACS is not asked to start it
    before this is released, for it may not heed that it is to begin paused."""
    is_too_long: bool = False
    """True if it lasted longer than it may, and something was done about it."""

    @property
    def is_open(self) -> bool:
        """True if it is not released."""
        return self.released_at is None


class ChunkStatus(State):
    """One announced media file and its way into the archive."""

    chunk: RecordingChunk
    state: ChunkState = ChunkState.ANNOUNCED
    announced_at: datetime
    retention_starts_at: datetime
    """Earliest time at which the service may have begun to count the export window; only ever moves
    earlier."""
    expires_at: datetime | None = None
    """Earliest time at which the service may delete it; none until the window is known."""
    notified_at: datetime | None = None
    """Time at which the service told of it first: from then at the latest it counts the export
    window."""
    archived: ArchivedChunk | None = None
    gone: ArchivedChunk | None = None
    """The verified copy that was gone from the archive, or changed there, before it was sealed."""
    earlier_copy: ArchivedChunk | None = None
    """A verified copy in another archive than the one that is to keep the recording."""
    lost_reason: str = ""
    """Why it is lost, or erased; while it is still announced, why it is lost if no archive holds
    it."""
    is_undecided: bool = False
    """True once its last chance has passed while the archive could not be reached: that it is lost
    is not known until the archive is back."""
    escalations: int = 0
    """Number of steps of the escalation schedule that have raised an alarm."""
    source_deleted: bool = False
    """True if the service's own copy was deleted after the archived one was verified."""


class Trouble(State):
    """The newest failure of a request to ACS that is still asked for, or was refused."""

    operation: str
    what: str
    """A sentence for a person."""
    cause: Cause | None = None
    """None where the failure tells none."""
    at: datetime


class RecordingStatus(State):
    """One recording, from its request to its archived files."""

    number: int
    """Counts the recordings of the call, from 1."""
    origin: str
    """``requested`` by a backend, or ``announced`` by an event without such a request."""
    archive_only: bool = False
    """True if its resource only archives: another program controls it, and no request is missed."""
    recording_content_type: ContentType = ContentType.AUDIO_VIDEO
    recording_channel_type: ChannelType = ChannelType.MIXED
    recording_format_type: FormatType = FormatType.MP4
    declared_kind: MediaKind | None = None
    """What the service told of the kind of an announced recording; what it left out is assumed."""
    requested_by: str = ""
    authenticated_as: str = ""
    """The key or token behind the request."""
    requested_at: datetime
    state: RecordingState = RecordingState.STARTING
    wanted: Wanted
    actual: Actual = Actual.NONE
    known_at: datetime | None = None
    """Time since which ``actual`` is known."""
    silence_asked_at: datetime | None = None
    """Time of the last withdrawal: it is answered by a reading that was sent since."""
    needs_read: bool = False
    """True if ACS told something else than ``actual``: its state is to be read."""
    recording_id: str | None = None
    callback_recording_id: str | None = None
    """The id in a callback that came before the start was answered: told, and not proven."""
    is_callback_signed: bool = False
    """True if ACS's own signed token came with that callback."""
    call_id: str | None = None
    started_at: datetime | None = None
    """Time at which ACS accepted the start."""
    adopted_at: datetime | None = None
    """Time at which it was adopted: what was asked for and confirmed before then is unknown."""
    was_active: bool = False
    """True if something may have been recorded: if not, there may be no file at all."""
    stopped_at: datetime | None = None
    recording_start_time: datetime | None = None
    """The recording's beginning as the service's event tells it."""
    recording_duration_ms: float | None = None
    session_end_reason: str = ""
    pauses: list[PauseRecord] = []
    guards: Guards = Guards()
    retention: Retention | None = None
    """The retention that its request asked for."""
    silence: SilenceAccount = SilenceAccount()
    """Times in which it is proven to be silent, and those in which it only should be."""
    sound: SoundEvidence = SoundEvidence()
    """The facts from which that account is drawn."""
    looked_for_until: datetime | None = None
    """Time until which a start that was given up is looked for, as it may have begun all the same:
    until the call is over, at the latest."""
    refused_operation: str = ""
    """What ACS refused for good, last: it is asked for again as long as it is wanted."""
    refusals: int = 0
    """Number of times it was refused, one after the other."""
    ask_again_at: datetime | None = None
    """Time at which ACS is asked for it again; none while nothing is refused."""
    callback_awaited_until: datetime | None = None
    """Time until which a callback may tell that it has begun; then ACS is asked for that."""
    chunks: list[ChunkStatus] = []
    expires_at: datetime | None = None
    """The nearest deadline of what is not archived yet."""
    archive: str = ""
    """The archive that keeps all of its files; the fallback once the first one would not do."""
    archive_changes: int = 0
    """Number of changes of its archive: to the fallback once, and back from it once."""
    escalations: int = 0
    """Number of alarms that were raised because no file is announced."""
    sealed: SealedRecording | None = None
    """The manifest; none before the recording has reached its end, and again after a late file."""
    looked_up: int = 0
    """Number of alarms about missing files at which the archives were last looked into, in vain."""
    undecided_since: datetime | None = None
    """End of the export window, if the archives could not be looked into since the last such alarm:
    that files are lost is not known until then. None once they were."""
    window_closed: bool = False
    """True if the export window ended before every file had been announced."""
    problem: str = ""
    """The reason why it failed to start, or why files are missing."""
    erased: str = ""
    """In words, that files of it were erased, and are not archived again."""
    trouble: Trouble | None = None
    """The reason why ACS does not do what it is asked; none once it does."""
    consent: ConsentTerms = ConsentTerms()
    """The consent it needs; complete once the resource's settings are known."""
    consented_at: datetime | None = None
    """Time at which that was met for the first time."""
    holds: list[ConsentHold] = []
    """Times in which it was held back for want of consent, whether or not recording was asked
    for."""
    marked: list[DeletionMark] = []
    """Times of which people are to delete what was recorded: consent was withdrawn."""
    announcement: Announcement | None = None
    """None where its resource has no announcement."""
    joiner_announcements: list[JoinerAnnouncement] = []
    """Those to participants who joined later, where its resource has them."""
    joiners_left_out: int = 0
    """Number of participants who joined beyond those whom an announcement can reach: while there
    are some, it is held back."""
    pauses_left_out: int = 0
    """Number of the oldest pauses and holds that are not kept: more than a call can remember."""
    intervals_cut_until: datetime | None = None
    """Time until which its doubts, marks and silent times are joined or not kept, for that reason:
    nothing more is marked before it."""
    declined: str = ""
    """The reason why nothing was recorded: consent or an announcement was missing."""
    webhook_url: str | None = None
    """The receiver of its events that its request has named, beside the resource's own webhook."""

    @property
    def is_held(self) -> bool:
        """True if consent is missing now."""
        return bool(self.holds) and self.holds[-1].until is None

    @property
    def target(self) -> Wanted:
        """The target for ACS: as wanted, but paused while consent is missing."""
        return Wanted.PAUSED if self.is_held and self.wanted is Wanted.ACTIVE else self.wanted

    @property
    def waits_for_consent(self) -> bool:
        """True if ACS is not even to be asked to start it paused."""
        return self.is_held and self.consent.before_consent is BeforeConsent.WAIT

    @property
    def is_paused_before_start(self) -> bool:
        """True if ACS is not to be asked to start it before somebody resumes."""
        return any(pause.is_open and pause.is_before_start for pause in self.pauses)

    @property
    def may_begin(self) -> bool:
        """True if ACS may be asked to start it."""
        unannounced = self.announcement is not None and self.announcement.answered_at is None
        return not (self.waits_for_consent or self.is_paused_before_start or unannounced)

    @property
    def is_orphan(self) -> bool:
        """True if no backend asked for it, and one should have: an event announced its files."""
        return self.origin == "announced" and not self.archive_only


class TimelineEntry(Message):
    """A happening, in the order in which the workflow learned of it."""

    at: datetime
    what: str


class CallStatus(State):
    """Everything that Callvault knows of one call."""

    server_call_id: str
    resource: str
    policy: ResourcePolicy | None = None
    """The resource's settings as they were when the workflow began; none until then."""
    ended_at: datetime | None = None
    # Pydantic copies such a default for every instance: no two calls share a list.
    recordings: list[RecordingStatus] = []
    requests: dict[str, ControlRecord] = {}
    alarms: list[AlarmRecord] = []
    consents: list[ConsentRecord] = []
    """Every decision of those in the call, as Callvault heard of it."""
    participants: list[Presence] = []
    """The history of who was in the call, as far as it is known."""
    legal_holds: list[CallHold] = []
    """Legal holds of which the workflow was told; those that a command places are in the archives
    alone."""
    timeline: list[TimelineEntry] = []
    alarms_left_out: int = 0
    """Number of the oldest alarms that are not kept."""
    chunks_left_out: int = 0
    """Number of announced files that are not kept, because a call may not have so many."""
    consents_left_out: int = 0
    """Number of decisions that are not kept, because a call may not have so many."""
    refusals_left_out: int = 0
    """Number of those among them that stood: while there is one, no policy is met."""
    participants_left_out: int = 0
    """Number of the oldest stays in the call that are not kept."""
    untimed: list[UntimedSignal] = []
    """Signals that did not tell their time, until it is known when they came."""
    kept_until: datetime | None = None
    """Time until which a call without a recording is kept for what was told of its participants."""
    told: dict[int, ToldEvents] = {}
    """What webhooks were told, by the number of the recording; nothing without one."""
    told_at: datetime | None = None
    """The ``sequence`` of the last event, as a time; the next one has a later one."""
    taken_over: list[str] = []
    """The ids of the runs, ended by force or reset, whose last state is part of this one."""

    @property
    def being_recorded(self) -> RecordingStatus | None:
        """The recording that was asked for here and is on, or about to be."""
        return next(
            (
                recording
                for recording in self.recordings
                if recording.origin == "requested" and recording.wanted is not Wanted.STOPPED
            ),
            None,
        )
