"""The work of `callvault sweep`, apart from its options: it is slow to load."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client

from activities.sweep import shared_quarantine
from callvault.cli.terminal import say, say_json
from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.contracts.sweeps import SweepInput, SweepReport, SweepReports
from callvault.errors import CallvaultError, ConfigurationError
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.ingest.intake import Intake
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.routes import Routes
from callvault.ingest.sweep import Sweep
from callvault.ingest.undelivered import UndeliveredStore
from callvault.temporal import schedules
from callvault.temporal.call_client import CallClient


def stores(
    settings: Settings, wanted: Sequence[str], *, quarantine: bool
) -> list[UndeliveredStore]:
    """Return the quarantine, or the containers wanted; `ConfigurationError` without any."""
    if quarantine:
        return [Quarantine.open(settings.gateway.quarantine)]
    # Raises for an unknown name before any container is opened.
    _check(settings, wanted)
    return [
        DeadLetterContainer.open(name, settings.dead_letter_container(name))
        for name in wanted or sorted(settings.dead_letters)
    ]


def input(settings: Settings, wanted: Sequence[str], *, quarantine: bool) -> SweepInput:
    """Build the input of a Schedule's sweep; `ConfigurationError` for what it cannot reach."""
    if quarantine:
        shared_quarantine(settings).close()
    else:
        _check(settings, wanted)
    return SweepInput(dead_letters=tuple(wanted), quarantine=quarantine)


def _check(settings: Settings, wanted: Sequence[str]) -> None:
    """Raise `ConfigurationError` where a container is not configured."""
    if not settings.dead_letters:
        raise ConfigurationError(
            "there are no dead letters in the configuration: add [dead_letters.NAME]"
        )
    for name in wanted:
        settings.dead_letter_container(name)


async def sweep_all(
    settings: Settings, client: Client, stores: Sequence[UndeliveredStore]
) -> list[SweepReport]:
    """Sweep one place after the other; an error in one does not keep the others from it."""
    routes = Routes(settings, own_containers(settings))
    intake = Intake(routes, CallClient(client), "sweep")
    reports = []
    for store in stores:
        sweep = Sweep(store, intake)
        try:
            reports.append(await sweep.run())
        except CallvaultError as error:
            # The report keeps what was delivered before the error.
            reports.append(sweep.interrupted_by(error))
        store.close()
    return reports


async def schedule(client: Client, input: SweepInput, interval: timedelta) -> str:
    """Set or change the Temporal Schedule; return a sentence about the outcome."""
    what = ", ".join(input.dead_letters) or "all dead letters"
    if input.quarantine:
        what = "the quarantine"
    return await schedules.schedule(
        client, _schedule_id(input.quarantine), names.SWEEP_TYPE, input, interval, what
    )


async def remove_schedule(client: Client, *, quarantine: bool) -> str:
    """Remove the Temporal Schedule; return a sentence about the outcome."""
    return await schedules.unschedule(client, _schedule_id(quarantine))


def _schedule_id(quarantine: bool) -> str:
    return names.QUARANTINE_SCHEDULE if quarantine else names.SWEEP_SCHEDULE


def show(reports: Sequence[SweepReport], *, as_json: bool) -> None:
    """Print the reports."""
    if as_json:
        say_json(SweepReports(reports=tuple(reports)).model_dump_json(indent=2))
        return
    for report in reports:
        for line in describe(report):
            say(line)


def describe(report: SweepReport) -> list[str]:
    """Describe a report in a few lines."""
    first = (
        f"{report.location}: {report.dead_letters} letters, {report.delivered} events delivered,"
        f" {report.ignored} of no interest, {report.not_understood} not understood"
        + (f", {report.failed} letters not read or not marked" if report.failed else "")
    )
    ended = [f"  not swept to its end: {report.problem}"] if report.problem else []
    return [first, *(f"  {problem}" for problem in report.problems), *ended]


def leaves_nothing(report: SweepReport) -> bool:
    """Return True if nothing in the place needs an operator's attention."""
    return not (report.not_understood or report.failed or report.problem)
