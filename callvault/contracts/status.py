"""The state of a call: what the `status` query answers, and what the workflow lives on.

One shape serves both, so that nothing has to be translated and nothing can be left out.
"""

from datetime import datetime

from callvault.contracts.activity_io import ArchivedChunk, ResourcePolicy, SealedRecording
from callvault.contracts.alarms import AlarmRecord
from callvault.contracts.base import Message, State
from callvault.contracts.consent import (
    Announcement,
    BeforeConsent,
    ConsentHold,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    Presence,
)
from callvault.contracts.events import RecordingChunk
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.requests import Guards
from callvault.contracts.states import Actual, ChunkState, RecordingState, RequestState, Wanted


class ControlRecord(State):
    """A control request and what became of it."""

    verb: str
    requested_by: str
    reason: str
    asked_at: datetime
    recording: int
    recording_id: str | None = None
    """As soon as ACS has told it."""
    state: RequestState = RequestState.PENDING
    accepted_at: datetime | None = None
    """When ACS answered that it accepts the change; none where nothing had to be asked."""
    told_at: datetime | None = None
    """When ACS told of the change by itself, by its own clock; none without a callback."""
    settled_at: datetime | None = None
    """When it was known to be done (its effect was read back), or not to be."""
    is_overdue: bool = False
    """Whether ACS did not confirm it in time, and something was done about it."""
    problem: str = ""

    @property
    def is_done(self) -> bool:
        """False: it came to nothing, or something else was done in its place because it failed."""
        is_replaced = self.state is RequestState.SUPERSEDED and self.is_overdue
        return self.state is not RequestState.FAILED and not is_replaced


class PauseRecord(State):
    """A pause as ACS confirmed it: who asked for it, why, and when it took effect."""

    requested_by: str
    reason: str
    asked_at: datetime
    accepted_at: datetime | None = None
    """When ACS answered that it accepts the pause; none where it was found to be the case."""
    confirmed_at: datetime
    """When ACS was seen to record no more."""
    told_at: datetime | None = None
    """When ACS told of the pause by itself, by its own clock; none without a callback."""
    resumed_at: datetime | None = None
    """When ACS confirmed the resume; none while paused, or when the recording stopped paused."""
    is_too_long: bool = False
    """Whether it lasted longer than it may, and something was done about it."""


class DoubtfulInterval(State):
    """A time in which it was asked not to record, and in which ACS may have recorded."""

    since: datetime
    until: datetime | None = None


class ChunkStatus(State):
    """One announced media file and its way into the archive."""

    chunk: RecordingChunk
    state: ChunkState = ChunkState.ANNOUNCED
    announced_at: datetime
    born_at: datetime
    """When the service may have begun to count the export window; only ever moves earlier."""
    expires_at: datetime | None = None
    """The earliest instant at which the service may delete it; none until the window is known."""
    told_at: datetime | None = None
    """When the service told of it first: from then at the latest it counts the export window."""
    archived: ArchivedChunk | None = None
    held: ArchivedChunk | None = None
    """A verified copy in another archive than the one that is to keep the recording."""
    lost_reason: str = ""
    rungs: int = 0
    """How many rungs of the ladder have been alarmed."""
    source_deleted: bool = False
    """Whether the service's own copy was deleted after the archived one was verified."""


class RecordingStatus(State):
    """One recording, from its request to its archived files."""

    number: int
    """Counts the recordings of the call, from 1."""
    origin: str
    """``requested`` by a backend, or ``announced`` by an event for a recording nobody asked for."""
    recording_content_type: ContentType = ContentType.AUDIO_VIDEO
    recording_channel_type: ChannelType = ChannelType.MIXED
    recording_format_type: FormatType = FormatType.MP4
    requested_by: str = ""
    requested_at: datetime
    state: RecordingState = RecordingState.STARTING
    wanted: Wanted
    actual: Actual = Actual.NONE
    known_at: datetime | None = None
    """Since when ``actual`` is known."""
    is_doubted: bool = False
    """Whether ACS told something else than ``actual``: its state is to be read."""
    recording_id: str | None = None
    told_id: str | None = None
    """The id in a callback that came before the start was answered."""
    call_id: str | None = None
    started_at: datetime | None = None
    """When ACS accepted the start."""
    was_active: bool = False
    """Whether something may have been recorded: if not, there may be no file at all."""
    stopped_at: datetime | None = None
    recording_start_time: datetime | None = None
    """The recording's beginning as the service's event tells it."""
    recording_duration_ms: float | None = None
    session_end_reason: str = ""
    pauses: list[PauseRecord] = []
    guards: Guards = Guards()
    doubtful: list[DoubtfulInterval] = []
    """Quarantined: what the recording holds of these times should not be in it."""
    chunks: list[ChunkStatus] = []
    expires_at: datetime | None = None
    """The nearest deadline of what is not archived yet."""
    archive: str = ""
    """The archive that keeps all of its files; the fallback once the first one would not do."""
    archive_changes: int = 0
    """How often it was given to another archive: to the fallback once, and back from it once."""
    rungs: int = 0
    """How many alarms were raised because no file is announced."""
    sealed: SealedRecording | None = None
    """Its manifest; none before the recording has reached its end, and again after a late file."""
    window_closed: bool = False
    """Whether the export window ended before every file had been announced."""
    problem: str = ""
    """Why it failed to start, or why files are missing."""
    consent: ConsentTerms = ConsentTerms()
    """What it needs; complete once the resource's settings are known."""
    consented_at: datetime | None = None
    """When that was met for the first time."""
    holds: list[ConsentHold] = []
    """When it was held back for want of consent, whatever was asked for meanwhile."""
    marked: list[DeletionMark] = []
    """What people are to delete of it: consent was withdrawn."""
    announcement: Announcement | None = None
    """None where its resource has no announcement."""
    declined: str = ""
    """Why nothing was recorded: consent or an announcement was missing."""

    @property
    def is_held(self) -> bool:
        """Whether consent is missing now."""
        return bool(self.holds) and self.holds[-1].until is None

    @property
    def wish(self) -> Wanted:
        """What ACS is to do: what is wanted, but for recording while consent is missing."""
        return Wanted.PAUSED if self.is_held and self.wanted is Wanted.ACTIVE else self.wanted

    @property
    def waits_for_consent(self) -> bool:
        """Whether ACS is not even to be asked to start it paused."""
        return self.is_held and self.consent.before_consent is BeforeConsent.WAIT

    @property
    def may_begin(self) -> bool:
        """Whether ACS may be asked to start it."""
        unannounced = self.announcement is not None and self.announcement.answered_at is None
        return not self.waits_for_consent and not unannounced

    @property
    def is_orphan(self) -> bool:
        """Whether nobody asked for it: an event announced its files."""
        return self.origin == "announced"


class TimelineEntry(Message):
    """Something that happened, in the order in which the workflow learned of it."""

    at: datetime
    what: str


class CallStatus(State):
    """Everything Callvault knows of one call."""

    server_call_id: str
    resource: str
    policy: ResourcePolicy | None = None
    """The resource's settings as they were when the workflow began; none until then."""
    ended_at: datetime | None = None
    recordings: list[RecordingStatus] = []
    requests: dict[str, ControlRecord] = {}
    alarms: list[AlarmRecord] = []
    consents: list[ConsentRecord] = []
    """Every decision of those in the call, as it was heard of."""
    participants: list[Presence] = []
    """Who is in the call, or was, as far as it is known."""
    timeline: list[TimelineEntry] = []

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
