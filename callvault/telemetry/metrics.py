"""Callvault's own metrics, by name, unit and description; ``docs/observability.md`` lists them.

All of them, and Temporal's, are made with Temporal's meter: one exporter serves a process. Names
are those of OpenTelemetry: ``_total`` of counters and ``_seconds`` of durations are appended on the
way to Prometheus; the unit of a gauge or of a counter is a part of its name.
"""

from importlib.metadata import version

from temporalio.common import (
    MetricCounter,
    MetricGauge,
    MetricGaugeFloat,
    MetricHistogramTimedelta,
    MetricMeter,
)

REQUEST_DURATION = "callvault_gateway_request_duration"
"""Name of the histogram of the gateway's requests."""

REQUEST_DURATION_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds: a pause is to be confirmed within 5, Event Grid waits for 30."""


def build_info(meter: MetricMeter) -> None:
    """Set the gauge that is always 1; attribute ``version``."""
    gauge = meter.create_gauge("callvault_build_info", "Version of Callvault in this process")
    gauge.set(1, {"version": version("callvault")})


# Of open calls and events, read from Temporal's visibility store.


def recordings(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of open recording workflows; attribute ``state``."""
    return meter.create_gauge("callvault_recordings", "Open calls, by state")


def recordings_at_risk(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of open workflows that are marked as at risk; attribute ``resource``."""
    return meter.create_gauge(
        "callvault_recordings_at_risk", "Open calls of which a recording may be lost"
    )


def nearest_deadline(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of the seconds until a file may be deleted; attribute ``resource``.

    0 once a file may be deleted, infinite where none waits.
    """
    return meter.create_gauge_float(
        "callvault_nearest_deadline_seconds",
        "Seconds until the service may delete a file that is not archived yet",
        "s",
    )


def oldest_unarchived(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of the age of the oldest file to archive, 0 if none; attribute ``resource``.

    As long as the resource's export window or longer once that file may be deleted.
    """
    return meter.create_gauge_float(
        "callvault_oldest_unarchived_seconds",
        "Age of the oldest file that is not archived yet",
        "s",
    )


def late_events(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of events that a webhook did not take at once, and that are tried still."""
    return meter.create_gauge(
        "callvault_late_events", "Events about recordings that no webhook has taken yet"
    )


# Of the work that is done.


def finished_recordings(meter: MetricMeter) -> MetricCounter:
    """Make the counter of recordings that reached their end; ``outcome``, ``resource``."""
    return meter.create_counter(
        "callvault_finished_recordings", "Recordings that reached their end, by outcome"
    )


def failed_attempts(meter: MetricMeter) -> MetricCounter:
    """Make the counter of failed attempts of activities; attributes ``owner`` and ``error``."""
    return meter.create_counter(
        "callvault_failed_attempts", "Failed attempts of activities, by whose fault it was"
    )


def exported_bytes(meter: MetricMeter) -> MetricCounter:
    """Make the counter of bytes of media archived and verified; attribute ``archive``."""
    return meter.create_counter(
        "callvault_exported_bytes", "Bytes of media archived and verified", "By"
    )


def index_failures(meter: MetricMeter) -> MetricCounter:
    """Make the counter of attempts that left people out of the index; attribute ``archive``."""
    return meter.create_counter(
        "callvault_index_failures", "Attempts that left people out of an archive's index"
    )


def alarms(meter: MetricMeter) -> MetricCounter:
    """Make the counter of alarms; attributes ``kind``, ``severity`` and ``resource``."""
    return meter.create_counter("callvault_alarms", "Alarms raised")


def undelivered_events(meter: MetricMeter) -> MetricCounter:
    """Make the counter of events that no webhook took in time; attribute ``resource``."""
    return meter.create_counter(
        "callvault_undelivered_events", "Events about recordings that no webhook took in time"
    )


# Of the last reconciliation.


def reconciled(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of the last reconciliation's recordings; attribute ``verdict``."""
    return meter.create_gauge(
        "callvault_reconciled_recordings", "Recordings of the last reconciliation, by verdict"
    )


def reconciled_ratio(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of complete recordings among those that count, from 0 to 1."""
    return meter.create_gauge_float(
        "callvault_reconciled_ratio",
        "Complete recordings among those that count, by the last reconciliation",
        "1",
    )


def reconciled_at(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of the time of the last reconciliation that read every source, since 1970."""
    return meter.create_gauge_float(
        "callvault_reconciled_timestamp_seconds",
        "Unix time of the last reconciliation that read every source",
        "s",
    )


# Of what comes in.


def events(meter: MetricMeter) -> MetricCounter:
    """Make the counter of events that came in; attributes ``channel`` and ``disposition``."""
    return meter.create_counter("callvault_events", "Events taken in, by channel and disposition")


def refused_deliveries(meter: MetricMeter) -> MetricCounter:
    """Make the counter of deliveries whose sender was not believed; attribute ``channel``."""
    return meter.create_counter(
        "callvault_refused_deliveries", "Events and callbacks refused: wrong secret or token"
    )


def quarantined(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of the deliveries that wait in the quarantine for a person."""
    return meter.create_gauge(
        "callvault_quarantined_deliveries", "Deliveries in the quarantine, not delivered since"
    )


def request_durations(meter: MetricMeter) -> MetricHistogramTimedelta:
    """Make the histogram of HTTP requests; attributes ``method``, ``route`` and ``status``.

    Temporal's meter keeps durations in whole milliseconds.
    """
    return meter.create_histogram_timedelta(
        REQUEST_DURATION, "Duration of HTTP requests to the gateway", "s"
    )


# Of a process and its surroundings.


def problems(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of what is amiss: 1 while it is, 0 afterwards; attribute ``what``."""
    return meter.create_gauge("callvault_problem", "Secrets, clocks and settings that are amiss")


def worker_ready(meter: MetricMeter) -> MetricGauge:
    """Make the gauge of a worker's readiness: 1 while its archives can be reached, else 0."""
    return meter.create_gauge(
        "callvault_worker_ready", "1 while the worker polls and reaches its archives"
    )


def clock_differences(meter: MetricMeter) -> MetricGaugeFloat:
    """Make the gauge of seconds between this clock and another one; attribute ``clock``."""
    return meter.create_gauge_float(
        "callvault_clock_difference_seconds",
        "Seconds between our clock and another",
        "s",
    )
