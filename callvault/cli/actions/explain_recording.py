"""The reasons why one recording is not archived, by its state."""

from collections.abc import Callable, Iterator
from functools import partial

from callvault.causes import blame_in
from callvault.cli.actions.tables import moment, size
from callvault.contracts.base import Message
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import RecordingStatus

NOBODY = "nobody's"

OWNERS = {
    "service": "the recording service's (ACS), or the network's on the way to it",
    "archive": "the archive's storage: yours to mend",
    "callvault": "Callvault's or its installation's: yours to mend",
    "caller": "a setting's, a key's or a request's: yours to mend",
}
"""The owners of `callvault/errors.py`, in words."""

UNTOLD = "not told by the error"


class Reason(Message):
    """One reason, in a sentence, with what helps."""

    what: str
    fault: str
    """The owner of the fault, in words; ``nobody's`` where nothing is wrong."""
    do: tuple[str, ...] = ()
    """Commands that help, the first one first."""
    runbook: str = ""
    """Section of docs/operations.md; empty where none is needed."""


def reasons_of_recording(
    recording: RecordingStatus, workflow_id: str, *, has_pending_export: bool
) -> Iterator[Reason]:
    """Yield every reason of a recording; what an activity of it fails with is told elsewhere."""
    if recording.is_held:
        yield _held(recording, workflow_id)
    elif recording.state in _SIMPLE:
        yield _SIMPLE[recording.state](recording, workflow_id)
    elif recording.state is RecordingState.ARCHIVED:
        yield from _archived(recording)
    elif recording.state is RecordingState.PROCESSING:
        yield _processing(recording)
    else:
        yield from _files(recording, has_pending_export=has_pending_export)


def _held(recording: RecordingStatus, workflow_id: str) -> Reason:
    return Reason(
        what=f"Recording {recording.number} is held back: {recording.holds[-1].reason}.",
        fault=f"{NOBODY}: consent is missing",
        do=(f"callvault recordings consent {workflow_id} PARTICIPANT",),
        runbook="consent_unclear",
    )


def _is_on(what: str, recording: RecordingStatus, workflow_id: str) -> Reason:
    is_asked_to_stop = recording.state is RecordingState.STOPPING
    return Reason(
        what=f"Recording {recording.number} {what}: its files come once it has stopped.",
        fault=NOBODY,
        do=() if is_asked_to_stop else (f"callvault recordings stop {workflow_id}",),
    )


def _ended(runbook: str, recording: RecordingStatus, workflow_id: str) -> Reason:
    state = recording.state.replace("_", " ")
    lost = [chunk.lost_reason for chunk in recording.chunks if chunk.state is ChunkState.LOST]
    why = recording.problem or recording.declined or "; ".join(filter(None, lost))
    return Reason(
        what=f"Recording {recording.number} is over: {state}{f', {why}' if why else ''}.",
        fault=OWNERS.get(blame_in(why).owner, UNTOLD),
        do=(f"callvault recordings show {workflow_id}",),
        runbook=runbook,
    )


def _empty(recording: RecordingStatus, workflow_id: str) -> Reason:
    return Reason(
        what=f"Recording {recording.number} has no file: nothing was recorded.", fault=NOBODY
    )


def _erased(recording: RecordingStatus, workflow_id: str) -> Reason:
    return Reason(what=f"Recording {recording.number}: {recording.erased}.", fault=NOBODY)


_SIMPLE: dict[RecordingState, Callable[[RecordingStatus, str], Reason]] = {
    RecordingState.STARTING: partial(_is_on, "is being started"),
    RecordingState.RECORDING: partial(_is_on, "is still on"),
    RecordingState.PAUSED: partial(_is_on, "is paused"),
    RecordingState.STOPPING: partial(_is_on, "is being stopped"),
    RecordingState.LOST: partial(_ended, "lost"),
    RecordingState.FAILED_TO_START: partial(_ended, "failed_to_start"),
    RecordingState.DECLINED: partial(_ended, "failed_to_start"),
    RecordingState.EMPTY: _empty,
    RecordingState.ERASED: _erased,
}


def _processing(recording: RecordingStatus) -> Reason:
    since = f" since {moment(recording.stopped_at)}" if recording.stopped_at else ""
    return Reason(
        what=f"Recording {recording.number} has stopped{since}, and no event has announced its"
        " files. ACS takes some minutes; if it is longer, events do not arrive.",
        fault="nobody's for some minutes, then the delivery of events'",
        do=(
            "callvault sweep",
            "callvault sweep --quarantine",
            "callvault events deliver FILE",
            "callvault events fetch SERVER_CALL_ID RECORDING_ID",
        ),
        runbook="no_file_event",
    )


def _archived(recording: RecordingStatus) -> Iterator[Reason]:
    total = sum(chunk.archived.size for chunk in recording.chunks if chunk.archived)
    is_sealed = recording.sealed is not None
    rest = "" if is_sealed else "; its manifest is not written yet"
    yield Reason(
        what=f"Recording {recording.number} is archived: {_files_of(recording)}, {size(total)},"
        f" read back and compared{rest}.",
        fault=NOBODY,
        runbook="" if is_sealed else "not_sealed",
    )


def _files_of(recording: RecordingStatus) -> str:
    count = len(recording.chunks)
    return "1 file" if count == 1 else f"{count} files"


def _files(recording: RecordingStatus, *, has_pending_export: bool) -> Iterator[Reason]:
    """Yield one reason for all files that wait, and one for each that is lost."""
    waiting = [c for c in recording.chunks if c.state is ChunkState.ANNOUNCED]
    if waiting:
        indexes = ", ".join(str(chunk.chunk.index) for chunk in waiting)
        where = f" into archive {recording.archive}" if recording.archive else ""
        what = f"Recording {recording.number}: file {indexes} is announced and not copied{where}"
        pending = " yet" if has_pending_export else ", and no export is pending"
        yield Reason(
            what=f"{what}{pending}.",
            fault=NOBODY,
            runbook="export_late",
        )
    for chunk in recording.chunks:
        if chunk.state is ChunkState.LOST:
            yield Reason(
                what=f"Recording {recording.number}: file {chunk.chunk.index} is lost,"
                f" {chunk.lost_reason}.",
                fault=OWNERS.get(blame_in(chunk.lost_reason).owner, UNTOLD),
                runbook="lost",
            )
