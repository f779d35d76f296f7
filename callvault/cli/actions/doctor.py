"""`callvault doctor`: runs the checks and prints their results.

A check looks at one thing and returns a `CheckResult`, with its fix where it fails; a new one goes
into `CHECKS`. Nothing that Temporal or an archive keeps is changed: what is written to try a place
out is removed again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from temporalio.service import RPCError

from callvault.cli.actions import interruptible
from callvault.cli.actions.check_result import CheckResult, Subject
from callvault.cli.actions.doctor_archives import check_archives
from callvault.cli.actions.doctor_encryption import check_encryption
from callvault.cli.actions.doctor_events import check_events
from callvault.cli.actions.doctor_gateway import check_gateway
from callvault.cli.actions.doctor_services import check_services
from callvault.cli.actions.doctor_settings import check_settings
from callvault.cli.actions.doctor_temporal import check_temporal
from callvault.cli.actions.doctor_webhooks import check_webhooks
from callvault.cli.terminal import console as make_console
from callvault.cli.terminal import line, say_json
from callvault.config.settings import Settings, load_settings
from callvault.errors import CallvaultError, ConfigurationError
from callvault.telemetry.setup import setup
from callvault.temporal.client import connect

Check = Callable[[Subject], Awaitable[list[CheckResult]]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("Temporal", check_temporal),
    ("settings", check_settings),
    ("encryption", check_encryption),
    ("services", check_services),
    ("archives", check_archives),
    ("webhooks", check_webhooks),
    ("gateway", check_gateway),
    ("events", check_events),
)
"""In the order of their results."""


def examine(config: Path | None, *, gateway: str | None = None) -> list[CheckResult]:
    """Run every check; one that cannot be run has failed. ``gateway`` is its URL, if given."""
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        fix = "Correct the file that CALLVAULT_CONFIG names, or the variables; then check again."
        return [CheckResult("settings", False, str(error), fix)]
    return interruptible.run(_examine(settings, gateway))


async def _examine(settings: Settings, gateway: str | None) -> list[CheckResult]:
    with setup("cli", settings.log) as telemetry:
        subject = Subject(settings, gateway=gateway)
        try:
            subject.client = await connect(
                settings, plugins=telemetry.plugins, runtime=telemetry.runtime
            )
        except CallvaultError as error:
            # The rest can be checked all the same, and may be why somebody looks.
            subject.why_no_client = str(error)
        results = await asyncio.gather(*(_run(name, check, subject) for name, check in CHECKS))
    return [result for some in results for result in some]


async def _run(name: str, check: Check, subject: Subject) -> list[CheckResult]:
    try:
        return await check(subject)
    except (RPCError, CallvaultError) as error:
        return [CheckResult(name, False, f"cannot be checked: {error}", "Try again.")]


def show(results: list[CheckResult], *, as_json: bool) -> None:
    """Print the results."""
    if as_json:
        rows = [{"name": r.name, "isOk": r.is_ok, "found": r.found, "fix": r.fix} for r in results]
        say_json(json.dumps({"isOk": all(r.is_ok for r in results), "checks": rows}, indent=2))
        return
    console = make_console()
    for result in results:
        mark = ("ok  ", "green") if result.is_ok else ("FAIL", "bold red")
        console.print(line(mark, f"  {result.name}: {result.found}"))
        if result.fix:
            console.print(line(f"      {result.fix}"))
