"""A workflow and an activity that write log lines."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError


@dataclass
class Order:
    recording_id: str
    fails: bool = False


@activity.defn
def speak(input: Order) -> None:
    activity.logger.info("the activity speaks")
    logging.getLogger("azure.storage").warning("a library speaks")
    if input.fails:
        raise ApplicationError("no voice", non_retryable=True)


@workflow.defn
class Talking:
    @workflow.run
    async def run(self, input: Order) -> None:
        workflow.logger.info("the workflow speaks")
        once = RetryPolicy(maximum_attempts=1)
        timeout = timedelta(seconds=10)
        await workflow.execute_activity(
            speak, input, start_to_close_timeout=timeout, retry_policy=once
        )
        try:
            await workflow.execute_activity(
                speak, Order(input.recording_id, True), start_to_close_timeout=timeout
            )
        except ActivityError:
            workflow.logger.info("the workflow has heard")
