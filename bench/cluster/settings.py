"""The options of a run with hosts, and of a short form of `make chaos` on another server."""

from dataclasses import replace

from bench.chaos.options import Options, short
from bench.chaos.parts import HISTORY, HOSTS, LINES, WORKERS, Part

MAX_SCENARIOS = 2000
CONCURRENCY = 12
"""Calls at a time."""
MAX_ALARM_LATENCY = 35.0
"""Seconds: an alarm that a host has begun to deliver is delivered by another after half a minute,
which is the time-out of one attempt (`activity_options.alarm`)."""
PROCESSES = (Part.AZURITE, Part.EMULATOR, Part.GATEWAY, *WORKERS, *HISTORY, *LINES)
"""The parts that meet faults where nothing can be set back."""


def on_hosts(seed: int, scenarios: int, server: str) -> Options:
    """Make the options of a run with hosts, on this server of Temporal."""
    return Options(
        seed,
        scenarios,
        concurrency=CONCURRENCY,
        export_window=120,
        fault_interval=8,
        max_alarm_latency=MAX_ALARM_LATENCY,
        parts=(*HOSTS, *HISTORY) if server == "postgresql" else HOSTS,
        target="cluster" if server == "dev" else f"cluster SERVER={server}",
    )


def on_one_host(seed: int, scenarios: int) -> Options:
    """Make the options of the short form of `make chaos` on PostgreSQL."""
    return replace(short(seed, scenarios, parts=PROCESSES), target="chaos SERVER=postgresql")
