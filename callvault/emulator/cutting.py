"""From the state of a recording to the timeline that is rendered."""

from collections.abc import Sequence
from datetime import datetime

from callvault.emulator.calls import Participant
from callvault.emulator.media.timeline import Attendee, FrameGrid, Timeline, within
from callvault.emulator.recordings import Recording

MOST_CHANNELS = 5
"""Of an unmixed recording; who comes beyond them is not recorded (assumed)."""


def timeline_of(recording: Recording, now: datetime, fps: int) -> Timeline:
    """Everything between the recording's first active moment and its end, or ``now``."""
    origin = recording.active_at
    end = max(recording.ended_at or now, origin)
    grid = FrameGrid(origin, end, fps)
    paused = grid.spans(recording.pause.spans(until=end))
    attendees = (_attendee(p, grid) for p in recording.call.participants.values())
    return Timeline(
        fps=fps,
        origin=origin,
        call_seconds_before=(origin - recording.call.started_at).total_seconds(),
        attendees=tuple(attendee for attendee in attendees if attendee.present),
        recorded=grid.without(paused),
        paused=paused,
    )


def channel_plan(timeline: Timeline, wanted: Sequence[str | None]) -> tuple[str | None, ...]:
    """Raw ids by channel; None is a channel of silence.

    Channels that ``wanted`` names are kept for those participants, whether they come or not. The
    others get what is left, by who spoke first while it was recorded, then by who joined first.
    """
    by_speech = sorted(timeline.attendees, key=lambda attendee: _first_word(attendee, timeline))
    others = iter([a.raw_id for a in by_speech if a.raw_id not in wanted])
    channels = [raw_id or next(others, None) for raw_id in wanted]
    return tuple([*channels, *others][:MOST_CHANNELS])


def _first_word(attendee: Attendee, timeline: Timeline) -> int:
    heard = (within(attendee.speaking, span) for span in timeline.recorded)
    return next((spans[0].first for spans in heard if spans), timeline.end)


def _attendee(participant: Participant, grid: FrameGrid) -> Attendee:
    return Attendee(
        raw_id=participant.raw_id,
        display_name=participant.display_name,
        voice=participant.voice,
        present=grid.spans(participant.presence.spans(until=grid.end)),
        speaking=grid.spans(participant.speech.spans(until=grid.end)),
    )
