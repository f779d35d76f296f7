"""Sweep: deliver the events that lie in dead-letter containers."""

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client

from activities.clock import server_clock
from activities.translate import to_application_error
from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.contracts.base import shorten
from callvault.contracts.sweeps import SweepOrder, SweepReport, SweepReports
from callvault.errors import CallvaultError
from callvault.ingest.dead_letters import DeadLetterContainer, place_of
from callvault.ingest.intake import Intake
from callvault.ingest.routes import Routes
from callvault.ingest.sweep import Sweep
from callvault.temporal.call_client import Recordings

PATIENCE = timedelta(minutes=30)
"""Time for which a container that cannot be swept is tried, before the sweep ends without it."""


@dataclass(frozen=True)
class _End:
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
    async def sweep_dead_letters(self, order: SweepOrder) -> SweepReports:
        """Sweep the containers; an event that an earlier attempt delivered is not delivered again.

        A container that cannot be swept does not keep the sweep from the others. Where its error
        may pass, the sweep is tried again until `PATIENCE` is over; then its report says why.
        """
        now = server_clock()
        routes = Routes(self._settings, own_containers(self._settings))
        intake = Intake(routes, Recordings(self._client), "sweep", activity.metric_meter())
        wanted = order.dead_letters or sorted(self._settings.dead_letters)
        ends = [await self._sweep(name, intake) for name in wanted]
        if now() - activity.info().scheduled_time < PATIENCE:
            _try_again_where_it_helps([end.error for end in ends if end.error is not None])
        return SweepReports(reports=tuple(end.report for end in ends))

    async def _sweep(self, name: str, intake: Intake) -> _End:
        try:
            container = DeadLetterContainer.open(name, self._settings.dead_letter_container(name))
        except CallvaultError as error:
            problem = shorten(str(error), 500)
            return _End(SweepReport(place=place_of(name), problem=problem), error)
        with closing(container):
            sweep = Sweep(container, intake, activity.heartbeat)
            try:
                return _End(await sweep.run())
            except CallvaultError as error:
                return _End(sweep.ended_by(error), error)


def _try_again_where_it_helps(errors: list[CallvaultError]) -> None:
    """Raise the first error that another attempt may mend."""
    for error in errors:
        translation = to_application_error(error, patient=False)
        if not translation.non_retryable:
            raise translation from error
