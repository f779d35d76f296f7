"""Export of metrics: a port for Prometheus, or OTLP; either one for all metrics of a process.

Names are the same by both ways. Temporal's exporter for Prometheus appends ``_total`` to counters
and ``_seconds`` to durations; by OTLP, kind and unit are sent along, and Prometheus appends the
same when it stores them.
"""

import logging

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    OpenTelemetryConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from callvault.errors import ConfigurationError
from callvault.telemetry import environment
from callvault.telemetry.metrics import REQUEST_DURATION, REQUEST_DURATION_BUCKETS, build_info

Exporter = PrometheusConfig | OpenTelemetryConfig

_LOGGING = LoggingConfig(
    TelemetryFilter(core_level="WARN", other_level="ERROR"),
    forwarding=LogForwardingConfig(logging.getLogger("temporalio")),
)

_BUCKETS = {REQUEST_DURATION: REQUEST_DURATION_BUCKETS}


def exporter(prometheus_address: str | None) -> Exporter | None:
    """Choose Prometheus if an address (host:port) is given, else OTLP if the environment asks."""
    if prometheus_address:
        return PrometheusConfig(
            bind_address=prometheus_address,
            counters_total_suffix=True,
            unit_suffix=True,
            # The SDK's default is milliseconds.
            durations_as_seconds=True,
            histogram_bucket_overrides=_BUCKETS,
        )
    if environment.exports_metrics():
        return OpenTelemetryConfig(
            url=environment.metrics_endpoint(),
            headers=environment.metrics_headers(),
            metric_periodicity=environment.metrics_interval(),
            durations_as_seconds=True,
            http=True,
            histogram_bucket_overrides=_BUCKETS,
        )
    return None


def make_runtime(role: str, metrics: Exporter | None) -> Runtime:
    """Make Temporal's runtime: its metrics go to the exporter, its log lines to our log."""
    telemetry = TelemetryConfig(
        logging=_LOGGING,
        metrics=metrics,
        # The SDK's own name is the same for gateway and worker.
        attach_service_name=False,
        global_tags=_tags(role, metrics),
    )
    try:
        runtime = Runtime(telemetry=telemetry)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"metrics cannot be exported ({error}): correct {role}.metrics_address or the "
            "OTEL_EXPORTER_OTLP_* variables"
        ) from error
    build_info(runtime.metric_meter)
    return runtime


def _tags(role: str, metrics: Exporter | None) -> dict[str, str]:
    resource = environment.resource(role)
    if isinstance(metrics, PrometheusConfig):
        # Labels of every sample, whose names hold no dots.
        return {"service_name": resource["service.name"]}
    # Attributes of the resource: the exporter of OTLP sends them once, with no sample.
    return resource
