"""Tables of a call's status for the terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType

from callvault.cli.terminal import InertTable, line
from callvault.contracts.alarms import AlarmRecord
from callvault.contracts.base import name_of_caller
from callvault.contracts.status import CallStatus, ChunkStatus, PauseRecord, RecordingStatus

COLOURS = {
    "recording": "bold red",
    "paused": "bold yellow",
    "archived": "bold green",
    "lost": "bold white on red",
    "declined": "bold cyan",
    "erased": "bold cyan",
    "awaiting_consent": "bold cyan",
    "failed_to_start": "bold white on red",
}


def call_table(status: CallStatus) -> RenderableType:
    """Render the whole status of a call: recordings, files, pauses, alarms and timeline."""
    parts: list[RenderableType] = [recording_table(recording) for recording in status.recordings]
    if status.alarms:
        parts.append(line(alarms_by_kind(status.alarms)))
        parts.append(alarms_table(status.alarms))
    parts.append(timeline_table(status))
    return Group(*parts)


def alarms_table(alarms: list[AlarmRecord]) -> InertTable:
    """Render the alarms of a call and their outcome; `acknowledge` takes the ids shown."""
    columns = ("alarm", "raised (UTC)", "kind", "severity", "what", "since then")
    table = InertTable(*columns, box=None, padding=(0, 2, 0, 0))
    for record in alarms:
        alarm = record.alarm
        number = alarm.id.rpartition("/")[2]
        at = f"{alarm.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(number, at, alarm.kind, alarm.severity, alarm.what, _became(record))
    return table


def alarms_by_kind(alarms: Sequence[AlarmRecord]) -> str:
    """Count the alarms of each kind, and those that nobody has acknowledged."""
    kinds = Counter(record.alarm.kind for record in alarms)
    standing = sum(record.acknowledged_at is None for record in alarms)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"alarms: {counted}; {standing} not acknowledged"


def _became(record: AlarmRecord) -> str:
    if record.acknowledged_at:
        return f"acknowledged by {record.acknowledged_by}"
    if record.over_at:
        return f"over since {record.over_at:%H:%M:%S}"
    return record.problem or ("told" if record.sent_at else "being told")


def recording_table(recording: RecordingStatus, copied: str = "") -> InertTable:
    """Render one recording: its state, the time left, and the place of its files."""
    table = InertTable(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    state = recording.state.replace("_", " ")
    table.add_row("recording", line((state, COLOURS.get(recording.state, "bold"))))
    if recording.is_orphan:
        table.add_row("orphan", "nobody asked for it: an event announced it")
    if recording.archive_only:
        table.add_row("control", "another program's: the resource only archives")
    for what, known in _identity(recording):
        table.add_row(what, known)
    if recording.expires_at:
        by = moment(recording.expires_at)
        table.add_row("must be archived", f"by {by}: {time_left(recording.expires_at)}")
    if recording.problem:
        table.add_row("problem", line((recording.problem, "bold red")))
    _add_consent(table, recording)
    for pause in recording.pauses:
        table.add_row("paused", describe_pause(pause))
    for chunk in recording.chunks:
        table.add_row(f"chunk {chunk.chunk.index}", describe_chunk(chunk, copied))
    return table


def _identity(recording: RecordingStatus) -> Iterator[tuple[str, str]]:
    """Yield the ids of a recording, and its dates."""
    for what, known in (("recording id", recording.recording_id), ("call id", recording.call_id)):
        if known:
            yield what, known
    for what, at in (("started", recording.started_at), ("stopped", recording.stopped_at)):
        if at:
            yield what, moment(at)


def _add_consent(table: InertTable, recording: RecordingStatus) -> None:
    if recording.is_held:
        table.add_row("held back", recording.holds[-1].reason)
    if recording.declined:
        table.add_row("declined", recording.declined)
    for mark in recording.marked:
        table.add_row("to be deleted", f"since {moment(mark.since)}, consent was withdrawn")


def timeline_table(status: CallStatus) -> InertTable:
    """Render the timeline of a call, oldest first."""
    table = InertTable("time (UTC)", "what happened", box=None, padding=(0, 2, 0, 0))
    for entry in status.timeline:
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], entry.what)
    return table


def describe_pause(pause: PauseRecord) -> str:
    """Describe a pause: its span as ACS confirmed it, the requester and the reason."""
    ended_at = pause.resumed_at or pause.released_at
    end = f"{ended_at:%H:%M:%S}" if ended_at else "now"
    why = f" ({pause.reason})" if pause.reason else ""
    begin = (
        f"{pause.confirmed_at:%H:%M:%S}"
        if pause.confirmed_at
        else f"asked at {pause.requested_at:%H:%M:%S}, not confirmed,"
    )
    who = name_of_caller(pause.requested_by, pause.authenticated_as)
    return f"{begin} to {end} by {who}{why}"


def describe_chunk(chunk: ChunkStatus, copied: str = "") -> str:
    """Describe a chunk: its place in the archive, or the progress of its copy."""
    if chunk.archived:
        return f"archived and verified, {size(chunk.archived.size)}, {chunk.archived.location}"
    return f"{chunk.state} {chunk.lost_reason or copied}".rstrip()


def size(count: int) -> str:
    """Format a number of bytes with a unit."""
    return f"{count / 1024 / 1024:.2f} MiB" if count >= 1024 * 1024 else f"{count / 1024:.1f} KiB"


def moment(at: datetime) -> str:
    """Format a time with its date."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def time_left(until: datetime, now: datetime | None = None) -> str:
    """Format the time from ``now`` until then in hours, minutes and seconds, or say it is over."""
    seconds = int((until - (now or datetime.now(UTC))).total_seconds())
    return (
        "over"
        if seconds < 0
        else f"{seconds // 3600} h {seconds // 60 % 60:02} min {seconds % 60:02} s"
    )
