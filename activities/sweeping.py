"""Sweeping: deliver what lies in dead-letter containers."""

from contextlib import closing

from temporalio import activity
from temporalio.client import Client

from activities.translate import translated
from callvault.config import Settings
from callvault.contracts.sweeps import SweepOrder, SweepReport, SweepReports
from callvault.errors import CallvaultError
from callvault.ingest.dead_letters import DeadLetters
from callvault.ingest.delivery import Delivery
from callvault.ingest.intake import Intake
from callvault.ingest.sweep import Sweep
from callvault.recordings import Recordings


class SweepActivities:
    """Built once by a worker. Async, for it waits for Temporal; storage is asked in threads."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    @activity.defn
    async def sweep_dead_letters(self, order: SweepOrder) -> SweepReports:
        """Sweep the containers; what an earlier attempt delivered is done.

        One that cannot be swept does not keep it from the others; its error comes last.
        """
        delivery = Delivery(self._settings, Recordings(self._client))
        intake = Intake(delivery, "sweep", activity.metric_meter())
        reports, problems = [], []
        for name in order.dead_letters or sorted(self._settings.dead_letters):
            try:
                reports.append(await self._sweep(name, intake))
            except CallvaultError as error:
                problems.append(error)
        with translated():
            for problem in problems:
                raise problem
        return SweepReports(reports=tuple(reports))

    async def _sweep(self, name: str, intake: Intake) -> SweepReport:
        container = DeadLetters.open(name, self._settings.dead_letter_container(name))
        with closing(container):
            return await Sweep(container, intake, activity.heartbeat).run()
