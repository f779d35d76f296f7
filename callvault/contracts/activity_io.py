"""Inputs and results of activities: references, never secrets, never bytes.

With the policy of a resource, which a workflow asks for first and decides by.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationInfo, field_validator

from callvault.contracts.base import Message, ShortText
from callvault.contracts.consent import BeforeConsent, ConsentPolicy, ConsentTerms, OnWithdrawal
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck, MediaKind
from callvault.contracts.media_urls import UrlKind, refuse_foreign
from callvault.contracts.requests import Guards, OnMaxPause, OnPauseFailure
from callvault.contracts.silence import SilenceAccount

ACS_TIMEOUT = timedelta(seconds=10)
"""The longest that one control request to ACS waits for its answer: the client's time-out, from
which `workflows/activity_options.py` derives those of activities."""

QUICK_ATTEMPT_TIMEOUT = timedelta(seconds=4)
"""Longest first attempt to pause, resume or stop: should its worker die, another one asks within
the five seconds in which a pause is to be confirmed, see decision 63."""


class BeginInput(Message):
    """A question of a run that begins."""

    workflow_id: str
    run_id: str
    is_first: bool
    """True if no other run was before it, which a reset run always has."""
    resource: str | None = None
    """The resource whose policy is asked for; None where the run before has handed it over."""
    retry_permanent: bool = False
    """True where an unknown name may become known: an event's recording is never refused for it."""
    unheard_run: str = ""
    """Id of the run before, if it has heard of no cancellation."""


class ResourceGuards(Guards):
    """The guards of a resource, which apply where a request leaves one out."""

    pause_confirm_within: timedelta
    """Time for ACS to confirm a pause."""
    on_pause_failure: OnPauseFailure
    on_max_pause: OnMaxPause


class ResourceConsent(ConsentTerms):
    """The consent terms of a resource, which apply where a request leaves one out."""

    consent_policy: ConsentPolicy
    before_consent: BeforeConsent
    on_withdrawal: OnWithdrawal
    stop_when_last_consenting_leaves: bool


class ResourcePolicy(Message):
    """The settings of a resource that steer decisions, fixed in the history when a workflow begins.

    No field has a default: the settings own them.
    """

    # A field that is added after the first release needs one, for histories that lack it.
    resource: str
    archive: str
    export_window: timedelta
    delete_source: bool
    """Delete the service's copy once the archived one is verified."""
    escalation_schedule: tuple[timedelta, ...]
    """Ages of a file at which it becomes more urgent; empty for the default of the window."""
    event_expected_within: timedelta
    """Time after a recording's end within which its files are usually announced."""
    guards: ResourceGuards
    """Applied where a request says nothing."""
    consent: ResourceConsent
    """Applied where a request says nothing."""
    announce_within: timedelta | None
    """Time for the answer of the webhook that is called before a recording begins; none without a
    webhook."""
    announce_late_joiners: bool
    """True if it is also called for everybody who joins later."""
    own_storage: str | None
    """The archive whose container ACS itself writes to: bring your own storage."""
    callback_url: str | None
    """The address of the gateway for ACS, which tells there how recordings change."""
    fallback_archive: str | None
    fallback_after: timedelta | None
    """Age of a file at which its recording goes to the fallback archive; none for half the
    window."""
    polls_result: bool
    """True if the service may be asked about a recording whose files no event announces."""
    state_poll_interval: timedelta
    """Interval at which the service is asked, at first, whether a recording is still on."""
    max_history_events: int
    """Events in the history of a run after which it hands over to the next one."""
    archive_only: bool
    """True if another program controls the recordings, and what is announced is no orphan."""
    tells_events: bool
    """True if the resource has a webhook for events about recordings."""
    webhook_allowed_urls: tuple[str, ...]
    """The URLs that a request may name for its events, with all that is below them."""
    webhook_within: timedelta
    """Time for the delivery of an event."""


class Beginning(Message):
    """Answer to a `BeginInput`."""

    was_reset: bool = False
    """True if the run was reset, to before its first workflow task was done."""
    was_cancelled: bool = False
    """True if the run before was asked to end, and has not heard of it."""
    policy: ResourcePolicy | None = None
    """None if it was not asked for."""


class StartInput(Message):
    """Start a recording of a call.

    The repeatability pair makes ACS answer a repeated start with the recording it already started.
    """

    resource: str
    server_call_id: str
    recording_content_type: ContentType
    recording_channel_type: ChannelType
    recording_format_type: FormatType
    pause_on_start: bool
    repeatability_request_id: str
    repeatability_first_sent: datetime
    own_storage: str | None = None
    """The archive whose container ACS is to write to."""
    callback_uri: str | None = None
    """The address at which ACS is to tell how the recording changes."""


class AnnouncementInput(Message):
    """Tell the resource's webhook that a recording is about to begin, or that somebody joined."""

    id: str
    """The same however often it is tried."""
    resource: str
    server_call_id: str
    workflow_id: str
    recording: int
    requested_by: str
    consent_policy: str
    participant: str | None = None
    """Keyed hash of the participant who joined while it is on; none before it begins."""
    timeout: timedelta
    """Time for the webhook's answer."""


class RecordingInput(Message):
    """Do something with a recording that runs: pause, resume, stop, read its state."""

    resource: str
    server_call_id: str
    recording_id: str
    accepted_at: datetime | None = None
    """Time at which ACS accepted this change, if it is known to have done so: then its effect is
    read before the change is asked for again."""
    is_unanswered: bool = False
    """True if an attempt before this activity got no answer: it may still arrive."""
    is_quick: bool = False
    """True: the only attempt of its activity, which is over within seconds; another activity goes
    on from there."""


class ControlResult(Message):
    """The state of a recording by ACS's answer. ``gone`` is ACS's 404: over, or never was."""

    recording_id: str
    state: Literal["active", "inactive", "gone", "unknown"]
    accepted_at: datetime | None = None
    """Time at which ACS answered that it accepts the change; none where it was the case already."""
    is_settled: bool = True
    """False: ACS has accepted the change, and was not seen to have made it yet."""
    sent_at: datetime | None = None
    """Time right before the change was sent or, where none was, the reading that tells the state.
    It may be too early, never too late."""
    received_at: datetime | None = None
    """Time right after the answer to the request that tells the state: the reading after a change,
    the stop itself. It may be too late, never too early; none where the worker cannot tell when
    that was by the server's clock: then the workflow hears of it later."""
    read_at: datetime | None = None
    """Time right before that request was sent."""
    unanswered_at: datetime | None = None
    """Time at which the last request for the same change was given up that got no answer, if there
    is one: it may still arrive."""
    inactive_at: datetime | None = None
    """Time right before the last earlier reading, by the same activity, that said ``inactive``."""


class ToldRecording(Message):
    """A ``recordingId`` that a callback told, read back from ACS."""

    is_known: bool
    """False: ACS knows no such recording."""
    is_of_call: bool | None = None
    """False: it is a recording of another call. None: ACS does not say."""


class ExportInput(Message):
    """Copy one chunk and its metadata into the archive, and prove the copy."""

    resource: str
    archive: str
    server_call_id: str
    call_id: str | None = None
    recording_id: str | None = None
    recorded_on: datetime
    """Gives the object its date."""
    recording_format_type: FormatType
    chunk: RecordingChunk
    expires_at: datetime
    own_storage: str | None = None
    """The archive whose container ACS wrote to, if it did as it should."""
    may_refuse: bool = False
    """Give up on an archive that refuses for long: there is another one."""
    earlier_copy: "ArchivedChunk | None" = None
    """A verified copy in another archive, for when the service no longer has the file."""
    is_kind_assumed: bool = False
    """No event told all of the recording's kind: the file itself and its metadata tell the rest."""
    verified_before: str = ""
    """SHA-256 of the file, if it was archived and verified before, and was gone or changed since.
    """
    is_archived_alone: bool = False
    """Take what lies in the archive alone: the last look, before the chunk is told as lost."""


class RecordedPause(Message):
    """A pause as the service's metadata file tells it (``pauseResumeIntervals[]``)."""

    start_time: datetime
    duration_ms: float


class ArchivedChunk(Message):
    """A chunk that is in the archive, read back and found equal to what the service sent."""

    archive: str
    archive_id: str = ""
    """Id of the archive, as it showed it when the chunk had been read back."""
    object_name: str
    location: str
    """The place where a person finds it: a URL or a path, without credentials."""
    size: int
    """Bytes."""
    sha256: str
    sha512: str | None = None
    """None of a chunk that was verified before it was computed."""
    metadata_object_name: str | None = None
    metadata_problem: ShortText = ""
    """The reason why the service's metadata file is not archived, or is incomplete, or why what the
    archive keeps beside the media is not there."""
    start_time: datetime | None = None
    """``chunkStartTime`` of the service's metadata file, by the service's clock."""
    duration_ms: float | None = None
    """``chunkDuration`` of the service's metadata file."""
    pauses: tuple[RecordedPause, ...] = ()
    verified_at: datetime
    kind: MediaKind | None = None
    """The kind by the service's metadata file, else by the file itself, where no event told it."""
    media: MediaCheck | None = None
    """The verdict on the file as media; none where it was not judged yet."""
    response_headers: dict[str, str] = {}
    """Headers of the service's answer that tell where the file came from."""


class ExportProgress(Message):
    """Heartbeat of an export."""

    phase: str
    """``copying``, ``verifying`` or ``waiting``."""
    bytes_done: int = 0
    bytes_total: int | None = None
    moved_at: datetime | None = None
    """Time at which the last byte moved."""
    missing_since: datetime | None = None
    """Time of the service's first 404 or 410 for this chunk, if it does not have it."""
    refused_since: datetime | None = None
    """Time at which the archive first refused this chunk, if it does."""
    no_metadata_since: datetime | None = None
    """Time at which its metadata file was first denied or unreadable, if it is."""


class SealedRecording(Message):
    """A recording whose manifest lies in the archive and is linked into the archive's chain."""

    archive: str
    object_name: str
    location: str
    """The place where a person finds it: a URL or a path, without credentials."""
    sequence: int
    """Place in the archive's chain, from 1."""
    link_sha256: str = ""
    """SHA-256 of the link at that place. Temporal keeps it: a chain without it was cut or rewritten
    (``callvault verify --against-temporal``)."""
    sha256: str
    """SHA-256 of the manifest, byte for byte."""
    key_id: str | None
    """None where no signing key is configured: the manifest is unsigned."""
    findings: tuple[str, ...] = ()
    """Faults of the recording, in sentences; none where it is complete."""
    silence: SilenceAccount | None = None
    """The account that the manifest states, where the service's own one contradicts ours."""
    duties: int = 0
    """Number of things that people must do about it: see `callvault duties`."""
    contradictions: tuple[str, ...] = ()
    """Facts of the service that contradict what was claimed: some of the findings."""


class DeleteInput(Message):
    """Delete the service's copy of a chunk whose archived copy is verified and sealed."""

    resource: str
    document_id: str
    delete_location: str
    archived: ArchivedChunk
    """The archived copy, which must be there when the service's is deleted."""
    sealed: SealedRecording
    """The manifest that names it, which must be there, too."""

    @field_validator("delete_location")
    @classmethod
    def _of_this_document(cls, url: str, info: ValidationInfo) -> str:
        refuse_foreign(UrlKind.DELETE, url, info.data.get("document_id", ""))
        return url


class FindSealed(Message):
    """Look for a recording in archives."""

    archives: tuple[str, ...]
    server_call_id: str
    recording_id: str
    since: datetime
    until: datetime
    """The recording began between these times."""
    is_last: bool = False
    """True where no alarm follows before the window closes: then a file is found without its
    metadata, too, which the service may still have."""


class FoundChunk(Message):
    """A chunk that lies in an archive, as it was sealed, or as it was copied and not sealed yet."""

    chunk: RecordingChunk
    archived: ArchivedChunk


class FoundRecording(Message):
    """A recording that lies in an archive."""

    archive: str
    manifest: str
    """Object name; empty where nothing of it is sealed."""
    files: FileStatusUpdated
    """The facts of the event that announced its files, as far as they are known there."""
    chunks: tuple[FoundChunk, ...]


class FoundRecordings(Message):
    """The outcome of a look into archives."""

    recordings: tuple[FoundRecording, ...] = ()
    """At most one for each archive."""
    erased: str = ""
    """In words, that the recording was erased: none of its files is to be awaited."""


class PollResultInput(Message):
    """Ask for a recording's result, until it names a file that no event has announced yet."""

    resource: str
    server_call_id: str
    recording_id: str
    known: tuple[str, ...] = ()
    """Document ids of the files that were announced."""


class PolledResult(Message):
    """A recording's result: the same facts as in an event, and a little more."""

    files: FileStatusUpdated
    expires_at: datetime | None = None
    """Time at which the service deletes the files, by its own account."""
    errors: tuple[str, ...] = ()
    """Faults that the service names, such as one of an export to one's own storage."""


class PollStateInput(RecordingInput):
    """Poll the state of a recording until it is another one than expected."""

    expected: Literal["active", "inactive"]
    proves_from: datetime | None = None
    """Where ``inactive`` is expected: it is an answer, too, if it was asked for from then on, as it
    proves silence; none if silence is proven already."""


class ControlProgress(Message):
    """Heartbeat of a change: what its attempts have come to."""

    accepted_at: datetime | None = None
    """Time at which ACS accepted it; none if it did not, or is not known to have."""
    unanswered_at: datetime | None = None
    """Time at which the last attempt was given up that got no answer, if there is one."""
    gone_since: datetime | None = None
    """Time at which ACS first denied the recording; none while ACS knows it."""


class PollProgress(Message):
    """Heartbeat of polling."""

    gone_since: datetime | None = None
    """Time at which ACS first denied the recording; none while ACS knows it."""
    inactive_at: datetime | None = None
    """Time right before the last request was sent to which ACS answered ``inactive``."""
