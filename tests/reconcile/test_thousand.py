"""Twenty of a thousand recordings are taken away in many ways: those are found, and no other."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.contracts import names
from callvault.contracts.reconciliation import CallSeen, ReconcileInput, Reconciliation, Verdict
from callvault.reconcile.run import reconcile
from callvault.temporal.call_client import CallClient
from workflows.reconcile import CallSeenWorkflow

from .seeding import Kept, Vault, ended, run_all, spoil, standing_in


def media_gone(vault: Vault, kept: Kept) -> None:
    vault.path(kept.media.object_name).unlink()


def metadata_gone(vault: Vault, kept: Kept) -> None:
    vault.path(kept.metadata.object_name).unlink()


def manifest_gone(vault: Vault, kept: Kept) -> None:
    vault.path(kept.manifest.object_name).unlink()


def manifest_changed(vault: Vault, kept: Kept) -> None:
    spoil(vault.path(kept.manifest.object_name))


def media_truncated(vault: Vault, kept: Kept) -> None:
    vault.path(kept.media.object_name).write_bytes(b"the")


DAMAGES: tuple[Callable[[Vault, Kept], None], ...] = (
    *[media_gone] * 3,
    *[metadata_gone] * 2,
    *[manifest_gone] * 3,
    *[manifest_changed] * 2,
    *[media_truncated] * 2,
)
FORGOTTEN_DAMAGES = (media_gone, media_truncated)

UNRECORDED = ["unrecorded-0", "unrecorded-1"]
FAILED = ["failed-0", "failed-1"]
UNANNOUNCED = ["unannounced-0", "unannounced-1"]
KEPT = [f"kept-{n}" for n in range(394)]
"""Temporal knows their workflows."""
FORGOTTEN = [f"forgotten-{n}" for n in range(600)]
"""Temporal knows them no more: their manifests alone tell of them."""


def damaged(
    vault: Vault, kept: Sequence[Kept], damages: Sequence[Callable[[Vault, Kept], None]]
) -> set[str]:
    """Damage the first of them, one in each way; the names of their calls."""
    for damage, victim in zip(damages, kept, strict=False):
        damage(vault, victim)
    return {victim.call for victim in kept[: len(damages)]}


async def saw(client: Client, calls: Sequence[str]) -> None:
    """Event Grid told of these calls, twice, on a resource whose calls are all recorded."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    recordings = CallClient(client)
    async with Worker(
        client,
        task_queue=names.CONTROL_QUEUE,
        workflows=[CallSeenWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for call in (*calls, *calls):
            seen = CallSeen(
                server_call_id=call, resource="default", what="began", at=at, all_recorded=True
            )
            await recordings.record_call_seen(seen)


def named(report: Reconciliation, verdict: Verdict) -> set[str]:
    return {gap.workflow_id for gap in report.gaps if gap.verdict is verdict}


def ids(calls: Sequence[str] | set[str]) -> set[str]:
    return set(map(names.workflow_id, calls))


@pytest.mark.slow("a thousand recordings are made")
async def test_twenty_missing_among_a_thousand_are_found_by_name_and_none_is_invented(
    temporal: Client, tmp_path: Path
) -> None:
    vault = Vault(tmp_path)
    kept, forgotten = ([vault.keep(call) for call in calls] for calls in (KEPT, FORGOTTEN))
    gone = damaged(vault, kept, DAMAGES) | damaged(vault, forgotten, FORGOTTEN_DAMAGES)
    await saw(temporal, [*UNRECORDED, *KEPT[:20], *FORGOTTEN[:3]])
    results = [
        *(each.result for each in kept),
        *(ended(call, "failed_to_start", recording_id=None) for call in FAILED),
        *(ended(call, "lost") for call in UNANNOUNCED),
    ]
    async with standing_in(temporal):
        await run_all(temporal, results)

    input = ReconcileInput(since=timedelta(hours=1))
    report = await reconcile(temporal, {"main": vault.open}, input, 100)

    assert named(report, Verdict.MISSING) == ids(gone) | ids(UNRECORDED) | ids(FAILED)
    assert named(report, Verdict.LOST) == ids(UNANNOUNCED)
    assert len(report.gaps) == 20
    assert report.verdicts[Verdict.COMPLETE] == 980
    assert (report.calls_seen, report.percentage, report.is_met) == (1_000, 98.0, False)
    assert report.unreferenced_objects == 0
