"""Faults and behaviours of the emulated service; they change every few seconds."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from callvault.emulator.faults import KINDS, FaultKind

CHANGE_INTERVAL = 5.0
"""Seconds. Faults are set again each time, because a killed emulator starts without faults."""
UNPROVABLE = frozenset({FaultKind.FLIPPED_BIT})
"""The service gives no checksum, so Callvault cannot notice; on a real connection TLS does."""
UNANSWERED_FACTOR = 8
"""Factor for the rate of starts that take effect without an answer."""
IGNORED_PAUSE_FACTOR = 8
"""Factor for the rate of pauses that ACS accepts and that take no effect: few calls pause."""
SLOW_FACTOR = 10
"""Factor for the rate of slow files: without them no worker would be killed during a copy."""

_BEHAVIOURS: dict[str, tuple[Any, ...]] = {
    "pause_twice": ("202", "400"),
    "resume_active": ("202", "400"),
    "optional_fields": (True, True, False),
    "file_events": ("one", "one", "per_chunk", "two", "failover"),
    "content_host": ("same", "other"),
    "content_redirect": (False, True),
    "range_status": ("206", "200"),
    "content_unauthorized": ("empty", "json"),
}
_DETAILS: dict[FaultKind, dict[str, Any]] = {
    FaultKind.HANG: {"seconds": 6},
    FaultKind.SLOW_DRIP: {"seconds": 0.05},
}


@dataclass
class ServiceFaults:
    """Sets the service's faults until `clear` is called."""

    control: str
    """Base URL of the emulator's control API."""
    seed: int
    rate: float
    """Share of the requests that meet a fault of each kind, at the worst."""
    counts: Counter[str] = field(default_factory=Counter)
    """Faults that requests met, by kind."""

    async def run(self) -> None:
        """Change the faults until cancelled."""
        async with httpx.AsyncClient(base_url=self.control, trust_env=False) as http:
            number = 0
            while True:
                number += 1
                # The text is part of the seed: another text would draw other faults.
                await self._change(http, Random(f"{self.seed} weather {number}"))
                await asyncio.sleep(CHANGE_INTERVAL)

    async def clear(self) -> None:
        """Remove all faults, so that the remaining work can finish."""
        async with httpx.AsyncClient(base_url=self.control, trust_env=False) as http:
            await self._count(http)
            await http.delete("/faults")

    async def _change(self, http: httpx.AsyncClient, dice: Random) -> None:
        try:
            await self._count(http)
            behaviours = {key: dice.choice(values) for key, values in _BEHAVIOURS.items()}
            await http.post("/behaviours", json=behaviours)
            for rule in rules(dice, self.rate):
                await http.post("/faults", json=rule)
        except httpx.HTTPError:
            return  # the emulator is down

    async def _count(self, http: httpx.AsyncClient) -> None:
        """Count the faults that happened, and remove their rules."""
        active = (await http.get("/faults")).json()["active"]
        for rule in active:
            kinds = rule.get("kinds") or [rule["kind"]]
            self.counts[kinds[0]] += rule["fired"]
        # Each rule goes once it is counted, so that none is counted twice.
        await http.delete("/faults")


def rules(dice: Random, worst: float) -> list[dict[str, Any]]:
    """Draw a rule for each kind, so that faults can be counted by kind."""
    rate = worst * dice.choice((0.2, 0.6, 1.0))
    each = [
        {"rate": rate, "kinds": [kind], **_DETAILS.get(kind, {})}
        for kind in KINDS
        if kind not in UNPROVABLE
    ]
    unanswered = {"kinds": ["reset"], "operation": "start", "takesEffect": True}
    slow = {"kinds": [FaultKind.SLOW_DRIP], **_DETAILS[FaultKind.SLOW_DRIP]}
    return [
        {"rate": UNANSWERED_FACTOR * rate, **unanswered},
        {"rate": IGNORED_PAUSE_FACTOR * rate, "kinds": [FaultKind.PAUSE_NOT_EFFECTIVE]},
        {"rate": SLOW_FACTOR * rate, **slow},
        *each,
    ]
