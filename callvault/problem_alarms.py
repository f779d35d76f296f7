"""Alarms about what is amiss with a process: secrets, services, clocks, search attributes.

An alarm is raised once for each problem that lasts, and another one when it has gone. The log and
the metrics have both at once.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog

from callvault.causes import Cause
from callvault.contracts.alarms import Alarm, AlarmKind, Severity, explained

SIGHTINGS = 2
"""Looks in a row that must find a problem before it is alarmed: a blip wakes nobody."""

MAX_UNSENT = 100
"""Alarms that wait for the webhook; further ones are in the log alone."""

_CAUSES = {"secrets": Cause.SETTINGS, "clocks": Cause.CLOCK}

log = structlog.get_logger(__name__)


class ProblemAlarms:
    """Raises the alarms of one process."""

    def __init__(
        self, who: str, send: Callable[[Alarm], Awaitable[object]], now: Callable[[], datetime]
    ) -> None:
        """``who`` is the kind of process; ``send`` raises where the alarm was not taken.

        Such an alarm is sent again later.
        """
        self._who = who
        self._send = send
        self._now = now
        self._host = socket.gethostname()
        self._sightings: Counter[tuple[str, str]] = Counter()
        self._unsent: list[Alarm] = []
        self._sending = asyncio.Lock()

    async def found(self, kind: str, problems: Mapping[str, str]) -> None:
        """Take note of all problems of a kind, by the name of what is amiss; send what is due."""
        for what, problem in problems.items():
            self._sightings[kind, what] += 1
            if self._sightings[kind, what] == SIGHTINGS:
                self._raise(what, problem, Severity.ERROR, _CAUSES.get(kind))
        for key in [key for key in self._sightings if key[0] == kind and key[1] not in problems]:
            if self._sightings.pop(key) >= SIGHTINGS:
                self._raise(key[1], "mended", Severity.WARNING, None)
        async with self._sending:
            await self._send_all()

    def _raise(self, what: str, problem: str, severity: Severity, cause: Cause | None) -> None:
        now, process = self._now(), f"callvault-{self._who}-{self._host}"
        alarm = Alarm(
            id=f"{process}/{what}/{now:%Y%m%dT%H%M%S.%fZ}",
            kind=AlarmKind.WORKER_PROBLEM,
            severity=severity,
            at=now,
            what=explained(f"{self._who} on {self._host}: {what}: {problem}", cause),
            cause=cause,
            workflow_id=process,
            resource=what.removeprefix("resources.") if what.startswith("resources.") else "all",
        )
        if len(self._unsent) < MAX_UNSENT:
            self._unsent.append(alarm)

    async def _send_all(self) -> None:
        while self._unsent:
            try:
                await self._send(self._unsent[0])
            except Exception as error:  # a webhook that refuses: the next look sends it again
                log.warning("an alarm was not sent", alarm=self._unsent[0].id, problem=str(error))
                return
            del self._unsent[0]
