"""A storm: the phases of load on one gateway, and its start with a Temporal server of its own."""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bench.process_usage import KIBIBYTE, peak, resident
from bench.storm.findings import Attack, Findings, Scale
from bench.storm.load import (
    EVENT_SECRET,
    JUNK,
    LINES,
    Answers,
    abandoned,
    at_rate,
    event,
    lines,
    one_after_the_other,
    oversize,
    told_directly,
    trickling,
)
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT
from callvault.local.temporal import TemporalServer, start_temporal

MEBIBYTE = 1024 * 1024
ROUNDS = 3
"""Measurements of a rate, of which the median counts."""

SETTINGS = """
[resources.default]
endpoint = "https://acs.example"
credential = {{ entra = true }}
callback_audience = "5f1c5ab0-95d1-4bd0-a5e5-5d3a4b4e7f10"
[archives.main]
kind = "directory"
path = "/never-written"
[gateway]
port = 0
quarantine = {{ kind = "directory", path = "{home}/quarantine" }}
max_in_flight = {max_in_flight}
event_secrets = ["env:EVENT_SECRET"]
api_keys = ["env:EVENT_SECRET"]
callbacks.configuration_url = "http://127.0.0.1:9"
"""


class Storm:
    """The load on one gateway, phase by phase."""

    def __init__(self, gateway: Process, temporal: TemporalServer, scale: Scale) -> None:
        said = gateway.wait_for(lambda: gateway.announcement("endpoint"))
        self._port = int(said["endpoint"].rpartition(":")[2])
        self._pid = gateway.pid
        self._temporal = temporal
        self._scale = scale
        self._calls = (f"storm-{number}" for number in count())
        self._sent = 0

    async def run(self) -> Findings:
        """Run all phases, one after the other."""
        before = resident(self._pid) // KIBIBYTE
        _say("steady")
        steady = await self._at_rate(self._scale.steady_rate, self._scale.steady_seconds)
        _say("as fast as answers come")
        sustained, directly = await self._sustained()
        _say("burst")
        burst = await self._at_rate(self._scale.burst_times * sustained, self._scale.burst_seconds)
        _say("attack")
        attack = await self._attack()
        _say("retries")
        refused = steady.refused + burst.refused + attack.events.refused
        return Findings(
            steady=steady,
            sustained=sustained,
            directly=directly,
            burst=burst,
            attack=attack,
            resent=await self._resend(refused),
            sent=self._sent,
            known=await self._known(),
            memory_before=before,
            memory_peak=peak(self._pid) // KIBIBYTE,
        )

    async def _at_rate(self, rate: float, seconds: float) -> Answers:
        async with lines(self._port, 400) as made:
            return await at_rate(made, self._events(rate * seconds), rate)

    async def _sustained(self) -> tuple[float, float]:
        """Return events a second through the gateway, and those that Temporal takes directly.

        In turn, each several times: the server gets slower the more it holds.
        """
        rounds = [(await self._through_gateway(), await self._directly()) for _ in range(ROUNDS)]
        ours, directly = zip(*rounds, strict=True)
        return statistics.median(ours), statistics.median(directly)

    async def _through_gateway(self) -> float:
        events = self._events(self._scale.probing_events / ROUNDS)
        async with lines(self._port, LINES) as made:
            since = time.monotonic()
            answers = await one_after_the_other(made, events)
            await self._resend(answers.refused)
            return len(events) / (time.monotonic() - since)

    async def _directly(self) -> float:
        calls = list(islice(self._calls, self._scale.probing_events // ROUNDS))
        client = await Client.connect(self._temporal.address, namespace=self._temporal.namespace)
        since = time.monotonic()
        await told_directly(client, calls, at_once=LINES)
        return len(calls) / (time.monotonic() - since)

    async def _attack(self) -> Attack:
        """Send junk, slow requests and large bodies at once, and events in between."""
        async with (
            trickling(self._port, self._scale.slow_clients, every=1.0),
            asyncio.TaskGroup() as group,
        ):
            junk = group.create_task(self._junk())
            large = group.create_task(self._large())
            for _ in range(self._scale.oversize):
                group.create_task(abandoned(self._port, 8 * MEBIBYTE))
            events = await self._events_while(junk)
        return Attack(events, large.result(), *junk.result())

    async def _junk(self) -> tuple[Answers, float]:
        requests = islice(cycle(JUNK), self._scale.junk)
        since = time.monotonic()
        async with lines(self._port, 16) as made:
            answers = await one_after_the_other(made, requests)
        return answers, self._scale.junk / (time.monotonic() - since)

    async def _large(self) -> Answers:
        async with lines(self._port, 2) as made:
            return await one_after_the_other(made, [oversize(2 * MEBIBYTE)] * self._scale.oversize)

    async def _events_while(self, attack: asyncio.Task[Any]) -> Answers:
        answers, rate = Answers(), self._scale.attack_rate
        async with lines(self._port, 100) as made:
            while not attack.done():
                answers.add(await at_rate(made, self._events(rate), rate))
        return answers

    async def _resend(self, refused: list[bytes]) -> int:
        """Send again, as Event Grid does, until all are taken; at most 20 times."""
        resent = 0
        async with lines(self._port, 16) as made:
            for _ in range(20):
                if not refused:
                    break
                resent += len(refused)
                refused = (await one_after_the_other(made, refused)).refused
        return resent

    async def _known(self) -> int:
        """Count the workflows; visibility is some seconds late."""
        client = await Client.connect(self._temporal.address, namespace=self._temporal.namespace)
        known = 0
        for _ in range(60):
            known = (await client.count_workflows("WorkflowType = 'RecordingWorkflow'")).count
            if known >= self._sent:
                break
            await asyncio.sleep(0.25)
        return known

    def _events(self, number: float) -> list[bytes]:
        self._sent += int(number)
        return [event(call) for call in islice(self._calls, int(number))]


def _say(phase: str) -> None:
    print(f"{phase} ...", file=sys.stderr, flush=True)


@contextmanager
def gateway(
    supervisor: Supervisor, home: Path, scale: Scale
) -> Iterator[tuple[Process, TemporalServer]]:
    """Start a gateway with a Temporal server of its own."""
    temporal = start_temporal(supervisor, ui=False)
    settings = home / "callvault.toml"
    settings.write_text(SETTINGS.format(home=home, max_in_flight=scale.max_in_flight))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLVAULT_", "TEMPORAL_"))}
    environment = {
        **kept,
        "CALLVAULT_CONFIG": str(settings),
        "EVENT_SECRET": EVENT_SECRET,
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": temporal.namespace,
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    yield supervisor.start("gateway", [*CALLVAULT, "gateway"], environment=environment), temporal


def run_storm(home: Path, scale: Scale) -> Findings:
    """Start everything, run the storm, stop everything."""
    with (
        Supervisor(home / "logs") as supervisor,
        gateway(supervisor, home, scale) as (process, temporal),
    ):
        return asyncio.run(Storm(process, temporal, scale).run())
