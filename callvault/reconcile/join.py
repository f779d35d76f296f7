"""The join of calls seen, recordings told of, manifests and objects to one report."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.contracts.reconciliation import (
    CallSeen,
    Gap,
    Reconciliation,
    Source,
    Verdict,
)
from callvault.reconcile.records import Record
from callvault.reconcile.verdicts import Discrepancies, Judgement, best, judge

MAX_GAPS = 100
"""Gaps that are named in a workflow's history, which takes 2 MiB at a time."""

MAX_OBJECTS_PER_GAP = 5
"""Objects that are named there for one gap."""

SETTLING_TIME = timedelta(minutes=1)
"""Age of a call below which it is not judged: its recording may be just beginning."""

_WORST_FIRST = (
    Verdict.MISSING,
    Verdict.LOST,
    Verdict.PARTIAL,
    Verdict.UNKNOWN,
    Verdict.NO_SUCH_CALL,
    Verdict.DECLINED,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was read."""

    since: datetime
    until: datetime
    workflow_records: Sequence[Record]
    """Accounts of workflows; of several runs of one call, in the order of time."""
    workflow_ids: frozenset[str]
    """Ids of all workflows of calls, also of those without a recording."""
    seen: Sequence[CallSeen]
    sealed: Sequence[Record]
    """Accounts of manifests that no workflow told of."""
    discrepancies: Discrepancies
    unreferenced_objects: int = 0
    sources: tuple[Source, ...] = ()
    erased_workflows: frozenset[str] = frozenset()
    """Ids of workflows whose recordings were erased, and whose histories went with them."""


Judged = tuple[Record, Judgement]


def join(evidence: Evidence, target: float) -> Reconciliation:
    """Judge every recording once, told of by one source or many, and every call without one."""
    judged = list(_recordings(evidence))
    unrecorded = list(_unrecorded(evidence, {record.workflow_id for record, _ in judged}))
    verdicts = Counter(judgement.verdict for _, judgement in judged)
    verdicts.update(gap.verdict for gap in unrecorded)
    percentage = _percentage(verdicts)
    records = [record for record, _ in judged if record.number is not None]
    return Reconciliation(
        since=evidence.since,
        until=evidence.until,
        target=target,
        percentage=percentage,
        is_met=percentage >= target
        and not verdicts[Verdict.MISSING]
        # What an unreadable archive alone knows of is in no figure.
        and not any(source.is_unread for source in evidence.sources),
        calls_seen=len(_calls(evidence)),
        recordings_requested=sum(record.origin != "announced" for record in records),
        recordings_started=sum(record.recording_id is not None for record in records),
        files_announced=sum(record.announced for record in records),
        files_archived=_files_archived(records, evidence.discrepancies),
        # With the zeros: a gauge that is not set again would keep the figure of the last report.
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        with_findings=sum(
            bool(record.findings) and judgement.verdict is Verdict.COMPLETE
            for record, judgement in judged
        ),
        unreferenced_objects=evidence.unreferenced_objects,
        gaps=tuple(_gaps(judged, unrecorded)),
        sources=evidence.sources,
    )


def bounded(report: Reconciliation) -> Reconciliation:
    """Return the report with its worst gaps only, fit for a workflow's history."""
    named = (
        gap.model_copy(update={"objects": gap.objects[:MAX_OBJECTS_PER_GAP]})
        for gap in report.gaps[:MAX_GAPS]
    )
    left_out = max(len(report.gaps) - MAX_GAPS, 0)
    return report.model_copy(update={"gaps": tuple(named), "gaps_left_out": left_out})


def merged(workflow_records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """Merge the accounts of each recording: a later run of a call knows better, and adds files."""
    by_key: dict[tuple[str, str], Record] = {}
    for record in workflow_records:
        earlier = by_key.get(record.key)
        by_key[record.key] = _completed(record, earlier) if earlier else record
    return by_key


def _completed(later: Record, earlier: Record) -> Record:
    """Complete the account of a later run by an earlier one."""
    # A run that was begun by a late event does not know what an earlier one had archived.
    files = tuple(dict.fromkeys((*earlier.files, *later.files)))
    manifest = later.manifest or earlier.manifest
    metadata = (
        expected for expected in (*earlier.others, *later.others) if not expected.is_manifest
    )
    return replace(
        later,
        announced=max(later.announced, earlier.announced, len(files)),
        files=files,
        others=(*dict.fromkeys(metadata), *((manifest,) if manifest else ())),
        origin=earlier.origin or later.origin,
    )


def _recordings(evidence: Evidence) -> Iterator[Judged]:
    sealed = defaultdict(list)
    calls = {names.workflow_id(seen.server_call_id) for seen in evidence.seen}
    for record in evidence.sealed:
        sealed[record.key].append((record, judge(record, evidence.discrepancies)))
    for key, record in merged(evidence.workflow_records).items():
        # Popped, so that manifests of which no workflow tells are left for the next loop.
        judgement = judge(record, evidence.discrepancies)
        if judgement.verdict is Verdict.NO_SUCH_CALL and record.workflow_id in calls:
            # Event Grid has told of it: there was such a call, whatever ACS said of its id.
            judgement = replace(judgement, verdict=Verdict.MISSING)
        yield _best_known(record, judgement, sealed.pop(key, []))
    for judged in sealed.values():
        yield best(judged)


def _best_known(record: Record, judgement: Judgement, elsewhere: Sequence[Judged]) -> Judged:
    """Prefer the account of another archive, if the recording lies there as a whole."""
    # It was brought there, so that it is not missing.
    first = record.manifest.archive if record.manifest else None
    for other, found in elsewhere:
        moved = other.manifest is not None and other.manifest.archive != first
        if moved and found.verdict is Verdict.COMPLETE:
            return other, found
    return record, judgement


def _unrecorded(evidence: Evidence, recorded: set[str]) -> Iterator[Gap]:
    """Yield the calls that were seen, and of which no source knows a recording."""
    by_call: dict[str, list[CallSeen]] = defaultdict(list)
    for seen in evidence.seen:
        by_call[names.workflow_id(seen.server_call_id)].append(seen)
    for workflow_id, traces in by_call.items():
        if workflow_id not in recorded:
            yield _unrecorded_call(evidence, workflow_id, traces)


def _unrecorded_call(evidence: Evidence, workflow_id: str, traces: Sequence[CallSeen]) -> Gap:
    in_order = sorted(traces, key=lambda seen: seen.at)
    what = ", ".join(f"{seen.what} {seen.at:%Y-%m-%d %H:%M:%S} UTC" for seen in in_order)
    outcome = (
        "was kept without a recording" if workflow_id in evidence.workflow_ids else "nobody kept it"
    )
    return Gap(
        verdict=_verdict_unrecorded(evidence, in_order),
        what=f"a call that {what}, and {outcome}",
        workflow_id=workflow_id,
        resource=in_order[0].resource,
    )


def _verdict_unrecorded(evidence: Evidence, traces: Sequence[CallSeen]) -> Verdict:
    if names.workflow_id(traces[0].server_call_id) in evidence.erased_workflows:
        return Verdict.ERASED
    if any(seen.all_recorded for seen in traces):
        is_settled = evidence.until - traces[0].at >= SETTLING_TIME
        return Verdict.MISSING if is_settled else Verdict.OPEN
    return Verdict.NOT_ASKED


def _gaps(judged: Sequence[Judged], unrecorded: Sequence[Gap]) -> list[Gap]:
    found = [_gap(record, judgement) for record, judgement in judged]
    named = [gap for gap in (*found, *unrecorded) if gap.verdict in _WORST_FIRST]
    return sorted(named, key=lambda gap: (_WORST_FIRST.index(gap.verdict), gap.workflow_id))


def _gap(record: Record, judgement: Judgement) -> Gap:
    return Gap(
        verdict=judgement.verdict,
        what=shorten(judgement.what),
        workflow_id=record.workflow_id,
        resource=record.resource,
        recording=record.number,
        recording_id=record.recording_id,
        objects=judgement.objects,
    )


def _percentage(verdicts: Mapping[Verdict, int]) -> float:
    counted = sum(count for verdict, count in verdicts.items() if verdict.counts)
    return 100 * verdicts.get(Verdict.COMPLETE, 0) / counted if counted else 100.0


def _calls(evidence: Evidence) -> set[str]:
    seen = {names.workflow_id(seen.server_call_id) for seen in evidence.seen}
    return seen | evidence.workflow_ids | {record.workflow_id for record in evidence.sealed}


def _files_archived(records: Iterable[Record], discrepancies: Discrepancies) -> int:
    return sum(expected not in discrepancies for record in records for expected in record.files)
