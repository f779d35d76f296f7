"""One trace from the request that starts a recording to the calls to ACS and to the archive.

Temporal's plugin carries the trace through workflows and activities and emits nothing under replay.
It and azure-core read OpenTelemetry's global tracer provider, so there is one per process.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core.settings import settings as azure_settings
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from temporalio.contrib.opentelemetry import (
    OpenTelemetryPlugin,
    ReplaySafeTracerProvider,
    create_tracer_provider,
)

from callvault.telemetry import environment
from callvault.telemetry.redaction import RedactingExporter

if TYPE_CHECKING:
    from fastapi import FastAPI

_PROBES = "/healthz,/readyz"
"""Requests that orchestrators make every few seconds, not worth a span."""


def processors(exporters: Iterable[str]) -> list[SpanProcessor]:
    """Make processors that send spans to ``otlp`` or ``console``, in batches, without secrets."""
    return [BatchSpanProcessor(RedactingExporter(_exporter(name))) for name in exporters]


@contextmanager
def traced(role: str, processors: Iterable[SpanProcessor]) -> Iterator[OpenTelemetryPlugin]:
    """Trace this process, all libraries included; on leaving, send what is left.

    Yields the plugin for the Temporal client. Can be entered once per process: OpenTelemetry takes
    a global tracer provider only once.
    """
    provider = create_tracer_provider(resource=Resource.create(environment.resource(role)))
    for processor in processors:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    azure_settings.tracing_enabled = True
    httpx = HTTPXClientInstrumentor()
    httpx.instrument(tracer_provider=provider)
    try:
        yield OpenTelemetryPlugin(add_temporal_spans=True)
    finally:
        httpx.uninstrument()
        azure_settings.tracing_enabled = False
        provider.shutdown()


def instrument_app(app: "FastAPI") -> None:
    """Give every request of a gateway a span, if this process is traced; call it within `setup`."""
    # Loaded here, because it loads FastAPI, which a worker can do without.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    provider = trace.get_tracer_provider()
    if isinstance(provider, ReplaySafeTracerProvider):
        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=provider,
            excluded_urls=_PROBES,
            # One span for a request, not one more for each part of its body and answer.
            exclude_spans=["receive", "send"],
        )


def _exporter(name: str) -> SpanExporter:
    # Standard output belongs to the line by which a process announces itself.
    return OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter(out=sys.stderr)
