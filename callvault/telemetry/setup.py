"""Telemetry of one process: logs always; traces and metrics only where asked for."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from temporalio.client import Plugin
from temporalio.runtime import Runtime

from callvault.errors import ConfigurationError
from callvault.telemetry import environment, metrics_export
from callvault.telemetry.logs import LogOptions, correlation_plugin, logging_as
from callvault.telemetry.redaction import redact

Role = Literal["worker", "gateway", "ingest", "cli"]


@dataclass(frozen=True)
class Telemetry:
    """The telemetry of a connection to Temporal; see `callvault.temporal.client.connect`."""

    plugins: tuple[Plugin, ...]
    runtime: Runtime
    exports_metrics: bool
    """False if no metrics are exported: then none need to be gathered."""


@contextmanager
def setup(
    role: Role, log: LogOptions, *, metrics_address: str | None = None
) -> Iterator[Telemetry]:
    """Set telemetry up for this block; leaving it sends what is left. Once per process.

    OpenTelemetry's standard ``OTEL_*`` variables turn traces and OTLP metrics on,
    ``metrics_address`` (host:port) opens a port for Prometheus instead. Raises
    `ConfigurationError` where they ask for something that does not exist.
    """
    # Both before anything is set up: wrong variables raise here.
    exporter = metrics_export.exporter(metrics_address)
    span_exporters = environment.trace_exporters()
    with ExitStack() as stack:
        stack.enter_context(logging_as(log))
        plugins: list[Plugin] = [correlation_plugin()]
        if span_exporters:
            # First, so that an activity's span is there when the ids are put into it.
            plugins.insert(0, stack.enter_context(_traced(role, span_exporters)))
        runtime = metrics_export.make_runtime(role, exporter)
        yield Telemetry(tuple(plugins), runtime, exports_metrics=exporter is not None)


def _traced(role: Role, exporters: Sequence[str]) -> AbstractContextManager[Plugin]:
    try:
        # Loaded only when asked for: it takes longer than many a command.
        from callvault.telemetry import tracing

        return tracing.traced(role, tracing.processors(exporters))
    except ValueError as error:
        # OpenTelemetry reads some variables when it is loaded, others when its parts are made.
        raise ConfigurationError(
            f"traces cannot be exported ({redact(str(error))}): correct the OTEL_* variables"
        ) from None
