"""Checker of promises: history in, violations out, without a clock and without I/O."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.chaos.cluster import DEAD_LETTER_DELAY
from bench.chaos.false_losses import false_losses, losses_not_taken_back
from bench.chaos.generator import LOSSY_MODES, DeliveryMode
from bench.chaos.history import Chunk, History, Run
from bench.chaos.parts import Outage, Part
from bench.chaos.proxy import ReceivedAlarm, SentEvent
from bench.chaos.violations import Violation
from bench.chaos.workload import PlayedScenario
from bench.chaos.world_checks import SET_BACK, WorldFacts, world_violations
from callvault.contracts.alarms import AlarmKind

SLOW_TASK = "[TMPRL1101]"
"""The SDK's mark of a workflow task that took more than two seconds."""
ENDED = ("COMPLETED", "CONTINUED_AS_NEW")
"""Statuses of a finished run; another run follows the second."""

DEAD_LETTER_TIMEOUT = DEAD_LETTER_DELAY + 30.0
"""Seconds from a refusal until Event Grid has written the dead letter; Azurite may be down then."""


@dataclass(frozen=True)
class Loss:
    """A file that is not archived, and the cause."""

    chunk: Chunk
    cause: str
    """Empty if the seed does not explain the loss."""


@dataclass(frozen=True)
class Case:
    """The whole input of the checker."""

    played: list[PlayedScenario]
    history: History
    sent_events: list[SentEvent]
    alarms: list[ReceivedAlarm]
    outages: list[Outage]
    early_deletions: set[str]
    polls_result: bool = False
    """True if Callvault can find files that no event announced."""
    world: WorldFacts = field(default_factory=WorldFacts)


def check(case: Case, losses: list[Loss]) -> list[Violation]:
    """Return every violation that can be seen without a clock."""
    return [
        *_unplayed(case),
        *_wrong_objects(case),
        *_losses(case, losses),
        *_starts(case),
        *_workflows(case),
        *false_losses(case.history, case.alarms, case.sent_events),
        *losses_not_taken_back(case.history),
        *world_violations(case.world, case.history),
    ]


def losses_of(case: Case) -> list[Loss]:
    """Return every file that is not in the archive.

    After a failover the service has a file twice, under two ids. If the service announced only one
    of them, the other is no loss: the bytes are archived, or are the loss of the first.
    """
    archived = {each.document_id for each in case.history.objects}
    # An accepted event is a promise for each of its files, even if a twin of one is safe.
    promised = {each.document_id for each in case.history.chunks if _was_accepted(each, case)}
    told = {_bytes(each) for each in case.history.chunks if each.document_id in archived | promised}
    return [
        Loss(chunk, _cause(chunk, case))
        for chunk in case.history.chunks
        if chunk.document_id not in archived
        and (chunk.document_id in promised or _bytes(chunk) not in told)
    ]


def _bytes(chunk: Chunk) -> tuple[str, int, str]:
    return chunk.recording_id, chunk.index, chunk.sha256


def _was_accepted(chunk: Chunk, case: Case) -> bool:
    """Return True if the gateway has accepted an event that announced the file."""
    return any(
        chunk.document_id in each.documents and each.accepted_at is not None
        for each in case.sent_events
    )


def _cause(chunk: Chunk, case: Case) -> str:
    if chunk.document_id in case.early_deletions:
        return "deleted by the service before it was announced"
    if _is_set_back(chunk, case):
        return SET_BACK
    if case.polls_result:  # Callvault could have asked the service
        return ""
    seen = [each for each in case.sent_events if chunk.document_id in each.documents]
    if _was_accepted(chunk, case):  # from then on no cause explains a loss
        return ""
    modes = sorted({each.mode for each in seen if each.mode in LOSSY_MODES})
    if modes:
        return f"event {', '.join(modes)}"
    refused = [each.sent_at for each in seen if each.mode is DeliveryMode.REFUSED]
    # From then on the dead letter lies in Azurite, and a killed Event Grid forgets nothing.
    handed_over = max(refused) + DEAD_LETTER_TIMEOUT if refused else math.inf
    killed = any(
        each.part is Part.EMULATOR
        and each.began < handed_over
        and (each.ended or each.began) > chunk.ended_at
        for each in case.outages
    )
    return "event forgotten by Event Grid, which was killed before it delivered" if killed else ""


def _is_set_back(chunk: Chunk, case: Case) -> bool:
    """Tell if a restore took the file, or its metadata, that the service had deleted by then."""
    return chunk.document_id in case.world.taken and not chunk.is_stored


def _unplayed(case: Case) -> Iterator[Violation]:
    for each in case.played:
        if each.problem:
            yield Violation(each.scenario.number, f"the backend was not heard: {each.problem}")


def _wrong_objects(case: Case) -> Iterator[Violation]:
    made = {chunk.document_id: chunk for chunk in case.history.chunks}
    counts = Counter(each.document_id for each in case.history.objects)
    for each in case.history.objects:
        chunk = made.get(each.document_id)
        if chunk is None:
            yield Violation(0, f"{each.name} is archived, and nobody made it")
        elif each.sha256 != chunk.sha256:
            yield Violation(chunk.scenario, f"{each.name} is not what the service had")
        elif each.metadata_sha256 != chunk.metadata_sha256 and (
            each.metadata_sha256 or not _is_set_back(chunk, case)
        ):
            what = "is not what the service had" if each.metadata_sha256 else "is missing"
            yield Violation(chunk.scenario, f"the metadata of {each.name} {what}")
    for document_id, count in counts.items():
        if count > 1 and document_id in made:
            yield Violation(made[document_id].scenario, f"{document_id} is archived {count} times")


def _losses(case: Case, losses: list[Loss]) -> Iterator[Violation]:
    recorded = {key: each for each in case.played for key in _lost_records(case, each)}
    alarmed = {received.alarm.workflow_id for received in case.alarms if _is_loss(received)}
    for loss in losses:
        chunk, keys = loss.chunk, (loss.chunk.document_id, loss.chunk.recording_id)
        played = next((recorded[key] for key in keys if key in recorded), None)
        if loss.cause == SET_BACK and chunk.recording_id in case.world.named_missing:
            continue
        # Nobody knows what began in a time that was forgotten, and whose events were lost.
        if played is None and loss.cause and _is_start_forgotten(chunk, case):
            continue
        if played is None:
            yield Violation(chunk.scenario, f"{chunk.document_id} is neither archived nor lost")
        elif not loss.cause:
            yield Violation(chunk.scenario, f"{chunk.document_id} is lost, and need not be")
        elif loss.cause != SET_BACK and played.workflow_id not in alarmed:
            yield Violation(chunk.scenario, f"{chunk.document_id} is lost, and nobody was told")


def _is_start_forgotten(chunk: Chunk, case: Case) -> bool:
    began = next(
        datetime.fromisoformat(each["activeAt"]).timestamp()
        for each in case.history.truths[chunk.scenario]["recordings"]
        if each["recordingId"] == chunk.recording_id
    )
    return any(to <= began <= at for to, at in case.world.forgotten)


def _lost_records(case: Case, played: PlayedScenario) -> Iterator[str]:
    """Yield the ids of files, and of whole recordings, that workflows recorded as lost."""
    for run in case.history.runs_of(played.workflow_id):
        for recording in _recordings(run):
            if recording["state"] == "lost":
                yield recording["recordingId"]
            for chunk in recording["chunks"]:
                if chunk["state"] == "lost":
                    yield chunk["documentId"]


def _starts(case: Case) -> Iterator[Violation]:
    for each in case.played:
        truth = case.history.truths.get(each.scenario.number)
        if truth is None:
            continue
        wanted, made = len(each.scenario.recordings), len(truth["recordings"])
        records = [
            one for run in case.history.runs_of(each.workflow_id) for one in _recordings(run)
        ]
        failed = sum(one["state"] == "failed_to_start" for one in records)
        # A start that Temporal has forgotten, or that was under way as the operator reset the call,
        # is tried again, and refused if the call is over: what ACS had made of it is kept under its
        # own id. Forgotten earlier, it never came about.
        is_set_back = case.world.was_set_back(each.began, each.ended)
        is_tried_again = is_set_back or _was_reset(each, case)
        if made > wanted:
            yield Violation(each.scenario.number, f"{made} recordings began for {wanted} starts")
        elif made > wanted - failed and not (is_tried_again and _are_kept_all(truth, records)):
            yield Violation(each.scenario.number, "a start that ACS accepted stands as failed")
        is_forgotten = is_set_back or _is_cut_off(each, case)
        if len(records) < wanted - each.unstopped and not is_forgotten:
            yield Violation(
                each.scenario.number,
                f"{wanted} starts, and {len(records)} records of them; {_times(each, case)}",
            )


def _was_reset(played: PlayedScenario, case: Case) -> bool:
    runs = case.history.runs_of(played.workflow_id)
    return any(run.run_id in case.world.ended_runs for run in runs)


def _is_cut_off(played: PlayedScenario, case: Case) -> bool:
    """Tell if the operator ended every run of a call, whose history a restore had contradicted.

    None takes over from one that knew all to be archived: its files tell if that was true.
    """
    runs = case.history.runs_of(played.workflow_id)
    was_set_back = case.world.was_set_back(played.began, 0)
    return was_set_back and {run.status for run in runs} == {"TERMINATED"}


def _are_kept_all(truth: dict[str, Any], records: list[dict[str, Any]]) -> bool:
    kept = {each["recordingId"] for each in records}
    return all(each["recordingId"] in kept for each in truth["recordings"])


def _times(played: PlayedScenario, case: Case) -> str:
    """Tell what became of a call beside the restores of Temporal, in seconds since it began."""
    runs = ", ".join(
        f"{run.status} from {run.began - played.began:.1f}"
        for run in case.history.runs_of(played.workflow_id)
    )
    restores = ", ".join(
        f"{each.at - played.began:.1f} to {each.to - played.began:.1f}"
        for each in case.world.restores
        if each.has_database
    )
    ended = f"{played.ended - played.began:.1f}" if played.ended else "never"
    return f"it ended at {ended} s, its runs: {runs or 'none'}; set back at {restores or 'no time'}"


def _workflows(case: Case) -> Iterator[Violation]:
    # A workflow that no life knows is reported under life 0.
    scenarios: dict[str, int] = defaultdict(int)
    scenarios |= {each.workflow_id: each.scenario.number for each in case.played}
    for run in case.history.runs:
        scenario = scenarios[run.workflow_id]
        if run.run_id in case.world.ended_runs and run.status == "TERMINATED":
            continue  # its alarm has come, and another run has taken over
        if run.status not in ENDED and not run.only_looks_out:
            yield Violation(scenario, f"{run.workflow_id} is {run.status}")
        if case.world.set_runs_back(run.began):
            continue  # workers that remembered more of it than Temporal: its runbook says so
        # The SDK takes a process that was frozen, or starved, for a deadlock, and the task is tried
        # again. A true one fails at each attempt: its run does not end.
        for failure in run.failed_tasks:
            if SLOW_TASK in failure:
                continue
            yield Violation(scenario, f"{run.workflow_id} failed a task: {failure}")


def _recordings(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (run.result or {}).get("recordings", [])
    return found


def _is_loss(received: ReceivedAlarm) -> bool:
    return received.alarm.kind is AlarmKind.LOST
