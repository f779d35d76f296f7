"""Tells if a worker is ready: it polls, and each archive that recordings go to shows its identity.

A worker that is not ready works all the same: calls are controlled, exports are tried again, and
the fallback archive is used. Who started it is told, so that a wrong setting ends a roll-out.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from temporalio.common import MetricMeter

from callvault.archive.store import Archive
from callvault.config.settings import Settings
from callvault.config.storage import ArchiveSettings
from callvault.errors import CallvaultError
from callvault.problems import Problems
from callvault.telemetry import metrics
from callvault.telemetry.announcement import announce

LOOK_INTERVAL = 15.0
"""Seconds from one look to the next."""

LOOK_TIMEOUT = 5.0
"""Seconds in which every archive must have shown its identity."""


class Readiness:
    """Looks again and again, until cancelled; prints a line of JSON at first and at each change."""

    def __init__(
        self,
        archives: Mapping[str, Callable[[], Archive]],
        problems: Problems,
        meter: MetricMeter = MetricMeter.noop,
        tell: Callable[[dict[str, object]], None] = announce,
    ) -> None:
        """``archives`` opens, by name, each that the worker cannot do without; perhaps none."""
        self._archives = archives
        self._problems = problems
        self._gauge = metrics.worker_ready(meter)
        self._tell = tell
        self._told: dict[str, str] | None = None
        self._threads = ThreadPoolExecutor(max(1, len(archives)), "readiness")
        self._asked: dict[str, Future[str]] = {}

    async def run(self) -> None:
        """Look at its interval."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_INTERVAL)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> None:
        """Look once."""
        found = await self._found()
        self._problems.found("readiness", found)
        self._gauge.set(0 if found else 1)
        if self._told is None or bool(self._told) != bool(found):
            self._tell({"ready": False, "missing": found} if found else {"ready": True})
        self._told = found

    async def _found(self) -> dict[str, str]:
        """Return why each archive cannot be used, by its name; nothing where all can."""
        for name, open_archive in self._archives.items():
            # One that still hangs is not asked a second time.
            if name not in self._asked:
                self._asked[name] = self._threads.submit(_problem, open_archive)
        waiting = [asyncio.wrap_future(each) for each in self._asked.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=LOOK_TIMEOUT)
        problems = {f"archive {name}": self._answer(name) for name in self._archives}
        return {what: problem for what, problem in problems.items() if problem}

    def _answer(self, name: str) -> str:
        if not self._asked[name].done():
            return f"it does not answer within {LOOK_TIMEOUT:g} s"
        return self._asked.pop(name).result()


def _problem(open_archive: Callable[[], Archive]) -> str:
    try:
        with closing(open_archive()) as archive:
            archive.prove()
    except CallvaultError as error:
        return str(error)
    except Exception as error:  # without its text, which may quote a secret
        return f"an error of Callvault's own: {type(error).__name__}"
    return ""


def needed(settings: Settings) -> dict[str, ArchiveSettings]:
    """Return the archives that recordings go to first: not those that stand in for them."""
    names = {settings.archive_name(resource) for resource in settings.resources}
    return {name: settings.archive(name) for name in sorted(names)}
