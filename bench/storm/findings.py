"""The scale of a storm, its findings, and the problems among them."""

from dataclasses import dataclass

from bench.storm.load import BROKEN, Answers

MAX_MEMORY = 512
"""Limit of the gateway's peak memory, in MiB."""

RETRIED_STATUSES = {200, 503, BROKEN}
"""Answers that lose no event; after others Event Grid drops it, or the gateway sends none such."""


@dataclass(frozen=True)
class Scale:
    """The amounts of a storm, in seconds, events a second and numbers of requests."""

    steady_seconds: float = 30
    steady_rate: float = 200
    probing_events: int = 3_000
    burst_times: float = 4
    burst_seconds: float = 10
    junk: int = 100_000
    slow_clients: int = 700
    attack_rate: float = 50
    oversize: int = 20
    max_in_flight: int = 64


SHORT = Scale(
    steady_seconds=1,
    steady_rate=50,
    probing_events=100,
    burst_seconds=1,
    junk=600,
    slow_clients=550,
    attack_rate=20,
    oversize=3,
    max_in_flight=24,
)


@dataclass
class Attack:
    """Answers during the attack, to events, to large deliveries and to junk."""

    events: Answers
    large: Answers
    junk: Answers
    junk_rate: float
    """Junk requests a second."""


@dataclass
class Findings:
    """The measurements of a storm."""

    steady: Answers
    sustained: float
    """Events a second that were accepted with one request at a time on each connection."""
    directly: float
    """Signals with start a second that Temporal took from the sender, without a gateway."""
    burst: Answers
    attack: Attack
    resent: int
    sent: int
    known: int
    """Events sent, and workflows that Temporal knows at the end."""
    memory_before: int
    memory_peak: int
    """MiB of the gateway's process."""

    def problems(self) -> list[str]:
        """Describe each violated requirement; empty if there is none."""
        attack = self.attack
        authentic = self.steady.statuses + self.burst.statuses
        authentic += attack.events.statuses + attack.large.statuses
        wrong = {status: n for status, n in authentic.items() if status not in RETRIED_STATUSES}
        found = [f"{n} authentic deliveries were answered {status}" for status, n in wrong.items()]
        if self.known != self.sent:
            found.append(f"{self.sent} events were sent, {self.known} are known to Temporal")
        if attack.junk.statuses[200]:
            found.append(f"{attack.junk.statuses[200]} junk requests were answered 200")
        if self.memory_peak > MAX_MEMORY:
            found.append(f"the gateway had {self.memory_peak} MiB, more than {MAX_MEMORY}")
        return found
