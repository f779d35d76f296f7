"""Checker of promises: history in, violations out, without a clock and without I/O."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.chaos.cluster import DEAD_LETTER_DELAY, Outage, Part
from bench.chaos.generator import KEEP_AWAY, Fate
from bench.chaos.history import Chunk, Evidence, Run
from bench.chaos.proxy import Heard, Sighting
from bench.chaos.workload import Played
from callvault.contracts.alarms import AlarmKind

ENDED = ("COMPLETED", "CONTINUED_AS_NEW")
"""Statuses of a finished run; another run follows the second."""

LETTER_WITHIN = DEAD_LETTER_DELAY + 30.0
"""Seconds from a refusal until Event Grid has put the event away; Azurite may be down just then."""


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept; life 0 stands for the whole run."""

    life: int
    what: str


@dataclass(frozen=True)
class Loss:
    """A file that is not archived, and the cause."""

    chunk: Chunk
    cause: str
    """Empty where the seed does not explain it."""


@dataclass(frozen=True)
class Case:
    """The whole input of the checker."""

    played: list[Played]
    evidence: Evidence
    sightings: list[Sighting]
    alarms: list[Heard]
    outages: list[Outage]
    shredded: set[str]
    asks_result: bool = False
    """True if Callvault can find files that no event announced."""


def judge(case: Case, losses: list[Loss]) -> list[Violation]:
    """Return every violation that can be seen without a clock."""
    return [
        *_unplayed(case),
        *_wrong_objects(case),
        *_losses(case, losses),
        *_starts(case),
        *_workflows(case),
    ]


def losses_of(case: Case) -> list[Loss]:
    """Return every file that is not in the archive.

    After a failover the service has a file twice, under two ids. If it announced only one of them,
    the bytes are safe, and the other is no loss.
    """
    archived = {each.document_id for each in case.evidence.objects}
    safe = {_bytes(chunk) for chunk in case.evidence.chunks if chunk.document_id in archived}
    return [
        Loss(chunk, _cause(chunk, case))
        for chunk in case.evidence.chunks
        if chunk.document_id not in archived
        and (_bytes(chunk) not in safe or _was_taken(chunk, case))
    ]


def _bytes(chunk: Chunk) -> tuple[str, int, str]:
    return chunk.recording_id, chunk.index, chunk.sha256


def _was_taken(chunk: Chunk, case: Case) -> bool:
    """Return True if the gateway has accepted an event that announced the file."""
    return any(
        chunk.document_id in each.documents and each.taken is not None for each in case.sightings
    )


def _cause(chunk: Chunk, case: Case) -> str:
    if chunk.document_id in case.shredded:
        return "deleted by the service before it was announced"
    if case.asks_result:  # Callvault could have asked the service
        return ""
    seen = [each for each in case.sightings if chunk.document_id in each.documents]
    if _was_taken(chunk, case):  # the gateway's promise leaves no excuse
        return ""
    fates = sorted({each.fate for each in seen if each.fate in KEEP_AWAY})
    if fates:
        return f"event {', '.join(fates)}"
    refused = [each.seen for each in seen if each.fate is Fate.REFUSED]
    handed_over = max(refused) + LETTER_WITHIN if refused else math.inf
    killed = any(
        each.part is Part.EMULATOR
        and each.began < handed_over
        and (each.ended or each.began) > chunk.ended_at
        for each in case.outages
    )
    return "event forgotten by Event Grid, which was killed before it delivered" if killed else ""


def _unplayed(case: Case) -> Iterator[Violation]:
    for each in case.played:
        if each.problem:
            yield Violation(each.life.number, f"the backend was not heard: {each.problem}")


def _wrong_objects(case: Case) -> Iterator[Violation]:
    made = {chunk.document_id: chunk for chunk in case.evidence.chunks}
    counts = Counter(each.document_id for each in case.evidence.objects)
    for each in case.evidence.objects:
        chunk = made.get(each.document_id)
        if chunk is None:
            yield Violation(0, f"{each.name} is archived, and nobody made it")
        elif each.sha256 != chunk.sha256:
            yield Violation(chunk.life, f"{each.name} is not what the service had")
        elif each.metadata_sha256 != chunk.metadata_sha256:
            yield Violation(chunk.life, f"the metadata of {each.name} is not what the service had")
    for document_id, count in counts.items():
        if count > 1 and document_id in made:
            yield Violation(made[document_id].life, f"{document_id} is archived {count} times")


def _losses(case: Case, losses: list[Loss]) -> Iterator[Violation]:
    recorded = {key: each for each in case.played for key in _lost_records(case, each)}
    alarmed = {heard.alarm.workflow_id for heard in case.alarms if _is_loss(heard)}
    for loss in losses:
        chunk, keys = loss.chunk, (loss.chunk.document_id, loss.chunk.recording_id)
        played = next((recorded[key] for key in keys if key in recorded), None)
        if played is None:
            yield Violation(chunk.life, f"{chunk.document_id} is neither archived nor lost")
        elif not loss.cause:
            yield Violation(chunk.life, f"{chunk.document_id} is lost, and need not be")
        elif played.workflow_id not in alarmed:
            yield Violation(chunk.life, f"{chunk.document_id} is lost, and nobody was told")


def _lost_records(case: Case, played: Played) -> Iterator[str]:
    """Yield the ids of files, and of whole recordings, that workflows recorded as lost."""
    for run in case.evidence.runs_of(played.workflow_id):
        for recording in _recordings(run):
            if recording["state"] == "lost":
                yield recording["recordingId"]
            for chunk in recording["chunks"]:
                if chunk["state"] == "lost":
                    yield chunk["documentId"]


def _starts(case: Case) -> Iterator[Violation]:
    for each in case.played:
        truth = case.evidence.truths.get(each.life.number)
        if truth is None:
            continue
        wanted, made = len(each.life.recordings), len(truth["recordings"])
        told = [one for run in case.evidence.runs_of(each.workflow_id) for one in _recordings(run)]
        failed = sum(one["state"] == "failed_to_start" for one in told)
        if made > wanted:
            yield Violation(each.life.number, f"{made} recordings began for {wanted} starts")
        elif made > wanted - failed:
            yield Violation(each.life.number, "a start that ACS accepted stands as failed")
        if len(told) < wanted:
            yield Violation(each.life.number, f"{wanted} starts, and {len(told)} records of them")


def _workflows(case: Case) -> Iterator[Violation]:
    lives: dict[str, int] = defaultdict(int)
    lives |= {each.workflow_id: each.life.number for each in case.played}
    for run in case.evidence.runs:
        life = lives[run.workflow_id]
        if run.status not in ENDED:
            yield Violation(life, f"{run.workflow_id} is {run.status}")
        for failure in run.failed_tasks:
            yield Violation(life, f"{run.workflow_id} failed a task: {failure}")


def _recordings(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (run.result or {}).get("recordings", [])
    return found


def _is_loss(heard: Heard) -> bool:
    return heard.alarm.kind is AlarmKind.LOST
