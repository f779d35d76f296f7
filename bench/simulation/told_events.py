"""The promises about the events that webhooks get.

- Every recording's end is told, under one id; it is the end that it came to.
- An id stands for one event: told again, it says the same.
- What is told later has a later sequence, and an end that is told anew names the one before.
- A silence is told only if it was proven at that moment, and its end is told as soon as it is over.
- Nothing is told where no webhook is.
"""

from collections.abc import Sequence

from bench.simulation.instance import Broken
from callvault.contracts.recording_events import END_OF, EventKind, RecordingEvent
from callvault.contracts.status import CallStatus, RecordingStatus


def may_tell(status: CallStatus, event: RecordingEvent) -> None:
    """Check an event that is about to be told for the first time."""
    if status.policy is None or not status.policy.tells_events:
        raise Broken("an event is told, and there is no webhook")
    recording = next(r for r in status.recordings if r.number == event.recording)
    if event.is_final:
        if END_OF.get(recording.state) is not event.kind:
            raise Broken("an end is told that is none")
        return
    silent = recording.silence.silent
    is_claimed = any(each.since == event.silent_since for each in silent)
    if event.kind is EventKind.PAUSED and not is_claimed:
        raise Broken("a silence is told that is not proven")
    is_claimed_still = any(e.since == event.silent_since and e.until is None for e in silent)
    if event.kind is EventKind.RESUMED and is_claimed_still:
        raise Broken("a silence is told to be over that lasts")


def check(status: CallStatus, events: Sequence[RecordingEvent]) -> None:
    """Check what was told of a call that has come to its end."""
    told: dict[str, RecordingEvent] = {}
    for event in events:
        if told.setdefault(event.id, event) != event:
            raise Broken("an id stands for two events")
    for recording in status.recordings if status.policy and status.policy.tells_events else ():
        own = [each for each in told.values() if each.recording == recording.number]
        _check_order(own)
        _check_end(recording, [each for each in own if each.is_final])
        _check_silence(recording, own)


def _check_order(events: Sequence[RecordingEvent]) -> None:
    sequences = [each.sequence for each in events]
    if sequences != sorted(set(sequences)):
        raise Broken("what is told later has no later sequence")
    kinds = [each.kind for each in events]
    if kinds.count(EventKind.STARTED) > 1 or kinds.count(EventKind.STOPPED) > 1:
        raise Broken("a start or a stop is told twice")


def _check_end(recording: RecordingStatus, ends: Sequence[RecordingEvent]) -> None:
    if not ends or END_OF[recording.state] is not ends[-1].kind:
        raise Broken("the end of a recording is not told")
    if [each.corrects for each in ends] != [None, *(each.id for each in ends[:-1])]:
        raise Broken("an end that is told anew does not name the one before")
    files = {each.document_id: each.state for each in ends[-1].files}
    if files != {each.chunk.document_id: each.state for each in recording.chunks}:
        raise Broken("an end does not tell what became of each file")
    sealed = recording.sealed.object_name if recording.sealed else None
    manifest = ends[-1].manifest.object_name if ends[-1].manifest else None
    if manifest != sealed:
        raise Broken("an end does not name the manifest")


def _check_silence(recording: RecordingStatus, events: Sequence[RecordingEvent]) -> None:
    """Check that silence and sound alternate in what was told."""
    spoken = (EventKind.PAUSED, EventKind.RESUMED)
    kinds = [each.kind for each in events if each.kind in spoken]
    if any(kind is not spoken[number % 2] for number, kind in enumerate(kinds)):
        raise Broken("pauses and resumes do not alternate")
