"""Losses that were told and are none: the file lies in the archive."""

from collections.abc import Iterator

from bench.chaos.generator import LOSSY_MODES
from bench.chaos.history import Chunk, History
from bench.chaos.proxy import ReceivedAlarm, SentEvent
from bench.chaos.violations import Violation
from callvault.contracts.alarms import AlarmKind


def false_losses(
    history: History, alarms: list[ReceivedAlarm], sent_events: list[SentEvent]
) -> Iterator[Violation]:
    """Yield each alarm of a loss about a recording of which nothing is lost.

    An event that is lost, or comes after the window, is a loss when it is told.
    """
    archived = {each.document_id for each in history.objects}
    disturbed = {
        document for each in sent_events if each.mode in LOSSY_MODES for document in each.documents
    }
    announced = {document for each in sent_events for document in each.documents}
    for recording_id in sorted({_recording(each) for each in alarms} - {""}):
        chunks = [each for each in history.chunks if each.recording_id == recording_id]
        mine = [each for each in chunks if each.document_id in announced]
        if (
            mine
            and _all_kept(mine, archived)
            and not any(each.document_id in disturbed for each in chunks)
        ):
            yield Violation(mine[0].scenario, f"{recording_id} was told as lost, and lies archived")


def _recording(received: ReceivedAlarm) -> str:
    is_loss = received.alarm.kind is AlarmKind.LOST
    return (received.alarm.recording_id or "") if is_loss else ""


def _all_kept(chunks: list[Chunk], archived: set[str]) -> bool:
    return all(each.document_id in archived for each in chunks)
