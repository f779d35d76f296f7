"""Log lines on standard error: JSON for machines, colours for people, ids in every line.

One pipeline for structlog's loggers and for those of libraries (temporalio, uvicorn, azure).
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow

from callvault.config.settings import LogSettings
from callvault.telemetry.correlation import add_temporal_ids, add_trace_ids
from callvault.telemetry.redaction import redact_all

_TALKATIVE = ("azure", "httpcore", "httpx", "urllib3", "uvicorn.access")
"""Libraries that tell of every request, URLs and headers included: only their warnings are kept."""

_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_temporal_ids,
    add_trace_ids,
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
)


@contextmanager
def logging_as(settings: LogSettings) -> Iterator[None]:
    """Log as the settings say, within this block."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    structlog_before = structlog.get_config()
    root.handlers = [_handler(settings)]
    root.setLevel(settings.level.upper())
    _configure_structlog()
    _quieten_libraries()
    try:
        yield
    finally:
        root.handlers = before
        root.setLevel(level)
        structlog.configure(**structlog_before)


def _handler(settings: LogSettings) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_COMMON,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _without_secrets,
                _renderer(settings),
            ],
        )
    )
    return handler


def _renderer(settings: LogSettings) -> Processor:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


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
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The ids are fields of their own; as a part of the message they would be there twice.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    # Writing a log line reads the clock and may load modules; both are no concern of a workflow's.
    workflow.logger.unsafe_disable_sandbox()


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact_all(event)
    return redacted
