"""A whole reconciliation: read the archives, then Temporal, compare, and report."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime

from temporalio.client import Client

from callvault.archive.store import Archive
from callvault.contracts.reconciliation import ReconcileOrder, Reconciliation
from callvault.reconcile.inventory import Holdings
from callvault.reconcile.join import Evidence, join
from callvault.reconcile.temporal_source import Calls, Told

Archives = Mapping[str, Callable[[], Archive]]
"""A function for each archive that opens it, by its configured name."""


async def reconcile(
    client: Client, archives: Archives, order: ReconcileOrder, target: float
) -> Reconciliation:
    """Report what became of every recording of the period up to now.

    ``target`` applies where the order names none. An archive or a worker that does not answer
    makes recordings unknown; where Temporal does not answer, its `RPCError` passes through.
    """
    until = datetime.now(UTC)
    since = until - order.since
    # In this order: a recording that is archived meanwhile is told of by its workflow, and every
    # object that a workflow names is looked for once more, by itself.
    with closing(Holdings(archives)) as holdings:
        await asyncio.to_thread(holdings.look, since, until)
        told = await Calls(client, since).read()
        evidence = await asyncio.to_thread(_gather, holdings, told, since, until, order.deep)
    return join(evidence, target if order.target is None else order.target)


def _gather(
    holdings: Holdings, told: Told, since: datetime, until: datetime, deep: bool
) -> Evidence:
    claims = [claim for account in told.accounts for claim in account.claims]
    manifests = holdings.manifests(claims)
    sealed = [each.account for each in manifests if each.sealed_at >= since]
    to_hold = claims + [claim for account in sealed for claim in account.claims]
    of_all = claims + [claim for each in manifests for claim in each.account.claims]
    return Evidence(
        since=since,
        until=until,
        told=told.accounts,
        kept=told.kept,
        seen=told.seen,
        sealed=sealed,
        amiss=holdings.amiss(to_hold, deep=deep),
        unclaimed_objects=holdings.unclaimed(of_all),
        sources=(told.source, *holdings.sources()),
    )
