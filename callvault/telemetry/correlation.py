"""Puts the ids of the work into log lines and spans, so that a recording can be followed."""

from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger
from temporalio import activity
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

_EXTRAS = {"temporal_workflow": "run_id", "temporal_activity": "workflow_run_id"}
"""What Temporal's loggers add to a record, and under which name each keeps the run's id."""

_IDS_OF_ORDERS = ("recording_id", "resource")


def correlation_plugin() -> SimplePlugin:
    """For a client: every activity its workers run names itself in its log lines and its span."""
    return SimplePlugin("callvault.correlation", interceptors=[_Correlation()])


class _Correlation(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        order = input.args[0] if input.args else None
        found = {name: getattr(order, name, None) for name in _IDS_OF_ORDERS}
        ids = {name: value for name, value in found.items() if value}
        info = activity.info()
        # Never unbound: an attempt has a context of its own, in which Temporal also logs how the
        # attempt ended.
        structlog.contextvars.bind_contextvars(
            workflow_id=info.workflow_id,
            run_id=info.workflow_run_id,
            activity=info.activity_type,
            attempt=info.attempt,
            **ids,
        )
        span = trace.get_current_span()
        span.set_attributes({f"callvault.{name}": value for name, value in ids.items()})
        return await self.next.execute_activity(input)


def add_temporal_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: flatten what Temporal's own loggers add to a record."""
    record = event.get("_record")
    for extra, run_id in _EXTRAS.items():
        details = getattr(record, extra, None)
        if isinstance(details, Mapping):
            event.setdefault("workflow_id", details.get("workflow_id"))
            event.setdefault("run_id", details.get(run_id))
    return event


def add_trace_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: name the span within which a line was written."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event
