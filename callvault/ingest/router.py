"""Brings an event to the workflow of its call; the same for every channel."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from callvault.contracts import names
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.reconciliation import CallSeen
from callvault.contracts.requests import CallEnded, RecordingRequest
from callvault.contracts.results import CallResult
from callvault.errors import InvalidRequest, Unavailable
from callvault.ingest.eventgrid import (
    CallEndedEvent,
    CallStartedEvent,
    Event,
    FilesEvent,
    OtherEvent,
    ParticipantEvent,
    ValidationEvent,
)
from callvault.ingest.routes import Route, Routes
from callvault.temporal.call_client import CallClient
from callvault.temporal.decisions import DecisionClient

OVERTAKING_LIMIT = timedelta(minutes=1)
"""Age up to which a participant's event is asked for again while its call has no workflow."""

KEEPING_LIMIT = timedelta(minutes=10)
"""Age up to which a coming is kept for a recording that nobody has asked for yet."""

log = structlog.get_logger(__name__)


class Router:
    """Routes events by their type, their resource and their call."""

    def __init__(self, routes: Routes, calls: CallClient, *, again: bool = False) -> None:
        """With ``again``, files are copied anew that a workflow archived before it ended."""
        self._again = again
        self._routes = routes
        self._calls = calls
        self._decisions = DecisionClient(calls)

    def admitted(self, event: Event) -> Event:
        """Return an event as it may be delivered: without URLs that must not be asked for.

        Raises `InvalidRequest` for files of which none is left.
        """
        route = self._routes.of(event.topic)
        if not isinstance(event, FilesEvent) or route is None:
            return event
        return replace(event, files=route.without_foreign_urls(event.files))

    async def deliver(self, event: Event) -> str | None:
        """Return the id of an `admitted` event's workflow once Temporal has the event.

        None if no workflow needs it. Raises `InvalidRequest` for an event that cannot be
        delivered, now or ever, and `Unavailable` while Temporal cannot take it.
        """
        route = self._routes.of(event.topic)
        match event:
            case FilesEvent():
                return await self._files_announced(event, route)
            case CallStartedEvent():
                return await self._call_started(event, route)
            case CallEndedEvent():
                return await self._call_ended(event, route)
            case ParticipantEvent():
                return await self._participant_changed(event, route)
            case ValidationEvent() | OtherEvent():
                log.debug("event of no interest", type=event.type)
                return None

    async def _files_announced(self, event: FilesEvent, route: Route | None) -> str:
        if route is None:
            raise InvalidRequest(f"no resource has the topic {event.topic[:300]!r}")
        files = event.files
        workflow_id = await self._announce(route.archive_request(files), files)
        log.info("files announced", workflow_id=workflow_id, recording_id=files.recording_id)
        if files.left_out:
            log.warning("odd fields left out", workflow_id=workflow_id, left_out=files.left_out)
        return workflow_id

    async def _announce(self, request: RecordingRequest, files: FileStatusUpdated) -> str:
        """Tell the call's workflow of its files, and begin one with ``request`` if none runs."""
        # Whatever the event says of itself.
        files = files.model_copy(update={"again": self._again})
        others = await self._workflows_of_recording(files)
        if not others and not self._again:
            # Nearly all events: they cost Temporal one request, however many calls end at once.
            told = await self._calls.announce_first(request, files)
            if told is not None:
                return told
        return await self._announce_to_any(request, files, others)

    async def _announce_to_any(
        self, request: RecordingRequest, files: FileStatusUpdated, others: list[str]
    ) -> str:
        """Tell the workflow that runs, this call's or one of ``others``, or begin one anew."""
        candidates = [*others, names.workflow_id(request.server_call_id)]
        for workflow_id in candidates:
            if await self._calls.signal(workflow_id, names.FILE_STATUS_UPDATED, files):
                return workflow_id
        if self._again:
            return await self._calls.announce(request, files, earlier=None, again=True)
        # The event may have come before, by another channel: then the call is archived and over.
        earlier: CallResult | None = None
        for workflow_id in candidates:
            earlier = await self._calls.result(workflow_id)
            if _has_archived(earlier, files):
                return workflow_id
        return await self._calls.announce(request, files, earlier)

    async def _workflows_of_recording(self, files: FileStatusUpdated) -> list[str]:
        """Find workflows by ``recordingId``; only for an older event, which names no call."""
        if files.server_call_id is not None or files.recording_id is None:
            return []
        try:
            return await self._calls.find(files.recording_id)
        except InvalidRequest as error:
            # Refused, the files would be lost; as an orphan's they are archived all the same.
            log.warning("search attributes are not registered: run setup", problem=str(error))
            return []

    async def _call_started(self, event: CallStartedEvent, route: Route | None) -> str | None:
        """Record the call if its resource records all calls."""
        if route is None:
            log.warning("a call of an unknown topic is ignored", topic=event.topic[:300])
            return None
        if not route.tracks_calls:
            return None
        # Not checked sooner: no call of another resource is of interest, and so is no error in it.
        if event.server_call_id is None:
            raise InvalidRequest("the event does not say which call began")
        await self._remember(event.server_call_id, event.at, "began", route)
        request = route.recording_request(event.server_call_id)
        return None if request is None else await self._record(request)

    async def _record(self, request: RecordingRequest) -> str:
        workflow_id = names.workflow_id(request.server_call_id)
        # A queue may bring the beginning of a call hours late: ACS would refuse to record it again.
        if await self._calls.result(workflow_id) is not None:
            log.info("a call that is over is not recorded again", workflow_id=workflow_id)
            return workflow_id
        started = await self._calls.start(request)
        log.info("call recorded by policy", workflow_id=started.workflow_id)
        return started.workflow_id

    async def _call_ended(self, event: CallEndedEvent, route: Route | None) -> str | None:
        await self._remember(event.server_call_id, event.at, "ended", route)
        workflow_id = names.workflow_id(event.server_call_id)
        ended = CallEnded(ended_at=event.at, reason="as Event Grid tells")
        known = await self._calls.signal(workflow_id, names.CALL_ENDED, ended)
        log.info("call ended", workflow_id=workflow_id, known=known)
        return workflow_id if known else None

    async def _participant_changed(
        self, event: ParticipantEvent, route: Route | None
    ) -> str | None:
        """Tell the call's workflow, if one runs or may be needed soon."""
        workflow_id = names.workflow_id(event.server_call_id)
        known = await self._calls.signal(workflow_id, names.PARTICIPANT_CHANGED, event.change)
        log.debug("participant changed", workflow_id=workflow_id, known=known)
        if known:
            return workflow_id
        if route is not None and route.keeps_participants and _may_matter(event):
            unkept = route.waiting_request(event.server_call_id)
            return await self._decisions.joined(unkept, event.change)
        if _may_have_overtaken_the_start(event, route):
            raise Unavailable("the call's workflow has not begun yet: send it again")
        return None

    async def _remember(
        self,
        server_call_id: str,
        at: datetime | None,
        what: Literal["began", "ended"],
        route: Route | None,
    ) -> None:
        """Leave a trace for the reconciliation, if the resource wants it."""
        if route is None or not route.tracks_calls:
            return
        seen = CallSeen(
            server_call_id=server_call_id,
            resource=route.resource,
            what=what,
            at=at or datetime.now(UTC),
            all_recorded=route.records_all_calls,
        )
        await self._calls.record_call_seen(seen)


def _may_matter(event: ParticipantEvent) -> bool:
    """Tell if a recording that is asked for soon may not know of this coming otherwise.

    A backend tells who is in the call when it asks for a recording: those who came before that.
    """
    at = event.change.at
    return event.change.joined and (at is None or datetime.now(UTC) - at < KEEPING_LIMIT)


def _may_have_overtaken_the_start(event: ParticipantEvent, route: Route | None) -> bool:
    """Tell if the event that has the call recorded may still be on its way."""
    if route is None or not route.records_all_calls or event.change.at is None:
        return False
    return datetime.now(UTC) - event.change.at < OVERTAKING_LIMIT


def _has_archived(result: CallResult | None, files: FileStatusUpdated) -> bool:
    """Tell if a call that is over has archived every file that an event names."""
    if result is None:
        return False
    archived = {(chunk.document_id, chunk.index) for chunk in result.archived}
    return archived >= {(chunk.document_id, chunk.index) for chunk in files.chunks}
