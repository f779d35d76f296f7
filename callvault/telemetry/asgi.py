"""Spans of the requests that a gateway answers."""

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider

_PROBES = "/healthz,/readyz"
"""What orchestrators ask every few seconds is not worth a span."""


def instrument_app(app: FastAPI) -> None:
    """Give every request a span, where this process is traced; call it within `setup`."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, ReplaySafeTracerProvider):
        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=provider,
            excluded_urls=_PROBES,
            exclude_spans=["receive", "send"],
        )
