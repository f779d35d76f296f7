"""Results of a run: its violations, and the figures of the report."""

from collections import Counter
from dataclasses import dataclass, field

from bench.chaos.alarm_latency import LateAlarm
from bench.chaos.checker import Loss
from bench.chaos.generator import DeliveryMode
from bench.chaos.history import History
from bench.chaos.options import Options
from bench.chaos.parts import Outage
from bench.chaos.recovery import Recovery
from bench.chaos.violations import Violation
from bench.chaos.workload import Answered


@dataclass
class RunResult:
    options: Options
    violations: list[Violation]
    losses: list[Loss]
    recoveries: list[Recovery]
    late_alarms: list[LateAlarm]
    outages: list[Outage]
    service_faults: Counter[str]
    modes: Counter[DeliveryMode]
    history: History
    pauses: list[Answered]
    """The answers to pauses."""
    seconds: float = 0.0
    """From the first scenario until every workflow was over."""

    @property
    def is_good(self) -> bool:
        return not self.violations

    @property
    def causes(self) -> Counter[str]:
        """Number of lost files by cause."""
        return Counter(loss.cause or "**unexplained**" for loss in self.losses)

    @property
    def slowest_recovery(self) -> float | None:
        """Seconds."""
        found = [each.seconds for each in self.recoveries if each.seconds is not None]
        return max(found, default=None)

    def latency(self, quantile: float) -> float:
        """Return a quantile of the alarms' lateness in seconds; 0 without alarms."""
        found = sorted(each.counted for each in self.late_alarms)
        return found[min(int(quantile * len(found)), len(found) - 1)] if found else 0.0

    def faults_by_part(self) -> Counter[tuple[str, str]]:
        """Count the faults by part and kind."""
        return Counter((str(each.part), str(each.fault)) for each in self.outages)


@dataclass
class Tally:
    """All runs of one command."""

    results: list[RunResult] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return all(each.is_good for each in self.results)
