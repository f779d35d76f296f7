"""Callvault's own metrics. They are made with Temporal's meter and leave by the same door."""

from temporalio.common import MetricCounter, MetricGauge, MetricGaugeFloat, MetricMeter


def recordings(meter: MetricMeter) -> MetricGauge:
    """Open recording workflows; attribute ``state``."""
    return meter.create_gauge("callvault_recordings", "Calls being kept, by state")


def nearest_deadline(meter: MetricMeter) -> MetricGaugeFloat:
    """Seconds until a file may be deleted; 0 once it may, infinite where none waits.

    Attribute ``resource``.
    """
    return meter.create_gauge_float(
        "callvault_nearest_deadline_seconds",
        "Seconds until the service may delete a file that is not archived yet",
        "s",
    )


def bytes_exported(meter: MetricMeter) -> MetricCounter:
    """Bytes of media that are archived and verified; attribute ``archive``."""
    return meter.create_counter(
        "callvault_bytes_exported", "Bytes of media archived and verified", "By"
    )


def reconciled(meter: MetricMeter) -> MetricGauge:
    """Recordings of the last reconciliation; attribute ``verdict``."""
    return meter.create_gauge(
        "callvault_reconciled_recordings", "Recordings of the last reconciliation, by verdict"
    )


def reconciled_percentage(meter: MetricMeter) -> MetricGaugeFloat:
    """Complete recordings of those that count, by the last reconciliation, in per cent."""
    return meter.create_gauge_float(
        "callvault_reconciled_percent", "Complete recordings, by the last reconciliation", "%"
    )


def alarms(meter: MetricMeter) -> MetricCounter:
    """Alarms raised; attributes ``kind``, ``severity`` and ``resource``."""
    return meter.create_counter("callvault_alarms", "Alarms raised")


def events(meter: MetricMeter) -> MetricCounter:
    """Events that came in; attributes ``road`` and ``fate``."""
    return meter.create_counter("callvault_events", "Events taken in, by road and fate")
