"""Losses that were told and are none: the file lies in the archive."""

from collections.abc import Iterator
from typing import Any

from bench.chaos.generator import LOSSY_MODES
from bench.chaos.history import Chunk, History
from bench.chaos.proxy import ReceivedAlarm, SentEvent
from bench.chaos.violations import Violation
from callvault.contracts.alarms import AlarmKind


def false_losses(
    history: History, alarms: list[ReceivedAlarm], sent_events: list[SentEvent]
) -> Iterator[Violation]:
    """Yield each alarm of a loss about a recording of which nothing is lost.

    An event that is lost, or comes after the window, is a loss when it is told. So is one that
    faults have kept from the gateway until then: Event Grid repeats it after 10, 30 and 60 s, which
    is longer than a short window.
    """
    archived = {each.document_id for each in history.objects}
    disturbed = {
        document for each in sent_events if each.mode in LOSSY_MODES for document in each.documents
    }
    announced, told = _announced(sent_events), set[str]()
    for each in alarms:
        recording_id, at = _recording(each), each.alarm.at.timestamp()
        chunks = [one for one in history.chunks if one.recording_id == recording_id]
        mine = [one for one in chunks if one.document_id in announced]
        if (
            mine
            and recording_id not in told
            and _all_kept(mine, archived)
            and not any(one.document_id in disturbed for one in chunks)
            and not any(announced[one.document_id] > at for one in mine)
        ):
            told.add(recording_id)
            yield Violation(mine[0].scenario, f"{recording_id} was told as lost, and lies archived")


def losses_not_taken_back(history: History) -> Iterator[Violation]:
    """Yield each recording whose newest manifest says that it is lost, and that lies archived."""
    archived = {each.document_id for each in history.objects}
    for recording_id, manifest in _newest_manifests(history).items():
        chunks = [each for each in history.chunks if each.recording_id == recording_id]
        kept = {each.index for each in chunks if each.document_id in archived}
        is_whole = bool(chunks) and kept == {each.index for each in chunks}
        # A second document of a file, after a failover, may be lost though the first is kept.
        losses = [each for each in manifest["chunks"] if each["state"] == "lost"]
        if is_whole and not losses and manifest["recording"]["state"] == "lost":
            why = "still stands as lost in its manifest, and lies archived"
            yield Violation(chunks[0].scenario, f"{recording_id} {why}")


def _newest_manifests(history: History) -> dict[str, dict[str, Any]]:
    manifests = [each for name, each in history.documents.items() if name.startswith("recordings/")]
    # The chain is in the order of sealing; a later manifest of a recording tells all of it.
    manifests.sort(key=lambda each: str(each["sealedAt"]))
    return {str(each["recording"]["recordingId"]): each for each in manifests}


def _announced(sent_events: list[SentEvent]) -> dict[str, float]:
    """Return when the gateway first accepted an event about each document.

    0 for a document that it never heard of: Callvault has found that by other ways, and in time.
    """
    first: dict[str, float] = {}
    for each in sent_events:
        for document in each.documents:
            known = first.get(document, 0.0)
            accepted = each.accepted_at or 0.0
            first[document] = min(filter(None, (known, accepted)), default=0.0)
    return first


def _recording(received: ReceivedAlarm) -> str:
    is_loss = received.alarm.kind is AlarmKind.LOST
    return (received.alarm.recording_id or "") if is_loss else ""


def _all_kept(chunks: list[Chunk], archived: set[str]) -> bool:
    return all(each.document_id in archived for each in chunks)
