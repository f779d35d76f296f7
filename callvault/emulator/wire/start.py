"""``StartCallRecordingRequest``: what a start asks for, and what the service refuses of it."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from callvault.emulator.calls import Call, CallRegistry
from callvault.emulator.recordings import MediaFormat, Order
from callvault.emulator.refusals import (
    bad_request,
    invalid_argument,
    not_implemented,
    wrong_format,
)

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
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class CallLocator(_Body):
    kind: str | None = None
    server_call_id: str | None = None
    group_call_id: str | None = None
    room_call_id: str | None = Field(default=None, alias="roomId")


class _Value(_Body):
    value: str


class _User(_Body):
    id: str


class Identifier(_Body):
    """``CommunicationIdentifierModel``, as far as the emulator's participants need it."""

    raw_id: str | None = None
    communication_user: _User | None = None
    phone_number: _Value | None = None

    @property
    def canonical(self) -> str:
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

    def order(self) -> Order:
        """What to record, once nothing in the request is to be refused."""
        _check_callback(self.recording_state_callback_uri)
        if self.external_storage and self.external_storage.recording_storage_kind != _BUILT_IN:
            raise not_implemented("externalStorage of other kinds than azureCommunicationServices")
        return Order(self._media(), bool(self.pause_on_start), self._channels())

    def find_call(self, calls: CallRegistry) -> Call | None:
        """The call that is meant; None where it is unknown."""
        if (self.call_locator is None) == (self.call_connection_id is None):
            raise invalid_argument("Give exactly one of callLocator and callConnectionId.")
        if self.call_locator is None:
            return calls.find("call_connection_id", self.call_connection_id or "")
        return _locate(self.call_locator, calls)

    def _media(self) -> MediaFormat:
        content = self.recording_content_type or "audioVideo"
        channel = self.recording_channel_type or "mixed"
        usual = "mp4" if content == "audioVideo" else "wav"
        media = MediaFormat(content, channel, self.recording_format_type or usual)
        if media not in _COMBINATIONS:
            raise wrong_format(*media)
        return media

    def _channels(self) -> tuple[str, ...]:
        if self.channel_affinity:
            by_channel = sorted(self.channel_affinity, key=lambda affinity: affinity.channel)
            return tuple(affinity.participant.canonical for affinity in by_channel)
        ordering = self.audio_channel_participant_ordering or []
        return tuple(identifier.canonical for identifier in ordering)


_BUILT_IN = "azureCommunicationServices"
_LOCATORS: dict[str, Literal["server_call_id", "group_call_id"]] = {
    "serverCallLocator": "server_call_id",
    "groupCallLocator": "group_call_id",
}


def _locate(locator: CallLocator, calls: CallRegistry) -> Call | None:
    attribute = _LOCATORS.get(locator.kind or "")
    if attribute is None:
        raise invalid_argument(
            f"callLocator.kind {locator.kind!r} is not supported; "
            f"use one of {', '.join(_LOCATORS)}."
        )
    value: Any = getattr(locator, attribute)
    if not value:
        raise invalid_argument(f"callLocator.{to_camel(attribute)} is required.")
    return calls.find(attribute, value)


def _check_callback(uri: str | None) -> None:
    if uri is None:
        return
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise bad_request("recordingStateCallbackUri is not a URI.") from None
    if not (parts.scheme in {"http", "https"} and parts.netloc):
        raise bad_request("recordingStateCallbackUri must be an absolute URI.")
