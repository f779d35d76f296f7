"""Waiting for something to change, with or without a durable timer."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow


async def changed(
    read: Callable[[], object],
    *,
    timeout: timedelta | None = None,  # noqa: ASYNC109 (a durable timer of the workflow's)
    timeout_summary: str | None = None,
) -> bool:
    """Wait until ``read`` gives another value than now; False if ``timeout`` passes before."""
    before = read()
    try:
        await workflow.wait_condition(
            lambda: read() != before, timeout=timeout, timeout_summary=timeout_summary
        )
    except TimeoutError:
        return False
    return True
