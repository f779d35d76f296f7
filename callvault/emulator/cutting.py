"""From the state of a recording to the timeline that is rendered."""

from datetime import datetime

from .calls import Participant
from .media.timeline import Attendee, FrameGrid, Timeline
from .recordings import Recording

MOST_CHANNELS = 5
"""Of an unmixed recording; participants beyond them are not recorded."""


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


def channel_order(timeline: Timeline, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Raw ids by channel: those asked for, then by who spoke first, then by who joined first."""
    by_speech = sorted(timeline.attendees, key=lambda attendee: _first_word(attendee, timeline))
    everybody = (*wanted, *(attendee.raw_id for attendee in by_speech))
    return tuple(dict.fromkeys(everybody))[:MOST_CHANNELS]


def _first_word(attendee: Attendee, timeline: Timeline) -> int:
    return attendee.speaking[0].first if attendee.speaking else timeline.end


def _attendee(participant: Participant, grid: FrameGrid) -> Attendee:
    return Attendee(
        raw_id=participant.raw_id,
        display_name=participant.display_name,
        voice=participant.voice,
        present=grid.spans(participant.presence.spans(until=grid.end)),
        speaking=grid.spans(participant.speech.spans(until=grid.end)),
    )
