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
from callvault.reconcile.records import Account
from callvault.reconcile.verdicts import Amisses, Judgement, best, judge

MOST_GAPS = 100
"""Gaps that are named in a workflow's history, which takes 2 MiB at a time."""

MOST_OBJECTS = 5
"""Objects that are named there for one gap."""

SETTLING = timedelta(minutes=1)
"""Age of a call below which it is not judged: its recording may be just beginning."""

_WORST_FIRST = (
    Verdict.MISSING,
    Verdict.LOST,
    Verdict.PARTIAL,
    Verdict.UNKNOWN,
    Verdict.DECLINED,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was read."""

    since: datetime
    until: datetime
    told: Sequence[Account]
    """Accounts of workflows; of several runs of one call, in the order of time."""
    kept: frozenset[str]
    """Ids of all workflows of calls, also of those without a recording."""
    seen: Sequence[CallSeen]
    sealed: Sequence[Account]
    """Accounts of manifests that no workflow told of."""
    amiss: Amisses
    unclaimed_objects: int = 0
    sources: tuple[Source, ...] = ()


Judged = tuple[Account, Judgement]


def join(evidence: Evidence, target: float) -> Reconciliation:
    """Judge every recording once, told of by one source or many, and every call without one."""
    judged = list(_recordings(evidence))
    unrecorded = list(_unrecorded(evidence, {account.workflow_id for account, _ in judged}))
    verdicts = Counter(judgement.verdict for _, judgement in judged)
    verdicts.update(gap.verdict for gap in unrecorded)
    percentage = _percentage(verdicts)
    accounts = [account for account, _ in judged if account.number is not None]
    return Reconciliation(
        since=evidence.since,
        until=evidence.until,
        target=target,
        percentage=percentage,
        is_met=percentage >= target and not verdicts[Verdict.MISSING],
        calls_seen=len(_calls(evidence)),
        recordings_asked=sum(account.origin != "announced" for account in accounts),
        recordings_started=sum(account.recording_id is not None for account in accounts),
        files_announced=sum(account.announced for account in accounts),
        files_archived=_files_archived(accounts, evidence.amiss),
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        with_findings=sum(
            bool(account.findings) and judgement.verdict is Verdict.COMPLETE
            for account, judgement in judged
        ),
        unclaimed_objects=evidence.unclaimed_objects,
        gaps=tuple(_gaps(judged, unrecorded)),
        sources=evidence.sources,
    )


def bounded(report: Reconciliation) -> Reconciliation:
    """Return the report with its worst gaps only, fit for a workflow's history."""
    named = (
        gap.model_copy(update={"objects": gap.objects[:MOST_OBJECTS]})
        for gap in report.gaps[:MOST_GAPS]
    )
    left_out = max(len(report.gaps) - MOST_GAPS, 0)
    return report.model_copy(update={"gaps": tuple(named), "gaps_left_out": left_out})


def merged(told: Iterable[Account]) -> dict[tuple[str, str], Account]:
    """Merge the accounts of each recording: a later run of a call knows better, and adds files."""
    by_key: dict[tuple[str, str], Account] = {}
    for account in told:
        earlier = by_key.get(account.key)
        by_key[account.key] = _completed(account, earlier) if earlier else account
    return by_key


def _completed(later: Account, earlier: Account) -> Account:
    """Complete the account of a later run by an earlier one."""
    # A run that was begun by a late event does not know what an earlier one had archived.
    files = tuple(dict.fromkeys((*earlier.files, *later.files)))
    manifest = later.manifest or earlier.manifest
    metadata = (claim for claim in (*earlier.others, *later.others) if not claim.is_manifest)
    return replace(
        later,
        announced=max(later.announced, earlier.announced, len(files)),
        files=files,
        others=(*dict.fromkeys(metadata), *((manifest,) if manifest else ())),
        origin=earlier.origin or later.origin,
    )


def _recordings(evidence: Evidence) -> Iterator[Judged]:
    sealed = defaultdict(list)
    for account in evidence.sealed:
        sealed[account.key].append((account, judge(account, evidence.amiss)))
    for key, account in merged(evidence.told).items():
        yield _best_known(account, judge(account, evidence.amiss), sealed.pop(key, []))
    for judged in sealed.values():
        yield best(judged)


def _best_known(account: Account, judgement: Judgement, elsewhere: Sequence[Judged]) -> Judged:
    """Prefer the account of another archive, if the recording lies there as a whole."""
    # It was brought there, so that it is not missing.
    first = account.manifest.archive if account.manifest else None
    for other, found in elsewhere:
        moved = other.manifest is not None and other.manifest.archive != first
        if moved and found.verdict is Verdict.COMPLETE:
            return other, found
    return account, judgement


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
    kept = "was kept without a recording" if workflow_id in evidence.kept else "nobody kept it"
    return Gap(
        verdict=_verdict_unrecorded(evidence, in_order),
        what=f"a call that {what}, and {kept}",
        workflow_id=workflow_id,
        resource=in_order[0].resource,
    )


def _verdict_unrecorded(evidence: Evidence, traces: Sequence[CallSeen]) -> Verdict:
    if any(seen.all_recorded for seen in traces):
        is_settled = evidence.until - traces[0].at >= SETTLING
        return Verdict.MISSING if is_settled else Verdict.OPEN
    return Verdict.NOT_ASKED


def _gaps(judged: Sequence[Judged], unrecorded: Sequence[Gap]) -> list[Gap]:
    found = [_gap(account, judgement) for account, judgement in judged]
    named = [gap for gap in (*found, *unrecorded) if gap.verdict in _WORST_FIRST]
    return sorted(named, key=lambda gap: (_WORST_FIRST.index(gap.verdict), gap.workflow_id))


def _gap(account: Account, judgement: Judgement) -> Gap:
    return Gap(
        verdict=judgement.verdict,
        what=shorten(judgement.what),
        workflow_id=account.workflow_id,
        resource=account.resource,
        recording=account.number,
        recording_id=account.recording_id,
        objects=judgement.objects,
    )


def _percentage(verdicts: Mapping[Verdict, int]) -> float:
    counted = sum(count for verdict, count in verdicts.items() if verdict.counts)
    return 100 * verdicts.get(Verdict.COMPLETE, 0) / counted if counted else 100.0


def _calls(evidence: Evidence) -> set[str]:
    seen = {names.workflow_id(seen.server_call_id) for seen in evidence.seen}
    return seen | evidence.kept | {account.workflow_id for account in evidence.sealed}


def _files_archived(accounts: Iterable[Account], amiss: Amisses) -> int:
    return sum(claim not in amiss for account in accounts for claim in account.files)
