"""SweepWorkflow: one sweep of dead-letter containers, begun by a Temporal Schedule."""

from temporalio import workflow

from activities.sweeping import SweepActivities
from callvault.contracts import names
from callvault.contracts.sweeps import SweepOrder, SweepReports
from workflows.policies import sweep


@workflow.defn(name=names.SWEEP_TYPE)
class SweepWorkflow:
    """Its result says what was found."""

    @workflow.run
    async def run(self, order: SweepOrder) -> SweepReports:
        """Sweep once; it fails where that cannot be done in time, and the next one tries."""
        return await workflow.execute_activity_method(
            SweepActivities.sweep_dead_letters, order, **sweep()
        )
