"""Values with which Temporal's development server lets a workflow's time pass at once.

The server marks this as experimental. Each workflow has a clock of its own, which is real until it
is told to skip.
"""

MAX_SKIPS = 9_999
"""Timers that a workflow may skip: by default 200, and then real time goes on."""

TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": True,
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": MAX_SKIPS,
    # Else every skip costs a second of real time.
    "history.timerProcessorMaxTimeShift": "10ms",
    "history.timerProcessorMaxPollRPS": 1000,
    "history.timerProcessorMaxPollHostRPS": 1000,
    # A run that begins within a second of the one before waits for the rest of it, with nothing
    # else pending: virtual time would leap by hours meanwhile, over steps that are due.
    "history.workflowIdReuseMinimalInterval": "0s",
}
