"""The checks of `callvault doctor`, and their report.

A check is a function that looks at one thing and returns a `CheckResult`; a new one goes into
`CHECKS`. None changes anything.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.cli.actions.check_result import CheckResult
from callvault.cli.actions.doctor_archives import check_archives
from callvault.cli.actions.doctor_services import check_services
from callvault.cli.actions.recordings import with_client
from callvault.cli.terminal import line, say_json
from callvault.config.settings import Settings, load_settings
from callvault.contracts import names
from callvault.errors import CallvaultError
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.namespace import missing_search_attributes
from workers.abandoned import STUCK, dead_runs

MAX_NAMED = 10
"""Workflows that a result names; the rest are counted."""

MAX_LISTED = 1_000
"""Workflows that a check looks at."""

_PAUSED = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Paused'"


Check = Callable[[Client], Awaitable[CheckResult]]


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


CHECKS: tuple[tuple[str, Check], ...] = (
    ("namespace", _namespace),
    ("search attributes", _search_attributes),
    ("paused workflows", _paused),
    ("failing workflow tasks", _stuck),
    ("calls without a workflow", _dead),
)
"""In their order: what a later one needs is checked before."""


def examine(config: Path | None) -> list[CheckResult]:
    """Run every check; one that cannot be run has failed."""
    results: list[CheckResult] = []
    try:
        settings = load_settings(config)
        with_client(config, lambda client: _examine(client, settings, results))
    except CallvaultError as error:
        fix = "Start Temporal, or mend its address (TEMPORAL_ADDRESS) or the settings."
        results.append(CheckResult("Temporal", False, str(error), fix))
    return results


async def _examine(client: Client, settings: Settings, results: list[CheckResult]) -> None:
    results.append(CheckResult("Temporal", True, client.service_client.config.target_host))
    for name, check in CHECKS:
        try:
            results.append(await check(client))
        except (RPCError, CallvaultError) as error:
            results.append(CheckResult(name, False, f"cannot be checked: {error}", "Try again."))
    for name, check_all in (("services", check_services), ("archives", check_archives)):
        try:
            results += await check_all(client, settings)
        except CallvaultError as error:
            results.append(CheckResult(name, False, f"cannot be checked: {error}", "Try again."))


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


def show(results: list[CheckResult], *, as_json: bool) -> None:
    """Print the results."""
    if as_json:
        rows = [{"name": r.name, "isOk": r.is_ok, "found": r.found, "fix": r.fix} for r in results]
        say_json(json.dumps({"isOk": all(r.is_ok for r in results), "checks": rows}, indent=2))
        return
    console = Console()
    for result in results:
        mark = ("ok  ", "green") if result.is_ok else ("FAIL", "bold red")
        console.print(line(mark, f"  {result.name}: {result.found}"))
        if result.fix:
            console.print(line(f"      {result.fix}"))
