"""Sweep: deliver the events that lie in dead-letter containers, or in the quarantine."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from temporalio import activity
from temporalio.client import Client

from activities.clock import server_clock
from activities.translate import to_application_error
from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.config.storage import QuarantineDirectorySettings
from callvault.contracts.base import shorten
from callvault.contracts.sweeps import SweepInput, SweepReport, SweepReports
from callvault.errors import CallvaultError, ConfigurationError
from callvault.ingest.dead_letters import DeadLetterContainer, location_of
from callvault.ingest.intake import Intake
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.routes import Routes
from callvault.ingest.sweep import Sweep
from callvault.ingest.undelivered import UndeliveredStore
from callvault.temporal.call_client import CallClient

RETRY_TIMEOUT = timedelta(minutes=30)
"""Time for which a container that cannot be swept is tried, before the sweep ends without it."""


_Open = Callable[[], UndeliveredStore]


@dataclass(frozen=True)
class _Sweep:
    """The end of sweeping one container."""

    report: SweepReport
    error: CallvaultError | None = None
    """The error that ended it too early."""


class SweepActivities:
    """Built once by a worker. Async, to wait for Temporal; storage is asked in threads."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    @activity.defn
    async def sweep_dead_letters(self, input: SweepInput) -> SweepReports:
        """Sweep the containers; an event that an earlier attempt delivered is not delivered again.

        A container that cannot be swept does not keep the sweep from the others. Where its error
        may pass, the sweep is tried again until `RETRY_TIMEOUT` is over; then its report says why.
        """
        now = server_clock()
        routes = Routes(self._settings, own_containers(self._settings))
        intake = Intake(routes, CallClient(self._client), "sweep", activity.metric_meter())
        stores = self._quarantine() if input.quarantine else self._containers(input)
        ends = [await _sweep(location, store, intake) for location, store in stores.items()]
        if now() - activity.info().scheduled_time < RETRY_TIMEOUT:
            _raise_transient([end.error for end in ends if end.error is not None])
        return SweepReports(reports=tuple(end.report for end in ends))

    def _containers(self, input: SweepInput) -> dict[str, _Open]:
        wanted = input.dead_letters or sorted(self._settings.dead_letters)
        return {location_of(name): partial(self._open_container, name) for name in wanted}

    def _open_container(self, name: str) -> DeadLetterContainer:
        return DeadLetterContainer.open(name, self._settings.dead_letter_container(name))

    def _quarantine(self) -> dict[str, _Open]:
        return {Quarantine.location: partial(shared_quarantine, self._settings)}


def shared_quarantine(settings: Settings) -> Quarantine:
    """Open the quarantine; `ConfigurationError` where it is a directory of some gateway's."""
    if isinstance(settings.gateway.quarantine, QuarantineDirectorySettings):
        raise ConfigurationError(
            "the quarantine is a directory of the gateway's machine, which no Schedule can sweep:"
            " sweep it there (`callvault sweep --quarantine`), or let gateway.quarantine be a"
            " container"
        )
    return Quarantine.open(settings.gateway.quarantine)


async def _sweep(location: str, open_store: _Open, intake: Intake) -> _Sweep:
    try:
        store = open_store()
    except CallvaultError as error:
        return _Sweep(SweepReport(location=location, problem=shorten(str(error), 500)), error)
    with closing(store):
        sweep = Sweep(store, intake, activity.heartbeat)
        try:
            return _Sweep(await sweep.run())
        except CallvaultError as error:
            return _Sweep(sweep.interrupted_by(error), error)


def _raise_transient(errors: list[CallvaultError]) -> None:
    """Raise the first error that another attempt may mend."""
    for error in errors:
        translation = to_application_error(error, retry_permanent=False)
        if not translation.non_retryable:
            raise translation from error
