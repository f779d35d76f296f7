"""Telemetry of one process: logs always; traces and metrics only where asked for."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from temporalio.client import Plugin
from temporalio.runtime import Runtime

from callvault.config.settings import Settings
from callvault.telemetry import environment, metrics
from callvault.telemetry.correlation import correlation_plugin
from callvault.telemetry.logs import logging_as

Role = Literal["worker", "gateway", "ingest", "cli"]


@dataclass(frozen=True)
class Telemetry:
    """What the process's connection to Temporal needs; see `callvault.temporal.client.connect`."""

    plugins: tuple[Plugin, ...]
    runtime: Runtime
    exports_metrics: bool
    """Whether anybody reads metrics: if not, none need to be gathered."""


@contextmanager
def setup(settings: Settings, role: Role) -> Iterator[Telemetry]:
    """Set telemetry up for this block; leaving it sends what is left. Once per process.

    OpenTelemetry's standard ``OTEL_*`` variables turn traces and OTLP metrics on,
    ``worker.metrics_address`` opens a port for Prometheus in a worker. Raises `ConfigurationError`
    where they ask for something that does not exist.
    """
    service = f"callvault-{role}"
    door = metrics.door(settings.worker.metrics_address if role == "worker" else None)
    exporters = environment.trace_exporters()
    with ExitStack() as stack:
        stack.enter_context(logging_as(settings.log))
        plugins: list[Plugin] = [correlation_plugin()]
        if exporters:
            plugins.insert(0, stack.enter_context(_traced(service, exporters)))
        runtime = metrics.make_runtime(service, door)
        yield Telemetry(tuple(plugins), runtime, exports_metrics=door is not None)


def _traced(service: str, exporters: Sequence[str]) -> AbstractContextManager[Plugin]:
    # Loaded only when asked for: it takes longer than many a command.
    from callvault.telemetry import tracing

    return tracing.traced(service, tracing.processors(exporters))
