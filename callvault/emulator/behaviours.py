"""Choices where the real service is ambiguous, differs by version, or misbehaves."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A frequency, from never (0) to always (1); drawn from the seed."""


class Behaviours(BaseModel):
    """Switches of the emulator; each has an entry in `fidelity` with what is known of it.

    Set when the emulator starts (``--api KEY=VALUE``) or while it runs
    (``POST /_emulator/behaviours``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: Literal["200", "202"] = "200"
    """Status of a start: done, or accepted, with the outcome sent to the callback."""
    start_fails: bool = False
    """A start accepted with 202 fails: StartRecordingFailed goes to the callback."""
    pause_twice: Literal["202", "400"] = "202"
    """Answer to a pause of a paused recording: no effect, or 400/8573."""
    resume_active: Literal["202", "400"] = "202"
    """Answer to a resume of an active recording: no effect, or 400/8573."""
    room_locator: Literal["refused", "accepted"] = "refused"
    """Answer to a start that names its call by ``roomCallLocator``."""
    result: Literal["served", "absent"] = "served"
    """The preview's ``result`` operation; ``absent`` answers 404."""
    participant_events: bool = True
    """CallParticipantAdded and CallParticipantRemoved through Event Grid."""
    call_leg_events: bool = False
    """The 2021 preview's CallLegStateChanged, with ``serverCallId``, when a call begins."""
    subject: Literal["full", "serverCall", "recording", "2021"] = "full"
    """Documented shape of the file event's subject: with call, serverCallId and recordingId,
    without recordingId, without serverCallId, or the call alone as in 2021."""
    optional_fields: bool = True
    """The file event has the fields that were added later: ``deleteLocation``, the three recording
    types, ``recordingDurationMs``."""
    file_events: Literal["one", "per_chunk", "two", "failover"] = "one"
    """Events of one recording: one with all chunks, one for each chunk, two with the same, or two
    with different documents under the same indices."""
    event_duplicates: Rate = 0.0
    """Share of the events that are delivered twice."""
    event_disorder: Rate = 0.0
    """Share of the events that are held back for 10 s, so that later ones overtake them."""
    event_loss: Rate = 0.0
    """Share of the events that are never delivered."""
    event_lag_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    """Delay of every event between publication and delivery."""
    events_per_post: Annotated[int, Field(ge=1, le=5000)] = 1
    """The largest batch; batches of more than one gather for 0.2 s."""
    content_host: Literal["same", "other"] = "same"
    """Host of the file locations: the API's, or the content host."""
    content_redirect: bool = False
    """The host of the locations answers 302 to the other host."""
    range_status: Literal["206", "200"] = "206"
    """Status of an answer to a range; both carry ``Content-Range``."""
    content_etag: bool = True
    """Files come with ``ETag`` and ``Accept-Ranges``, which recorded sessions do not have."""
    content_unauthorized: Literal["empty", "json"] = "empty"
    """The body of a 401 from a content host."""
    export_locations: Literal["blob", "acs"] = "blob"
    """Locations in the event of a recording that was exported to the customer's storage."""

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """Read ``KEY=VALUE`` texts. Raises `ValueError` for what is unknown."""
        return cls.model_validate(dict(_pair(pair) for pair in pairs))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        # Validated anew: model_copy would take any value.
        return type(self).model_validate({**self.model_dump(), **changes})


class LiveBehaviours:
    """The behaviours of a running emulator, which the control API may change."""

    def __init__(self, initial: Behaviours) -> None:
        self.now = initial

    def change(self, changes: Mapping[str, Any]) -> None:
        self.now = self.now.changed(changes)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    return key.strip(), value.strip()
