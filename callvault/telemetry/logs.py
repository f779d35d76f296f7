"""Log lines on standard error: JSON for machines, colours for people, ids in every line.

One pipeline for structlog's loggers and for those of libraries (temporalio, uvicorn, azure). The
ids make it possible to follow a recording: those of the work, and those of its trace.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import structlog
from opentelemetry import trace
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from callvault.contracts.printable import printable, printable_json, printable_lines
from callvault.errors import CallvaultError
from callvault.telemetry.redaction import redact_all

_NOISY = ("azure", "httpcore", "httpx", "urllib3", "uvicorn.access")
"""Libraries that tell of every request, URLs and headers included: only their warnings are kept."""

_EXTRAS = {"temporal_workflow": "run_id", "temporal_activity": "workflow_run_id"}
"""Extras that Temporal's loggers add to a record, and the key of the run's id in each."""

OWN_FIELDS = "callvault_fields"
"""Extra of a line by Temporal's loggers that holds fields of ours."""

_OF_SEVERAL_LINES = ("exception", "stack")
"""Fields that only tracebacks fill."""

_IDS_OF_INPUTS = ("recording_id", "resource")
"""Fields of an activity's input that are ids of the work."""


class LogOptions(Protocol):
    """The least severity that is logged, and the form of the lines."""

    @property
    def level(self) -> str: ...

    @property
    def format(self) -> Literal["json", "console"]: ...


@contextmanager
def logging_as(options: LogOptions) -> Iterator[None]:
    """Log in this way within the block."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    structlog_before = structlog.get_config()
    root.handlers = [_handler(options)]
    root.setLevel(options.level.upper())
    _configure_structlog()
    _quieten_libraries()
    try:
        yield
    finally:
        root.handlers = before
        root.setLevel(level)
        structlog.configure(**structlog_before)


def correlation_plugin() -> SimplePlugin:
    """Make a plugin of a client, whose activities name themselves in log lines and spans."""
    return SimplePlugin("callvault.correlation", interceptors=[_Correlation()])


class _Correlation(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        argument = input.args[0] if input.args else None
        found = {name: getattr(argument, name, None) for name in _IDS_OF_INPUTS}
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


def _add_temporal_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Flatten the ids that Temporal's own loggers add to a record, and fields that we add."""
    record = event.get("_record")
    event.update(getattr(record, OWN_FIELDS, {}))
    for extra, run_id in _EXTRAS.items():
        details = getattr(record, extra, None)
        if isinstance(details, Mapping):
            event.setdefault("workflow_id", details.get("workflow_id"))
            event.setdefault("run_id", details.get(run_id))
    return event


def _add_trace_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name the span within which a line was written."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _tell_expected_failure(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Tell an attempt that failed with an error of ours by its sentence, which says what to do.

    Its traceback of several thousand bytes would come with each attempt. Errors that nobody has
    foreseen keep theirs.
    """
    failed = event.get("exc_info")
    error = failed[1] if isinstance(failed, tuple) else failed
    if isinstance(error, ApplicationError) and isinstance(error.__cause__, CallvaultError):
        del event["exc_info"]
        event.update(error=error.type, problem=error.message)
    return event


_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_temporal_ids,
    _add_trace_ids,
    _tell_expected_failure,
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
)


def _handler(options: LogOptions) -> logging.Handler:
    # Standard output belongs to the line by which a process announces itself.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_COMMON,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                # Last before the text is written: every processor before it may add to the event.
                _without_secrets,
                *_renderers(options),
            ],
        )
    )
    return handler


def _renderers(options: LogOptions) -> tuple[Processor, ...]:
    """Return the last processors, which make of an event one line that is safe to look at."""
    if options.format == "json":
        return structlog.processors.JSONRenderer(default=str, ensure_ascii=False), _json_printable
    # structlog's default traceback shows local variables, and secrets among them.
    lines = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return _printable, lines


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_COMMON,
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _quieten_libraries() -> None:
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The ids are fields of their own; as a part of the message they would be there twice.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    # Writing a log line reads the clock and may load modules; both are no concern of a workflow's.
    workflow.logger.unsafe_disable_sandbox()


def _json_printable(_: WrappedLogger, __: str, line: Any) -> str:
    # JSON escapes the control characters of ASCII only, and a terminal obeys others, too.
    return printable_json(line)


def _printable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: _printable_value(key, value) for key, value in event.items()}


def _printable_value(key: str, value: Any) -> Any:
    if key in _OF_SEVERAL_LINES:
        return printable_lines(str(value))
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(value if isinstance(value, str) else repr(value))


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact_all(event)
    return redacted
