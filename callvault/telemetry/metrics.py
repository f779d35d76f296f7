"""Callvault's own metrics, and the exporter of all: a port for Prometheus, or OTLP.

All of them, and Temporal's, are made with Temporal's meter: one exporter serves a process.
"""

import logging

from temporalio.common import MetricCounter, MetricGauge, MetricGaugeFloat, MetricMeter
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

Exporter = PrometheusConfig | OpenTelemetryConfig

_LOGGING = LoggingConfig(
    TelemetryFilter(core_level="WARN", other_level="ERROR"),
    forwarding=LogForwardingConfig(logging.getLogger("temporalio")),
)


def exporter(prometheus_address: str | None) -> Exporter | None:
    """Choose Prometheus if an address (host:port) is given, else OTLP if the environment asks."""
    if prometheus_address:
        # In seconds, as Prometheus has it: the SDK's default is milliseconds.
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


def make_runtime(service: str, metrics: Exporter | None) -> Runtime:
    """Make Temporal's runtime: its metrics go to the exporter, its log lines to our log."""
    telemetry = TelemetryConfig(
        logging=_LOGGING,
        metrics=metrics,
        # The SDK's own name is the same for gateway and worker.
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


def recordings(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of open recording workflows; attribute ``state``."""
    return meter.create_gauge("callvault_recordings", "Open calls, by state")


def nearest_deadline(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of the seconds until a file may be deleted; attribute ``resource``.

    0 once a file may be deleted, infinite where none waits.
    """
    return meter.create_gauge_float(
        "callvault_nearest_deadline_seconds",
        "Seconds until the service may delete a file that is not archived yet",
        "s",
    )


def bytes_exported(meter: MetricMeter) -> MetricCounter:
    """Make the counter of bytes of media archived and verified; attribute ``archive``."""
    return meter.create_counter(
        "callvault_bytes_exported", "Bytes of media archived and verified", "By"
    )


def reconciled(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of the last reconciliation's recordings; attribute ``verdict``."""
    return meter.create_gauge(
        "callvault_reconciled_recordings", "Recordings of the last reconciliation, by verdict"
    )


def reconciled_percentage(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of complete recordings among those that count, in per cent."""
    return meter.create_gauge_float(
        "callvault_reconciled_percent", "Complete recordings, by the last reconciliation", "%"
    )


def alarms(meter: MetricMeter) -> MetricCounter:
    """Make the counter of alarms; attributes ``kind``, ``severity`` and ``resource``."""
    return meter.create_counter("callvault_alarms", "Alarms raised")


def events(meter: MetricMeter) -> MetricCounter:
    """Make the counter of events that came in; attributes ``channel`` and ``disposition``."""
    return meter.create_counter("callvault_events", "Events taken in, by channel and disposition")


def problems(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of what is amiss: 1 while it is, 0 afterwards; attribute ``what``."""
    return meter.create_gauge("callvault_problem", "Secrets, clocks and settings that are amiss")


def clock_differences(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of seconds between this clock and another one; attribute ``clock``."""
    return meter.create_gauge_float(
        "callvault_clock_difference_seconds",
        "Seconds between our clock and another",
        "s",
    )


def refused_deliveries(meter: MetricMeter) -> MetricCounter:
    """Make the counter of deliveries whose sender was not believed; attribute ``channel``."""
    return meter.create_counter(
        "callvault_refused_deliveries", "Events and callbacks refused: wrong secret or token"
    )
