"""Settings of an emulator; all have a default."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from uuid import UUID

import httpx
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from callvault.emulator.behaviours import Behaviours

SAMPLE_RATE = 16_000
"""Samples a second of every recording, in all of ACS's formats."""


class MediaKind(StrEnum):
    """Contents of recorded files."""

    REAL = "real"
    """Pictures and sound, in files that players open."""
    SPARSE = "sparse"
    """Bytes that are a function of seed and offset: files of many gigabytes that cost nothing."""


class MetadataForm(StrEnum):
    """Version of the metadata files."""

    TODAY = "today"
    PREVIEW_2021 = "2021"
    """Values of content and channel type swapped, durations as floats."""
    PRETTY = "pretty"
    """As in a real file of June 2021: in lines that end as in Windows, durations as floats."""


class EventSchema(StrEnum):
    """Delivery schema of an Event Grid subscription."""

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


@dataclass(frozen=True, slots=True)
class EventGridEndpoint:
    """A webhook that gets the emulator's Event Grid events."""

    url: str
    schema: EventSchema = EventSchema.EVENT_GRID
    event_types: tuple[str, ...] = ()
    """Only these types are delivered; empty for all."""
    headers: tuple[tuple[str, str], ...] = ()
    """Static delivery headers."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL, or ``cloudevents:URL`` for the other schema."""
        url = text.removeprefix("cloudevents:")
        return cls(url, EventSchema.EVENT_GRID if url == text else EventSchema.CLOUD_EVENTS)


def webhook_url(url: str) -> str:
    """Return a webhook's URL; `ValueError` for one that no request can be made of."""
    try:
        parts = httpx.URL(url)
        is_port = parts.port is None or 0 < parts.port <= 65_535
        is_usable = parts.scheme in ("http", "https") and bool(parts.host) and is_port
    except httpx.InvalidURL:
        is_usable = False
    if not is_usable:
        raise ValueError(f"{url[:200]!r} is no URL of a webhook: write http://host:port/path")
    return url


def _endpoint(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    endpoint = EventGridEndpoint.parse(value)
    webhook_url(endpoint.url)
    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class EmulatorSettings(BaseModel):
    """Read once, when the emulator starts. Durations without a unit are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with ``allow_remote``."""
    allow_remote: bool = False
    """The emulator's control API knows no authentication: let others reach it on purpose only."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """0 lets the system choose."""
    content_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Of the second listener, which stands for the service's content hosts."""
    public_url: Annotated[str, Field(pattern="^(https?://[^/]+)?$")] = ""
    """The endpoint as others reach it, where it is not the address listened on."""
    public_content_url: Annotated[str, Field(pattern="^(https?://[^/]+)?$")] = ""
    """The content host as others reach it."""
    state_dir: Path | None = None
    """Calls, recordings, files and clock are kept here and outlive the process; None for memory
    and temporary files."""
    behaviours: Behaviours = Behaviours()
    seed: int = 0
    """Ids, access keys and random faults follow from it."""
    access_key: str = ""
    """Base64; empty derives it from the seed. The secondary key is always derived."""
    bearer_tokens: tuple[str, ...] = ()
    """Tokens accepted as ``Authorization: Bearer``, instead of Entra ID."""
    resource_name: str = "callvault-emulator"
    """The last part of the resource id, which is the ``topic`` of every event."""
    region: Annotated[str, Field(pattern="^[a-z]{2,5}$")] = "eus"
    """The region part of document ids."""
    retention: timedelta = timedelta(hours=48)
    start_delay: timedelta = timedelta(seconds=0.2)
    """From a start request until the recording is active."""
    event_delay: timedelta = timedelta(seconds=0.5)
    """From the end of a recording until its file event, if the file is rendered by then."""
    event_grid_endpoints: tuple[Annotated[EventGridEndpoint, BeforeValidator(_endpoint)], ...] = ()
    """Webhooks; a plain URL gets the EventGridSchema, ``cloudevents:URL`` the other."""
    dead_letters: SecretStr = SecretStr("")
    """Destination of undeliverable events: a directory, or the URL of a container with a SAS.
    Empty drops them, as the service does by default."""
    dead_letter_delay: timedelta = timedelta(minutes=5)
    external_storage_key: SecretStr = SecretStr("")
    """Key of the storage account for containers that a start names in ``externalStorage``; stands
    for the resource's managed identity. Not needed where the container's URL has a SAS in it."""
    openid_issuer: str = "https://acscallautomation.communication.azure.com"
    """``iss`` of the tokens in callbacks and of the OpenID configuration."""
    fps: Annotated[int, Field(ge=1, le=50)] = 8
    """Frames a second of mp4 recordings: 8 as in the 2021 preview, 16 as today."""
    media: MediaKind = MediaKind.REAL
    """Real pictures and sound, or sparse files whose bytes are computed when they are read."""
    metadata_form: MetadataForm = MetadataForm.TODAY
    max_chunk_bytes: Annotated[int, Field(ge=1)] | None = None
    """A chunk ends with ChunkMaximumSizeExceeded before it is larger; None for no limit."""
    max_chunk_duration: Annotated[timedelta, Field(gt=timedelta(0))] | None = timedelta(hours=4)
    """A chunk ends with ChunkMaximumTimeExceeded at this length of media; 4 hours in the service,
    None for no limit."""

    @model_validator(mode="after")
    def _is_local_or_allowed(self) -> Self:
        if not (self.allow_remote or _is_loopback(self.host)):
            raise ValueError(
                f"host {self.host!r} is reachable from other machines and the emulator does not "
                "authenticate its control API: set allow_remote if that is what you want"
            )
        return self

    @field_validator("fps")
    @classmethod
    def _frames_hold_whole_samples(cls, fps: int) -> int:
        # Sound is cut at the borders of frames: each must hold a whole number of samples.
        if SAMPLE_RATE % fps:
            raise ValueError(f"must divide {SAMPLE_RATE}, for example 8, 10, 16, 20 or 25")
        return fps

    @field_validator("access_key")
    @classmethod
    def _key_is_base64(cls, key: str) -> str:
        base64.b64decode(key, validate=True)
        return key

    @property
    def access_keys(self) -> tuple[str, str]:
        """The primary and the secondary key, base64."""
        return self.access_key or self.derived_key("primary"), self.derived_key("secondary")

    @property
    def resource_uuid(self) -> UUID:
        """The immutable resource id, as it appears in user ids and metadata files."""
        return UUID(bytes=self._digest("resource")[:16], version=4)

    @property
    def topic(self) -> str:
        """The Azure resource id."""
        subscription = UUID(bytes=self._digest("subscription")[:16], version=4)
        return (
            f"/subscriptions/{subscription}/resourcegroups/emulator/providers"
            f"/microsoft.communication/communicationservices/{self.resource_name}"
        )

    def derived_key(self, purpose: str) -> str:
        """Derive an access key for a purpose, base64."""
        return base64.b64encode(self._digest(purpose)).decode()

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256(f"callvault emulator {purpose} {self.seed}".encode()).digest()
