"""The page of a call in the Temporal Web UI, in Markdown: first what is at risk, then the tables.

Its times are absolute, as nobody draws it anew while an operator reads it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from callvault.causes import RUNBOOK, owner_of
from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmRecord, explained, without_account
from callvault.contracts.base import name_of_caller, shorten
from callvault.contracts.printable import printable_markdown as plain
from callvault.contracts.states import ChunkState
from callvault.contracts.status import CallStatus, ChunkStatus, PauseRecord, RecordingStatus
from workflows.call import deadlines, legal_holds
from workflows.call.alarms import Alarms
from workflows.call.recording_state import is_at_risk, is_awaiting

MAX_LISTED = 20
"""Decisions, pauses and alarms that are shown: the newest."""

MAX_LISTED_CHUNKS = 100
"""Chunks of a recording that are shown: the first."""

MAX_ID = 40
"""Characters of an id that are shown: `callvault recordings show` has it whole."""

MAX_CELL = 200
"""Characters of a free text in a table."""

Row = tuple[str, str]


def of(status: CallStatus) -> str:
    """Tell the story of a call, so that no payload has to be opened for it."""
    parts = [
        _headline(status),
        *(part for each in status.recordings for part in _recording(status, each)),
        *_alarms(status),
        *_consents(status),
        *_legal_holds(status),
        _help(status),
    ]
    return "\n\n".join(parts)


# The first line.


def _headline(status: CallStatus) -> str:
    """Say in one line what is at risk, or that nothing is."""
    if not is_at_risk(status):
        return "Nothing is at risk."
    lost = [each for each in status.recordings if each.state == "lost"]
    if (late := _most_urgent(status)) is not None:
        return f"**AT RISK: {_risk(status, *late)}**"
    if lost:
        return f"**LOST: recording {lost[0].number}: {_cell(_loss(lost[0]))}**"
    waiting = next(each for each in status.recordings if each.escalations and not _is_over(each))
    return f"**AT RISK: {_until(status, waiting.expires_at)}{_missing(waiting)}**"


def _missing(recording: RecordingStatus) -> str:
    """Say which files of a recording are not announced, or that it was late that they were."""
    if not recording.chunks:
        return "no file of it is announced"
    if is_awaiting(recording):
        return "not all files of it are announced"
    return "its files were announced late, and are not archived yet"


def _most_urgent(status: CallStatus) -> tuple[RecordingStatus, ChunkStatus] | None:
    """Return the late chunk with the nearest deadline."""
    late = [
        (recording, chunk)
        for recording in status.recordings
        for chunk in recording.chunks
        if chunk.escalations and chunk.state is ChunkState.ANNOUNCED
    ]
    return min(late, key=lambda each: each[1].expires_at or each[1].announced_at, default=None)


def _risk(status: CallStatus, recording: RecordingStatus, chunk: ChunkStatus) -> str:
    alarm = _newest_alarm(status, recording, chunk)
    why = _error(alarm) if alarm else "not archived"
    left = _until(status, chunk.expires_at)
    whose = f", fault: {owner_of(alarm.cause)}" if alarm and alarm.cause else ""
    return f"{left}{_place(recording, chunk, alarm)}: {why}{whose}"


def _place(recording: RecordingStatus, chunk: ChunkStatus, alarm: Alarm | None) -> str:
    """Name the archive that a file does not come into, or the file where an error names another."""
    archive = f"archive {recording.archive}"
    is_named = alarm is not None and alarm.last_error.startswith(archive)
    is_elsewhere = alarm is not None and alarm.fault == "service"
    return f"file {chunk.chunk.index}" if is_named or is_elsewhere else _cell(archive)


def _until(status: CallStatus, expires_at: datetime | None) -> str:
    """Say how much time was left when the newest alarm was raised, and until when that is."""
    if expires_at is None:
        return ""
    # The workflow looks at the clock no sooner than at the next alarm.
    told_at = max((record.alarm.at for record in status.alarms), default=expires_at)
    if told_at >= expires_at:
        return f"the window has closed at {_date(expires_at)}, "
    left = deadlines.in_words(expires_at - told_at)
    return f"{left} left at {told_at:%H:%M} UTC, until {_date(expires_at)}, "


def _error(alarm: Alarm) -> str:
    """Say what became of the activity that an alarm is about."""
    error = _cell(alarm.last_error.rstrip(".")) or "no error is known"
    return f"{error}, attempt {alarm.attempt}" if alarm.attempt else error


def _newest_alarm(
    status: CallStatus, recording: RecordingStatus, chunk: ChunkStatus
) -> Alarm | None:
    about = (recording.recording_id, chunk.chunk.index)
    alarms = (record.alarm for record in reversed(status.alarms))
    return next((a for a in alarms if (a.recording_id, a.chunk_index) == about), None)


def _loss(recording: RecordingStatus) -> str:
    reasons = (each.lost_reason for each in recording.chunks if each.state is ChunkState.LOST)
    return next(reasons, recording.problem)


# A recording.


def _recording(status: CallStatus, recording: RecordingStatus) -> Iterator[str]:
    state = str(recording.state).replace("_", " ")
    yield _table((f"recording {recording.number}", state), _facts(status, recording))
    if recording.chunks:
        shown = recording.chunks[:MAX_LISTED_CHUNKS]
        rows = (_chunk(status, recording, chunk) for chunk in shown)
        yield _table(("chunk", "state", "where, or why not", "whose fault"), rows)
    if len(recording.chunks) > MAX_LISTED_CHUNKS:
        yield f"{len(recording.chunks)} chunks in all"


def _facts(status: CallStatus, recording: RecordingStatus) -> Iterator[Row]:
    yield "wanted", f"{recording.target}; ACS: {recording.actual}"
    yield from _origin(recording)
    if recording.expires_at:
        yield "must be archived by", _date(recording.expires_at)
    if recording.recording_id:
        # Short: a word so long takes the page's width, and is cut by it.
        yield "recordingId", _cell(recording.recording_id, MAX_ID)
    if recording.archive:
        yield "archive", _cell(recording.archive)
    if recording.problem:
        yield "problem", _long(recording.problem)
    if (trouble := recording.trouble) is not None:
        what = explained(f"{trouble.operation} is not done: {trouble.what}", trouble.cause)
        yield "**trouble**", f"**{_long(what)}**"
    yield from _consent(recording)
    yield from map(_pause, recording.pauses[-MAX_LISTED:])
    if recording.escalations and is_awaiting(recording):
        yield "**files**", f"**{_missing(recording)}: look at Event Grid**"


def _origin(recording: RecordingStatus) -> Iterator[Row]:
    if recording.is_orphan:
        yield "orphan", "nobody asked for it, an event announced it"
    if recording.archive_only:
        yield "only archived", "another program records"


def _consent(recording: RecordingStatus) -> Iterator[Row]:
    if recording.is_held:
        yield "**held back**", _long(recording.holds[-1].reason)
    if recording.declined:
        yield "declined", _long(recording.declined)
    for mark in recording.marked:
        span = f"{mark.since:%H:%M:%S} to {_clock(mark.until)}"
        yield "**to be deleted by you**", f"{span}, {mark.participant[:8]}… withdrew consent"


def _pause(pause: PauseRecord) -> Row:
    begin = _clock(pause.confirmed_at) if pause.confirmed_at else "a time that is not confirmed"
    who = f"by {_long(pause.requested_by)} ({_long(pause.reason) or 'no reason given'})"
    return "paused", f"from {begin} to {_clock(pause.resumed_at)} {who}"


def _chunk(
    status: CallStatus, recording: RecordingStatus, chunk: ChunkStatus
) -> tuple[str, str, str, str]:
    index, state = str(chunk.chunk.index), str(chunk.state)
    if chunk.archived:
        return index, state, f"{chunk.archived.size} bytes at {_long(chunk.archived.location)}", ""
    alarm = _newest_alarm(status, recording, chunk)
    if chunk.lost_reason or alarm is None:
        return index, state, _long(chunk.lost_reason), ""
    return index, state, _error(alarm), owner_of(alarm.cause) if alarm.cause else ""


def _is_over(recording: RecordingStatus) -> bool:
    return recording.state.is_final


# The call.


def _alarms(status: CallStatus) -> Iterator[str]:
    """List the newest alarms, and say when the next one falls due."""
    if status.alarms:
        rows = map(_alarm, status.alarms[-MAX_LISTED:])
        yield _table(("alarm", "raised", "seen by", "what"), rows)
    if (due := Alarms(status, "").next_due()) is not None:
        yield f"Next alarm, if nothing changes: {_date(due)}."


def _alarm(record: AlarmRecord) -> tuple[str, ...]:
    alarm = record.alarm
    return (
        f"{alarm.severity}: {alarm.kind.replace('_', ' ')}",
        _date(alarm.at),
        _seen_by(record),
        _cell(without_account(alarm.what)),
    )


def _seen_by(record: AlarmRecord) -> str:
    over = f"; over since {record.over_at:%H:%M:%S}" if record.over_at else ""
    if record.acknowledged_at is None:
        return f"nobody{over}"
    return _cell(name_of_caller(record.acknowledged_by, record.acknowledged_as)) + over


def _consents(status: CallStatus) -> Iterator[str]:
    """List the newest decisions on consent."""
    rows = (
        (
            f"{record.participant[:8]}…",
            "given" if record.given else "not given",
            _cell(record.method, 60),
            _cell(record.evidence, 60),
            f"{record.decided_at:%H:%M:%S}",
        )
        for record in status.consents[-MAX_LISTED:]
    )
    if status.consents:
        yield _table(("participant", "consent", "how", "evidence", "decided"), rows)


def _legal_holds(status: CallStatus) -> Iterator[str]:
    """List the legal holds, and say which of them are written, and released."""
    rows = (
        (
            hold.id or "not written yet",
            _cell(legal_holds.what(hold)),
            _cell(name_of_caller(hold.requested_by, hold.authenticated_as)),
            _cell(hold.reason),
            _date(hold.released_at) if hold.released_at else "it holds",
        )
        for hold in status.legal_holds
    )
    if status.legal_holds:
        yield _table(("legal hold", "on", "by", "reason", "released"), rows)


def _help(status: CallStatus) -> str:
    """Name the commands that help, and the section of the runbook."""
    workflow_id = names.workflow_id(status.server_call_id)
    commands = [f"callvault recordings explain {workflow_id}"]
    if _most_urgent(status) is not None:
        commands.append(f"callvault recordings export-now {workflow_id}")
    if any(record.stands for record in status.alarms):
        commands.append(f"callvault recordings acknowledge {workflow_id}")
    lines = [f"- `{command}`" for command in commands]
    # Not in the table of alarms: a word so long makes all other columns narrow.
    told = [each.alarm for each in status.alarms[-MAX_LISTED:] if each.over_at is None]
    sections = [*(alarm.kind for alarm in told), *(f"cause-{a.cause}" for a in told if a.cause)]
    lines += [f"- runbook: `{RUNBOOK}#{section}`" for section in dict.fromkeys(sections)]
    return "\n".join(lines)


# Markdown.


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str, limit: int = MAX_CELL) -> str:
    """Fit free text into a table: short, and on one line."""
    return plain(shorten(" ".join(text.split()), limit).replace("|", "/"))


def _long(text: str) -> str:
    """Write a text that is whole only if it is not cut; line breaks are shown."""
    return plain(text.replace("|", "/"))


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _clock(moment: datetime | None) -> str:
    return f"{moment:%H:%M:%S}" if moment else "now"
