"""By which door metrics leave: a port for Prometheus, or OTLP. One door serves all of a process."""

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

Door = PrometheusConfig | OpenTelemetryConfig

_LOGGING = LoggingConfig(
    TelemetryFilter(core_level="WARN", other_level="ERROR"),
    forwarding=LogForwardingConfig(logging.getLogger("temporalio")),
)


def door(prometheus_address: str | None) -> Door | None:
    """Prometheus where an address (host:port) is given, else OTLP where the environment asks."""
    if prometheus_address:
        return PrometheusConfig(bind_address=prometheus_address, durations_as_seconds=True)
    if environment.exports_metrics():
        return OpenTelemetryConfig(
            url=environment.metrics_endpoint(),
            headers=environment.metrics_headers(),
            metric_periodicity=environment.metrics_interval(),
            durations_as_seconds=True,
            http=True,
        )
    return None


def make_runtime(service: str, metrics: Door | None) -> Runtime:
    """Temporal's runtime: its metrics leave through the door, its log lines through ours."""
    telemetry = TelemetryConfig(
        logging=_LOGGING,
        metrics=metrics,
        attach_service_name=False,
        global_tags={"service_name": service},
    )
    try:
        return Runtime(telemetry=telemetry)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"metrics cannot be exported ({error}): correct worker.metrics_address or the "
            "OTEL_EXPORTER_OTLP_* variables"
        ) from error
