"""Events about recordings, as webhooks get them, and the record of what was told."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from callvault.contracts.base import Message, State
from callvault.contracts.silence import SilenceAccount
from callvault.contracts.states import ChunkState, RecordingState


class EventKind(StrEnum):
    """The subject of an event."""

    STARTED = "started"
    """ACS has begun it, recording or paused."""
    PAUSED = "paused"
    """It is proven that ACS records nothing, since ``silentSince``."""
    RESUMED = "resumed"
    """The silence that was told is over, or was none: ACS may record."""
    STOPPED = "stopped"
    """It is over; its files are still to come."""
    ARCHIVED = "archived"
    """Every file is in the archive."""
    LOST = "lost"
    """A file, or all of it, can be had from nowhere any more."""
    EMPTY = "empty"
    """It is over, and nothing was recorded."""
    DECLINED = "declined"
    """Nothing was recorded, for want of consent or of an announcement."""
    FAILED = "failed"
    """It did not begin."""
    ERASED = "erased"
    """It was erased before, and what is told of it now is not archived again."""

    @property
    def is_final(self) -> bool:
        """True for an end."""
        return self in END_OF.values()


END_OF = {
    RecordingState.ARCHIVED: EventKind.ARCHIVED,
    RecordingState.LOST: EventKind.LOST,
    RecordingState.EMPTY: EventKind.EMPTY,
    RecordingState.DECLINED: EventKind.DECLINED,
    RecordingState.FAILED_TO_START: EventKind.FAILED,
    RecordingState.ERASED: EventKind.ERASED,
}
"""The event of each end of a recording."""


class EventFile(Message):
    """A file of a recording that has reached its end."""

    index: int
    document_id: str
    state: ChunkState
    object_name: str | None = None
    """Its name in the archive; none if it is lost."""
    location: str | None = None
    """The place where a person finds it: a URL or a path, without credentials."""
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    metadata_object_name: str | None = None
    """Name of the service's metadata file in the archive."""
    lost_reason: str = ""


class EventManifest(Message):
    """The manifest that proves the files."""

    object_name: str
    location: str
    sha256: str
    sequence: int
    """Place in the archive's chain, from 1."""
    key_id: str | None
    """None where no signing key is configured: the manifest is unsigned."""


class RecordingEvent(Message):
    """An event about a recording: the data of a CloudEvent of type ``callvault.recording.KIND``.

    The same event has the same ``id``, however often it is sent.
    """

    id: str
    kind: EventKind
    at: datetime
    """Time of what it tells, by the clock of Temporal's server."""
    sequence: str
    """Orders the events of a call: compare it as text."""
    resource: str
    server_call_id: str
    call_id: str | None = None
    workflow_id: str
    recording: int
    """Counts the recordings of the call, from 1."""
    recording_id: str | None = None
    origin: str
    """``requested`` by a backend, or ``announced`` by an event without such a request."""
    state: RecordingState
    """The state of the recording as the event was made."""
    reason: str = ""
    """The reason for an end that is not ``archived``."""
    silent_since: datetime | None = None
    """Of ``paused`` and ``resumed``: time from which on silence is proven."""
    silent_until: datetime | None = None
    """Time at which ACS was asked to record again, answered or not: from then on it may record."""
    proof: str = ""
    """Of ``paused``: the reading that proves it, in words."""
    is_retracted: bool = False
    """Of ``resumed``: True if the silence that was told is not claimed any more, wholly or in part;
    the final event has what is."""
    archive: str = ""
    """The archive that keeps the files."""
    files: tuple[EventFile, ...] = ()
    manifest: EventManifest | None = None
    """None where nothing is archived, or where it could not be written: then an alarm tells why."""
    findings: tuple[str, ...] = ()
    """Faults of an archived recording, in sentences; none where it is complete."""
    silence: SilenceAccount | None = None
    """Of an end: times in which it is proven silent, and those in which it only should be."""
    is_final: bool = False
    """True for an end: the last one that is told counts."""
    facts: str = ""
    """Of an end: a digest of it, which another end of the recording does not have."""
    corrects: str | None = None
    """Id of the end that was told before, which does not hold any more."""


class ToldEvents(State):
    """The record of what was told about a recording, so that nothing is told twice."""

    has_started: bool = False
    has_stopped: bool = False
    silent_since: datetime | None = None
    """The beginning of the last silence that was told."""
    is_silent: bool = False
    """True while the last word was that it is paused."""
    final: str = ""
    """Id of the last end that was told; empty before the first."""
    end_facts: str = ""
    """The ``facts`` of that end."""


class EventDelivery(Message):
    """An event for one receiver."""

    event: RecordingEvent
    url: str | None = None
    """The URL that the request has named; none for the resource's own webhook."""
    within: timedelta
    """Time for its delivery, in all."""


class RecordingCloudEvent(Message):
    """What a webhook gets: a CloudEvent 1.0 in JSON (structured mode), signed by its headers.

    The headers are those of Standard Webhooks: ``webhook-id``, which is the event's ``id``,
    ``webhook-timestamp`` and ``webhook-signature``.
    """

    specversion: Literal["1.0"] = "1.0"
    type: str
    """``callvault.recording.`` and the kind of the event."""
    source: str
    """``callvault/`` and the name of the resource."""
    subject: str
    """The ``workflowId`` of the call."""
    id: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str
    """Orders the events of a call: compare it as text."""
    data: RecordingEvent
