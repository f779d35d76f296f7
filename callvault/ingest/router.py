"""Brings an event to the workflow it belongs to, by whatever road it came."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

import structlog

from callvault.acs.allowed_hosts import AllowedHosts, parse_endpoint
from callvault.archive.transfer.own_storage import container_of
from callvault.clients import open_archive
from callvault.config.resources import ResourceSettings
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.events import (
    CALL_ENDED,
    CALL_LEG_STATE_CHANGED,
    CALL_STARTED,
    FILE_STATUS_UPDATED,
    FileStatusUpdated,
)
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.participants import ParticipantChanged, hiding
from callvault.contracts.reconciliation import CallSeen
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.errors import HostNotAllowed, InvalidRequest, Unavailable
from callvault.ingest import eventgrid, participants
from callvault.ingest.eventgrid import GridEvent
from callvault.temporal.call_client import Recordings

REQUESTED_BY = "event-grid"
"""Who asks for what an event begins."""

OVERTAKEN_WITHIN = timedelta(minutes=1)
"""How long Event Grid is asked again for a participant of a call that nobody keeps yet."""

_BEGINNINGS = (CALL_STARTED.casefold(), CALL_LEG_STATE_CHANGED.casefold())

_FORMATS = {
    "mp4": (ContentType.AUDIO_VIDEO, ChannelType.MIXED, FormatType.MP4),
    "mp3": (ContentType.AUDIO, ChannelType.MIXED, FormatType.MP3),
    "wav": (ContentType.AUDIO, ChannelType.MIXED, FormatType.WAV),
    "unmixed_wav": (ContentType.AUDIO, ChannelType.UNMIXED, FormatType.WAV),
}

log = structlog.get_logger(__name__)


class Delivery:
    """Routes events by type, resource and call."""

    def __init__(self, settings: Settings, recordings: Recordings) -> None:
        self._settings = settings
        self._recordings = recordings
        self._hide = hiding(settings.participant_key())
        self._own_containers = {
            name: _own_container(settings, resource)
            for name, resource in settings.resources.items()
        }
        self._hosts = {name: _allowed(resource) for name, resource in settings.resources.items()}

    async def deliver(self, event: GridEvent) -> str | None:
        """Return once Temporal has the event: the id of its workflow, None where nobody needs it.

        Raises `InvalidRequest` for what cannot be understood, now or ever, and `Unavailable` while
        Temporal cannot take it.
        """
        if event.type == FILE_STATUS_UPDATED.casefold():
            return await self._files(event)
        if event.type == CALL_ENDED.casefold():
            return await self._call_ended(event)
        if event.type in participants.TYPES:
            return await self._participant_changed(event)
        if event.type in _BEGINNINGS:
            return await self._call_began(event)
        if event.type == eventgrid.VALIDATION:
            eventgrid.validation_code(event)
        log.debug("event of no interest", type=event.type)
        return None

    async def _files(self, event: GridEvent) -> str:
        resource = self._settings.resource_for_topic(event.topic)
        if resource is None:
            raise InvalidRequest(f"no resource has the topic {event.topic[:300]!r}")
        files = eventgrid.file_status_updated(event)
        self._check_hosts(resource, files)
        workflow_id = await self._announce(resource, files)
        log.info("files announced", workflow_id=workflow_id, recording_id=files.recording_id)
        return workflow_id

    async def _announce(self, resource: str, files: FileStatusUpdated) -> str:
        request = _archive_only(resource, files)
        keepers = [*await self._knowing(files), names.workflow_id(request.server_call_id)]
        for workflow_id in keepers:
            if await self._recordings.signal(workflow_id, names.FILE_STATUS_UPDATED, files):
                return workflow_id
        # By another road it may have come in time: then the call is kept, and its workflow over.
        earlier: CallResult | None = None
        for workflow_id in keepers:
            earlier = await self._recordings.result(workflow_id)
            if _holds_all(earlier, files):
                return workflow_id
        return await self._recordings.announce(request, files, earlier)

    async def _knowing(self, files: FileStatusUpdated) -> list[str]:
        """The workflows that know the recording of an older event, which does not name its call."""
        if files.server_call_id is not None or files.recording_id is None:
            return []
        try:
            return await self._recordings.find(files.recording_id)
        except InvalidRequest as error:
            # Archived as an orphan it is safe all the same; refusing it would not be.
            log.warning("search attributes are not registered: run setup", problem=str(error))
            return []

    async def _call_ended(self, event: GridEvent) -> str | None:
        server_call_id, ended = eventgrid.call_ended(event)
        await self._remember(event, server_call_id, "ended")
        workflow_id = names.workflow_id(server_call_id)
        known = await self._recordings.signal(workflow_id, names.CALL_ENDED, ended)
        log.info("call ended", workflow_id=workflow_id, known=known)
        return workflow_id if known else None

    async def _participant_changed(self, event: GridEvent) -> str | None:
        """Tell a call that is being kept who is in it; of other calls nobody needs to know."""
        server_call_id, change = participants.participant_changed(event, self._hide)
        workflow_id = names.workflow_id(server_call_id)
        known = await self._recordings.signal(workflow_id, names.PARTICIPANT_CHANGED, change)
        log.info("participant changed", workflow_id=workflow_id, known=known)
        if not known and self._is_about_to_be_kept(event, change):
            raise Unavailable("the call's workflow has not begun yet: send it again")
        return workflow_id if known else None

    def _is_about_to_be_kept(self, event: GridEvent, change: ParticipantChanged) -> bool:
        """Whether the event overtook the one that makes a resource's every call be recorded."""
        resource = self._settings.resource_for_topic(event.topic)
        if resource is None or self._settings.resource(resource).record_all_calls == "no":
            return False
        return change.at is not None and datetime.now(UTC) - change.at < OVERTAKEN_WITHIN

    async def _call_began(self, event: GridEvent) -> str | None:
        """Record the call, if its resource is to record all; the same call twice is one request.

        One whose workflow has come to its end is over, and begins nothing.
        """
        resource = self._settings.resource_for_topic(event.topic)
        if resource is None:
            log.warning("a call of an unknown topic is ignored", topic=event.topic[:300])
            return None
        if not self._settings.resource(resource).remembers_calls:
            return None
        server_call_id = eventgrid.started_call(event)
        if server_call_id is None:
            return None
        await self._remember(event, server_call_id, "began")
        if self._settings.resource(resource).record_all_calls == "no":
            return None
        return await self._record(_record_all(self._settings, resource, server_call_id))

    async def _record(self, request: RecordingRequest) -> str:
        workflow_id = names.workflow_id(request.server_call_id)
        # A queue may bring the beginning of a call hours late: ACS would refuse to record it again.
        if await self._recordings.result(workflow_id) is not None:
            log.info("a call that is over is not recorded again", workflow_id=workflow_id)
            return workflow_id
        started = await self._recordings.start(request)
        log.info("call recorded by policy", workflow_id=started.workflow_id)
        return started.workflow_id

    async def _remember(
        self, event: GridEvent, server_call_id: str, what: Literal["began", "ended"]
    ) -> None:
        """Leave a trace for the reconciliation, where the resource wants it."""
        name = self._settings.resource_for_topic(event.topic)
        if name is None or not (resource := self._settings.resource(name)).remembers_calls:
            return
        seen = CallSeen(
            server_call_id=server_call_id,
            resource=name,
            what=what,
            at=eventgrid.time_of(event) or datetime.now(UTC),
            all_recorded=resource.record_all_calls != "no",
        )
        await self._recordings.remember(seen)

    def _check_hosts(self, resource: str, files: FileStatusUpdated) -> None:
        locations = chain.from_iterable(
            (chunk.content_location, chunk.metadata_location, chunk.delete_location)
            for chunk in files.chunks
        )
        own = self._own_containers[resource]
        try:
            for location in filter(None, locations):
                if own is None or not location.startswith(f"{own}/"):
                    self._hosts[resource].check(location)
        except HostNotAllowed as error:
            raise InvalidRequest(str(error)) from error


def _holds_all(result: CallResult | None, files: FileStatusUpdated) -> bool:
    """Whether a call that is over has archived every file that an event names."""
    if result is None:
        return False
    archived = {(chunk.document_id, chunk.index) for chunk in result.archived}
    return archived >= {(chunk.document_id, chunk.index) for chunk in files.chunks}


def _own_container(settings: Settings, resource: ResourceSettings) -> str | None:
    """Where ACS writes for this resource; it is read with the archive's credential, not ACS's."""
    if resource.own_storage is None:
        return None
    with closing(
        open_archive(resource.own_storage, settings.archive(resource.own_storage))
    ) as storage:
        return container_of(storage)


def _record_all(settings: Settings, resource: str, server_call_id: str) -> RecordingRequest:
    content, channel, file_format = _FORMATS[settings.resource(resource).record_all_calls]
    return RecordingRequest(
        server_call_id=server_call_id,
        resource=resource,
        recording_content_type=content,
        recording_channel_type=channel,
        recording_format_type=file_format,
        requested_by=REQUESTED_BY,
        reason="all calls of this resource are recorded",
        request_id="record-all-calls",
    )


def _allowed(resource: ResourceSettings) -> AllowedHosts:
    return AllowedHosts(parse_endpoint(resource.endpoint), resource.content_hosts)


def _archive_only(resource: str, files: FileStatusUpdated) -> RecordingRequest:
    """What begins the workflow of a call that nobody asked to keep.

    An event without ``serverCallId`` is kept under the best other id it has.
    """
    call = files.server_call_id or files.recording_id or files.call_id
    if call is None:
        raise InvalidRequest("the event names neither a call nor a recording")
    try:
        return RecordingRequest(
            server_call_id=call,
            resource=resource,
            start_recording=False,
            requested_by=REQUESTED_BY,
            reason="Event Grid announced files",
        )
    except ValueError:
        raise InvalidRequest("the event's callId is not an id") from None
