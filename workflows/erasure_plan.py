"""ErasurePlanWorkflow: makes the plan of an erasure, for the gateway, and erases nothing."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.erasure import ErasureActivities
from callvault.contracts import names
from callvault.contracts.base import Unreadable, read_one
from callvault.contracts.erasures import ErasureInput, PlannedErasure
from workflows import activity_options


@workflow.defn(name=names.ERASURE_PLAN_TYPE)
class ErasurePlanWorkflow:
    """One plan, which is the result."""

    @workflow.run
    async def run(self, *payloads: Any) -> PlannedErasure:
        """Plan once. The payload is an `ErasureInput` that is a dry run."""
        order = read_one(ErasureInput, payloads)
        if isinstance(order, Unreadable):
            raise ApplicationError(order.problem, type="InvalidRequest", non_retryable=True)
        planned: PlannedErasure = await workflow.execute_activity_method(
            ErasureActivities.plan_erasure, order, **activity_options.erase("what would be erased?")
        )
        return planned
