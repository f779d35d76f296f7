"""The checks of `callvault doctor` that look at Temporal: the namespace, and the calls in it.

A check is a function that looks at one thing and returns a `CheckResult`; a new one goes into
`CHECKS`. None changes anything.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.actions.check_result import CheckResult, Subject
from callvault.contracts import names
from callvault.errors import CallvaultError
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.namespace import missing_search_attributes
from workers.abandoned import STUCK, dead_runs

MAX_NAMED = 10
"""Workflows that a result names; the rest are counted."""

MAX_LISTED = 1_000
"""Workflows that a check looks at."""

OLDEST_SERVER = (1, 28)
"""Version of Temporal's server that first knows all requests that Callvault sends."""

_PAUSED = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Paused'"


Check = Callable[[Client], Awaitable[CheckResult]]


async def check_temporal(subject: Subject) -> list[CheckResult]:
    """Run every check; without a client that Temporal does not answer."""
    client = subject.client
    if client is None:
        fix = "Start Temporal, or mend its address (TEMPORAL_ADDRESS) or its certificates."
        return [CheckResult("Temporal", False, subject.why_no_client, fix)]
    results = [CheckResult("Temporal", True, client.service_client.config.target_host)]
    for name, check in CHECKS:
        try:
            results.append(await check(client))
        except (RPCError, CallvaultError) as error:
            results.append(CheckResult(name, False, f"cannot be checked: {error}", "Try again."))
    return results


async def _namespace(client: Client) -> CheckResult:
    name = "namespace"
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        fix = "Create it (`temporal operator namespace create`), or set TEMPORAL_NAMESPACE."
        return CheckResult(name, False, f"{client.namespace} does not exist", fix)
    return CheckResult(name, True, client.namespace)


async def _search_attributes(client: Client) -> CheckResult:
    name, missing = "search attributes", await missing_search_attributes(client)
    if missing:
        return CheckResult(name, False, f"missing: {', '.join(missing)}", "Run `callvault setup`.")
    return CheckResult(name, True, "all are registered")


async def _paused(client: Client) -> CheckResult:
    fix = (
        "Unpause them at once: a paused workflow watches no deadline, and takes no pause of a"
        " recording (`temporal workflow unpause`)."
    )
    return await _none_of(client, "paused workflows", _PAUSED, fix)


async def _stuck(client: Client) -> CheckResult:
    fix = "See the worker's log for the reason: such a call is controlled by nobody."
    return await _none_of(client, "failing workflow tasks", STUCK, fix)


async def _dead(client: Client) -> CheckResult:
    fix = "Start a worker, which takes them over within a minute; its log says if it cannot."
    return await _none_of(
        client, "calls without a workflow", dead_runs(datetime.now(UTC)), fix, _is_newest
    )


async def _versions(client: Client) -> CheckResult:
    answered = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    return of_versions(answered.server_version)


def of_versions(server: str) -> CheckResult:
    """Return the result for a server of this version; one that tells none is not judged."""
    name = "versions"
    found = f"Callvault {version('callvault')}, Temporal {server or 'of no version that it tells'}"
    numbers = re.match(r"v?(\d+)\.(\d+)", server)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        fix = f"Bring Temporal's server to {oldest}: until then `retry` and `export-now` fail."
        return CheckResult(name, False, found, fix)
    return CheckResult(name, True, found)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("namespace", _namespace),
    ("search attributes", _search_attributes),
    ("paused workflows", _paused),
    ("failing workflow tasks", _stuck),
    ("calls without a workflow", _dead),
    ("versions", _versions),
)
"""In their order: what a later one needs is checked before."""


async def _always(client: Client, run: Execution) -> bool:
    return True


async def _is_newest(client: Client, run: Execution) -> bool:
    """Tell if no run of the call has begun since."""
    return (await describe_execution(client, run.id)).run_id == run.run_id


async def _none_of(
    client: Client,
    name: str,
    query: str,
    fix: str,
    counts: Callable[[Client, Execution], Awaitable[bool]] = _always,
) -> CheckResult:
    """Check that no workflow matches a query."""
    try:
        matching = [found async for found in list_executions(client, query, limit=MAX_LISTED)]
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return CheckResult(name, True, "this Temporal server does not know of any such thing")
    found = [run.id for run in matching if await counts(client, run)]
    if not found:
        return CheckResult(name, True, "none")
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return CheckResult(name, False, f"{', '.join(found[:MAX_NAMED])}{more}", fix)
