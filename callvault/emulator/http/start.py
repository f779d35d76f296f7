"""``StartCallRecordingRequest``: its models, and the requests that the service refuses."""

from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from callvault.emulator.calls import CallRegistry
from callvault.emulator.errors import (
    bad_request,
    invalid_argument,
    no_base64,
    unsupported_storage,
    wrong_format,
)
from callvault.emulator.ids import conversation_of
from callvault.emulator.model import Call, MediaFormat, RecordingOptions

_COMBINATIONS = frozenset(
    {
        ("audioVideo", "mixed", "mp4"),
        ("audio", "mixed", "mp3"),
        ("audio", "mixed", "wav"),
        ("audio", "unmixed", "wav"),
    }
)
_LAST_CHANNEL = 4


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class CallLocator(_Body):
    kind: str | None = None
    server_call_id: str | None = None
    group_call_id: str | None = None
    room_id: str | None = None


class _PhoneNumber(_Body):
    value: str
    is_anonymous: bool | None = None
    asserted_id: str | None = None


class _User(_Body):
    id: str


class _TeamsUser(_Body):
    user_id: str
    is_anonymous: bool | None = None
    cloud: str | None = None


class _TeamsApp(_Body):
    app_id: str
    cloud: str | None = None


class _TeamsExtensionUser(_Body):
    user_id: str
    tenant_id: str
    resource_id: str
    cloud: str | None = None


class Identifier(_Body):
    """``CommunicationIdentifierModel``."""

    kind: str | None = None
    raw_id: str | None = None
    communication_user: _User | None = None
    phone_number: _PhoneNumber | None = None
    microsoft_teams_user: _TeamsUser | None = None
    microsoft_teams_app: _TeamsApp | None = None
    teams_extension_user: _TeamsExtensionUser | None = None

    @property
    def canonical(self) -> str:
        """The raw id: as given, or composed as the service does."""
        if self.raw_id:
            return self.raw_id
        if self.communication_user:
            return self.communication_user.id
        if self.phone_number:
            return f"4:{self.phone_number.value}"
        raise invalid_argument("A participant needs a rawId, communicationUser or phoneNumber.")


class ChannelAffinity(_Body):
    channel: Annotated[int, Field(ge=0, le=_LAST_CHANNEL)]
    participant: Identifier


class ExternalStorage(_Body):
    recording_storage_kind: str
    recording_destination_container_url: str | None = None

    @property
    def container_url(self) -> str | None:
        """The container that gets the files; None for the service's own storage."""
        kind = self.recording_storage_kind.lower()
        if kind == _BUILT_IN:
            return None
        if kind != _BLOB_STORAGE:
            raise unsupported_storage(self.recording_storage_kind)
        url = self.recording_destination_container_url or ""
        field = "externalStorage.recordingDestinationContainerUrl"
        if not _absolute(url, field).path.strip("/"):
            raise invalid_argument(f"{field} must name a container.")
        return url


class StartRequest(_Body):
    call_locator: CallLocator | None = None
    call_connection_id: str | None = None
    recording_state_callback_uri: str | None = None
    recording_content_type: str | None = None
    recording_channel_type: str | None = None
    recording_format_type: str | None = None
    audio_channel_participant_ordering: list[Identifier] | None = None
    channel_affinity: list[ChannelAffinity] | None = None
    pause_on_start: bool | None = None
    external_storage: ExternalStorage | None = None

    def options(self) -> RecordingOptions:
        """Check the request and return what to record; raise `ServiceError` for a bad field."""
        callback = self.recording_state_callback_uri
        if callback is not None:
            _absolute(callback, "recordingStateCallbackUri")
        storage = self.external_storage
        return RecordingOptions(
            self._media(),
            bool(self.pause_on_start),
            self._channels(),
            callback,
            storage.container_url if storage else None,
        )

    def find_call(self, calls: CallRegistry, *, rooms: bool) -> Call | None:
        """Find the call that the request names; None if unknown.

        With ``rooms``, a room may be named, too.
        """
        if (self.call_locator is None) == (self.call_connection_id is None):
            raise invalid_argument("Give exactly one of callLocator and callConnectionId.")
        if self.call_locator is None:
            return calls.find("call_connection_id", self.call_connection_id or "")
        return _locate(self.call_locator, calls, rooms=rooms)

    def _media(self) -> MediaFormat:
        # What the service takes for a type that is left out is not documented: this is assumed.
        content = self.recording_content_type or "audioVideo"
        channel = self.recording_channel_type or "mixed"
        usual = "mp4" if content == "audioVideo" else "wav"
        media = MediaFormat(content, channel, self.recording_format_type or usual)
        if media not in _COMBINATIONS:
            raise wrong_format(*media)
        return media

    def _channels(self) -> tuple[str | None, ...]:
        affinities = self.channel_affinity or []
        ordering = self.audio_channel_participant_ordering or []
        if not (affinities or ordering):
            return ()
        if self.recording_channel_type != "unmixed":
            raise invalid_argument(
                "channelAffinity and audioChannelParticipantOrdering want recordingChannelType "
                "'unmixed'."
            )
        channels = _by_channel(affinities) if affinities else [each.canonical for each in ordering]
        _check_nobody_twice([raw_id for raw_id in channels if raw_id])
        return tuple(channels)


class PreviewStartRequest(_Body):
    """The one field of 2021-06-15; later previews of that year added the three types."""

    recording_state_callback_uri: str | None = None

    def options(self) -> RecordingOptions:
        return StartRequest.model_validate(self.model_dump(by_alias=True)).options()


# In lower case: SDKs write AzureBlobStorage before 2026-03-12, and azureBlobStorage since.
_BUILT_IN = "azurecommunicationservices"
_BLOB_STORAGE = "azureblobstorage"
_LOCATORS: dict[str, Literal["server_call_id", "group_call_id", "room_id"]] = {
    "serverCallLocator": "server_call_id",
    "groupCallLocator": "group_call_id",
    "roomCallLocator": "room_id",
}


def _by_channel(affinities: list[ChannelAffinity]) -> list[str | None]:
    """List raw ids by channel, None for channels without an affinity."""
    taken = {each.channel: each.participant.canonical for each in affinities}
    if len(taken) < len(affinities):
        raise invalid_argument("channelAffinity names a channel twice.")
    return [taken.get(channel) for channel in range(max(taken) + 1)]


def _check_nobody_twice(raw_ids: list[str]) -> None:
    if len(set(raw_ids)) < len(raw_ids):
        raise invalid_argument("A participant can have one channel only.")
    if len(raw_ids) > _LAST_CHANNEL + 1:
        raise invalid_argument(f"There are {_LAST_CHANNEL + 1} channels at most.")


def _locate(locator: CallLocator, calls: CallRegistry, *, rooms: bool) -> Call | None:
    known = [kind for kind in _LOCATORS if rooms or kind != "roomCallLocator"]
    if locator.kind not in known:
        raise invalid_argument(
            f"callLocator.kind {locator.kind!r} is not supported; use one of {', '.join(known)}."
        )
    attribute = _LOCATORS[locator.kind]
    value: Any = getattr(locator, attribute)
    if not value:
        raise invalid_argument(f"callLocator.{to_camel(attribute)} is required.")
    if attribute == "server_call_id":
        _check_base64(value)
    return calls.find(attribute, value)


def _check_base64(server_call_id: str) -> None:
    """Refuse a serverCallId that is no Base64."""
    # Sent by mistake instead: the callId, a UUID, which the service cannot decode.
    if conversation_of(server_call_id) is None:
        raise no_base64("callLocator.serverCallId")


def _absolute(uri: str, field: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        # The port is checked only when it is read: a bad one raises ValueError here.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise bad_request(f"{field} is not a URI.") from None
    if not (parts.scheme in {"http", "https"} and has_host):
        raise bad_request(f"{field} must be an absolute URI.")
    return parts
