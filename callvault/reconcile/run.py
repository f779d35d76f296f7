"""A whole reconciliation: read the archives, then Temporal, compare, and report."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime

from temporalio.client import Client

from callvault.archive.manifests.documents import Keyring
from callvault.archive.store import Archive
from callvault.contracts import names
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation
from callvault.reconcile.inventory import Inventory
from callvault.reconcile.join import Evidence, join
from callvault.reconcile.temporal_source import Calls, TemporalRecords

Archives = Mapping[str, Callable[[], Archive]]
"""A function for each archive that opens it, by its configured name."""


async def reconcile(
    client: Client,
    archives: Archives,
    input: ReconcileInput,
    target: float,
    keys_of: Callable[[str], Keyring] = lambda _: Keyring(),
) -> Reconciliation:
    """Report what became of every recording of the period up to now.

    ``target`` applies where the order names none; ``keys_of`` reads the keys that may have signed
    in an archive. An archive or a worker that does not answer
    makes recordings unknown; where Temporal does not answer, its `RPCError` passes through.
    """
    until = datetime.now(UTC)
    since = until - input.since
    # In this order: a recording that is archived meanwhile is told of by its workflow, and every
    # object that a workflow names is looked for once more, by itself.
    with closing(Inventory(archives, keys_of)) as inventory:
        await asyncio.to_thread(inventory.list_objects, since, until)
        temporal = await Calls(client, since).read()
        evidence = await asyncio.to_thread(_gather, inventory, temporal, since, until, input.deep)
    return join(evidence, target if input.target is None else input.target)


def _gather(
    inventory: Inventory, temporal: TemporalRecords, since: datetime, until: datetime, deep: bool
) -> Evidence:
    expected_objects = [
        expected for record in temporal.records for expected in record.expected_objects
    ]
    manifests = inventory.manifests(expected_objects)
    # Archives are listed by whole days: what was sealed earlier on the first one is no part of
    # the report, yet the files that it names are referenced.
    sealed = [each.record for each in manifests if each.sealed_at >= since]
    to_hold = expected_objects + [
        expected for record in sealed for expected in record.expected_objects
    ]
    of_all = expected_objects + [
        expected for each in manifests for expected in each.record.expected_objects
    ]
    kept = temporal.workflow_ids | {record.workflow_id for record in sealed}
    # Asked only for calls that nobody knows: the records of all erasures are read for that.
    unkept = {names.workflow_id(seen.server_call_id) for seen in temporal.seen} - kept
    return Evidence(
        since=since,
        until=until,
        workflow_records=temporal.records,
        workflow_ids=temporal.workflow_ids,
        seen=temporal.seen,
        sealed=sealed,
        discrepancies=inventory.discrepancies(to_hold, deep=deep),
        unreferenced_objects=inventory.unreferenced(of_all),
        sources=(temporal.source, *inventory.sources()),
        erased_workflows=inventory.erased_workflows() if unkept else frozenset(),
    )
