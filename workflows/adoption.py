"""AdoptionWorkflow: has a recording kept that ACS told of, and that no workflow knows."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput, AdoptionResult
from callvault.contracts.base import Unreadable, read_one
from workflows import activity_options


@workflow.defn(name=names.ADOPTION_TYPE)
class AdoptionWorkflow:
    """Asks ACS whose recording it is, until it answers, and begins or tells the call's workflow."""

    @workflow.run
    async def run(self, *payloads: Any) -> AdoptionResult:
        """Adopt; the payload is an `AdoptionInput`."""
        input = read_one(AdoptionInput, payloads)
        if isinstance(input, Unreadable):
            raise ApplicationError(input.problem, type="InvalidRequest", non_retryable=True)
        result: AdoptionResult = await workflow.execute_activity(
            names.ADOPTION_ACTIVITY,
            input,
            result_type=AdoptionResult,
            **activity_options.control("adopt a recording that no workflow knows"),
        )
        return result
