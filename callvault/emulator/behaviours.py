"""Where the real service is ambiguous, differs by version, or misbehaves: what to do here."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""How often, from never (0) to always (1); drawn from the seed."""


class Behaviours(BaseModel):
    """Each is a line of the ledger, which tells what is known of it.

    Set when the emulator starts (``--api KEY=VALUE``) or while it runs
    (``POST /_emulator/behaviours``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: Literal["200", "202"] = "200"
    """What a start is answered with: done, or accepted with the outcome told to the callback."""
    start_fails: bool = False
    """A start accepted with 202 comes to nothing: StartRecordingFailed goes to the callback."""
    pause_twice: Literal["202", "400"] = "202"
    """Pausing what is paused: without effect, or 400/8573."""
    resume_active: Literal["202", "400"] = "202"
    """Resuming what runs: without effect, or 400/8573."""
    room_locator: Literal["refused", "accepted"] = "refused"
    """Whether a start may name its call by ``roomCallLocator``."""
    result: Literal["served", "absent"] = "served"
    """Whether the preview's ``result`` operation is there (``absent`` answers 404)."""
    participant_events: bool = True
    """CallParticipantAdded and CallParticipantRemoved through Event Grid."""
    call_leg_events: bool = False
    """The 2021 preview's CallLegStateChanged, with ``serverCallId``, when a call begins."""
    subject: Literal["full", "serverCall", "recording", "2021"] = "full"
    """Which documented shape the subject of the file event has: call, serverCallId and recordingId,
    without recordingId, without serverCallId, or the call alone as in 2021."""
    optional_fields: bool = True
    """Whether the file event has the fields that were added later: ``deleteLocation``, the three
    recording types, ``recordingDurationMs``."""
    file_events: Literal["one", "per_chunk", "two", "failover"] = "one"
    """Events of one recording: one with all chunks, one for each chunk, two with the same, or two
    with different documents under the same indices."""
    event_duplicates: Rate = 0.0
    """How many of the events are delivered twice."""
    event_disorder: Rate = 0.0
    """How many of the events are held back for 10 s, so that later ones overtake them."""
    event_loss: Rate = 0.0
    """How many of the events are never delivered."""
    event_lag_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    """How much later than published every event is delivered."""
    events_per_post: Annotated[int, Field(ge=1, le=5000)] = 1
    """The largest batch; batches of more than one gather for 0.2 s."""
    content_host: Literal["same", "other"] = "same"
    """Whether files are located on the host of the API or on the content host."""
    content_redirect: bool = False
    """The host of the locations answers 302 to the other host."""
    range_status: Literal["206", "200"] = "206"
    """What a range is answered with; both carry ``Content-Range``."""
    content_unauthorized: Literal["empty", "json"] = "empty"
    """The body of a 401 from a content host."""
    export_locations: Literal["blob", "acs"] = "blob"
    """Which locations the event of a recording exported to storage of one's own has."""

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """Read ``KEY=VALUE`` texts. Raises `ValueError` for what is unknown."""
        return cls.model_validate(dict(_pair(pair) for pair in pairs))

    def changed(self, changes: Mapping[str, Any]) -> Self:
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
