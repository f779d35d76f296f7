"""The problems of a process, by name: told when they begin, now and then, and when they end."""

import time
from collections.abc import Mapping

import structlog
from temporalio.common import MetricMeter

from callvault.telemetry import metrics

REMINDER_INTERVAL = 600.0
"""Seconds after which a problem that lasts is logged again."""

log = structlog.get_logger(__name__)


class Problems:
    """The problems of one process; a loop that looks for some calls `found`."""

    def __init__(self, meter: MetricMeter = MetricMeter.noop) -> None:
        self._gauge = metrics.problems(meter)
        self._current: dict[str, dict[str, str]] = {}
        self._logged_at: dict[str, float] = {}

    def found(self, kind: str, problems: Mapping[str, str]) -> None:
        """Note all problems of a kind: a sentence for each, by the name of what is amiss."""
        before = self._current.get(kind, {})
        self._current[kind] = dict(problems)
        for what, problem in problems.items():
            self._tell(what, problem, is_new=before.get(what) != problem)
        for what in before.keys() - problems.keys():
            self._logged_at.pop(what, None)
            self._gauge.set(0, {"what": what})
            log.info("mended", what=what)

    def current(self) -> dict[str, str]:
        """Return every problem, by the name of what is amiss."""
        return {what: text for kind in self._current.values() for what, text in kind.items()}

    def _tell(self, what: str, problem: str, *, is_new: bool) -> None:
        self._gauge.set(1, {"what": what})
        now = time.monotonic()
        if is_new or now - self._logged_at.get(what, now) >= REMINDER_INTERVAL:
            self._logged_at[what] = now
            log.error("amiss", what=what, problem=problem)
