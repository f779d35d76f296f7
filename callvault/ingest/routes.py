"""The ACS resources as their events need them: looked up once for an event, by its topic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callvault.acs.allowed_hosts import AllowedHosts, parse_endpoint
from callvault.acs.media_location import MediaLocation
from callvault.config.resources import ResourceSettings
from callvault.config.settings import Settings
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.contracts.field_by_field import bounded_notes
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.contracts.media_urls import UrlKind
from callvault.contracts.participants import hiding
from callvault.contracts.requests import RecordingRequest
from callvault.errors import InvalidRequest, UrlNotAllowed
from callvault.rereading import Reread

REQUESTED_BY = "event-grid"
"""The requester in a request that an event makes."""

_Format = tuple[ContentType, ChannelType, FormatType]

FORMATS: dict[str, _Format | None] = {
    "no": None,
    "mp4": (ContentType.AUDIO_VIDEO, ChannelType.MIXED, FormatType.MP4),
    "mp3": (ContentType.AUDIO, ChannelType.MIXED, FormatType.MP3),
    "wav": (ContentType.AUDIO, ChannelType.MIXED, FormatType.WAV),
    "unmixed_wav": (ContentType.AUDIO, ChannelType.UNMIXED, FormatType.WAV),
}
"""By the settings `record_all_calls` and `adopt_orphans`."""


_FIELDS = {
    UrlKind.CONTENT: "content_location",
    UrlKind.METADATA: "metadata_location",
    UrlKind.DELETE: "delete_location",
}


@dataclass(frozen=True)
class Route:
    """One resource: the hosts its files may be on, and the requests its events make."""

    resource: str
    """The resource's name in the settings."""
    hosts: AllowedHosts
    own_container: str | None
    """URL of the container that ACS itself writes to; None if it writes to its own storage only."""
    recorded_as: _Format | None
    """The format in which every call is recorded; None if calls are recorded on request only."""
    tracks_calls: bool
    """True if every call leaves a trace for the reconciliation."""
    keeps_participants: bool
    """True if comings are kept for recordings that nobody has asked for yet."""

    @property
    def records_all_calls(self) -> bool:
        return self.recorded_as is not None

    def without_foreign_urls(self, files: FileStatusUpdated) -> FileStatusUpdated:
        """Leave out every URL that must not be asked for with credentials, and note it.

        A chunk goes as a whole if its content is not to be had. Raises `InvalidRequest` where no
        chunk is left.
        """
        checked = [self._checked(chunk) for chunk in files.chunks]
        notes = [note for _, problems in checked for note in problems]
        kept = tuple(chunk for chunk, _ in checked if chunk is not None)
        if not kept:
            raise InvalidRequest(notes[0])
        if not notes:
            return files
        return files.model_copy(
            update={
                "chunks": kept,
                "left_out": bounded_notes([*files.left_out, *notes]),
                "chunks_left_out": files.chunks_left_out + len(checked) - len(kept),
            }
        )

    def _checked(self, chunk: RecordingChunk) -> tuple[RecordingChunk | None, list[str]]:
        problems = {
            kind: problem
            for kind, url in _urls_of(chunk)
            if (problem := self._problem(kind, url)) is not None
        }
        notes = [f"{kind} of {chunk.document_id}: {text}" for kind, text in problems.items()]
        if UrlKind.CONTENT in problems:
            return None, notes
        return chunk.model_copy(update={_FIELDS[kind]: None for kind in problems}), notes

    def _problem(self, kind: UrlKind, url: str) -> str | None:
        # Files in our own container are read with the archive's credential, not with ACS's. With
        # the slash at the end: another container's name may begin with this one's.
        own = self.own_container
        if own is not None and kind is not UrlKind.DELETE and url.startswith(f"{own}/"):
            return None
        try:
            MediaLocation(self.hosts, kind, url).target()
        except UrlNotAllowed as error:
            return str(error)
        return None

    def archive_request(self, files: FileStatusUpdated) -> RecordingRequest:
        """Return the request that archives files of a call which has no workflow.

        Without a ``serverCallId`` the next best id of the event takes its place.
        """
        call = files.server_call_id or files.recording_id or files.call_id
        if call is None:
            raise InvalidRequest("the event names neither a call nor a recording")
        try:
            return RecordingRequest(
                server_call_id=call,
                resource=self.resource,
                start_recording=False,
                requested_by=REQUESTED_BY,
                reason="Event Grid announced files",
            )
        except ValueError:
            raise InvalidRequest("the event's callId is not an id") from None

    def waiting_request(self, server_call_id: str) -> RecordingRequest:
        """Return the request that keeps what is told of a call's participants."""
        return RecordingRequest(
            server_call_id=server_call_id,
            resource=self.resource,
            start_recording=False,
            requested_by=REQUESTED_BY,
            reason="a participant came into the call",
        )

    def recording_request(self, server_call_id: str) -> RecordingRequest | None:
        """Return the request that records a call; None if calls are recorded on request only."""
        if self.recorded_as is None:
            return None
        content, channel, file_format = self.recorded_as
        return RecordingRequest(
            server_call_id=server_call_id,
            resource=self.resource,
            recording_content_type=content,
            recording_channel_type=channel,
            recording_format_type=file_format,
            requested_by=REQUESTED_BY,
            reason="all calls of this resource are recorded",
            # Always the same: an event that arrives twice makes one request.
            request_id="record-all-calls",
        )


class Routes:
    """All resources of the settings, and the key that participants are hashed with."""

    def __init__(self, settings: Settings, own_containers: Mapping[str, str]) -> None:
        """``own_containers`` are URLs by resource, see `callvault.clients.own_containers`."""
        self._settings = settings
        self._routes = {
            name: _route(name, resource, own_containers.get(name))
            for name, resource in settings.resources.items()
        }
        self.hide = hiding(Reread(settings.participant_key).current)
        """Replaces a participant's id by its hash."""

    def of(self, topic: str) -> Route | None:
        """Return the route of the resource with this topic; None if there is none."""
        resource = self._settings.resource_for_topic(topic)
        return None if resource is None else self._routes[resource]


def _route(name: str, resource: ResourceSettings, own_container: str | None) -> Route:
    return Route(
        resource=name,
        hosts=AllowedHosts(parse_endpoint(resource.endpoint), resource.content_hosts),
        own_container=own_container,
        recorded_as=FORMATS[resource.record_all_calls],
        tracks_calls=resource.tracks_calls,
        keeps_participants=resource.keeps_participants,
    )


def _urls_of(chunk: RecordingChunk) -> Iterator[tuple[UrlKind, str]]:
    for kind, field in _FIELDS.items():
        if (url := getattr(chunk, field)) is not None:
            yield kind, url
