"""Alarms about what is amiss with a process: secrets, services, clocks, search attributes.

An alarm is raised for each problem that lasts, told again now and then while it does, and told to
be over when it has gone. The log and the metrics have both at once. A process that has ended tells
nothing more: whoever counts these alarms takes them for over after a while.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog

from callvault.causes import Cause
from callvault.contracts.alarms import (
    Alarm,
    AlarmKind,
    AlarmStatus,
    ProblemKind,
    Severity,
    explained,
)
from callvault.errors import words_of

SIGHTINGS = 2
"""Looks in a row that must find a problem before it is alarmed: a blip wakes nobody."""

MAX_UNSENT = 100
"""Alarms that wait for the webhook; further ones are in the log alone."""

REMINDER_INTERVAL = 20 * 60.0
"""Seconds after which an alarm is told again while the problem lasts: those that count alarms take
it for over after an hour."""

_CAUSES = {ProblemKind.SECRETS: Cause.SETTINGS, ProblemKind.CLOCKS: Cause.CLOCK}

log = structlog.get_logger(__name__)

Name = tuple[str, str]
"""The kind of a problem, and what is amiss."""


class _Known(NamedTuple):
    """A problem that was found, and what was told of it."""

    sightings: int = 0
    told_at: float = 0.0
    is_grouped: bool = True
    """False if a receiver was told of it alone: then it is told alone that it is over."""


class ProblemAlarms:
    """Raises the alarms of one process."""

    def __init__(
        self, who: str, send: Callable[[Alarm], Awaitable[object]], now: Callable[[], datetime]
    ) -> None:
        """``who`` is the kind of process; ``send`` raises where the alarm was not taken.

        Such an alarm is sent again later. ``send`` may return the alarm as it was told.
        """
        self._who = who
        self._send = send
        self._now = now
        self._host = socket.gethostname()
        self._known: dict[Name, _Known] = {}
        self._unsent: list[tuple[Name, Alarm]] = []
        self._sending = asyncio.Lock()

    async def found(self, kind: str, problems: Mapping[str, str]) -> None:
        """Take note of all problems of a kind, by the name of what is amiss; send what is due."""
        for what, problem in problems.items():
            self._seen((kind, what), problem)
        for name in [name for name in self._known if name[0] == kind and name[1] not in problems]:
            known = self._known.pop(name)
            if known.sightings >= SIGHTINGS:
                self._raise(name, "mended", AlarmStatus.RESOLVED, is_grouped=known.is_grouped)
        async with self._sending:
            await self._send_all()

    def _seen(self, name: Name, problem: str) -> None:
        known, now = self._known.get(name, _Known()), time.monotonic()
        sightings = known.sightings + 1
        is_due = sightings == SIGHTINGS or now - known.told_at >= REMINDER_INTERVAL
        if sightings >= SIGHTINGS and is_due:
            known = known._replace(told_at=now)
            self._raise(name, problem, AlarmStatus.FIRING)
        self._known[name] = known._replace(sightings=sightings)

    def _raise(
        self, name: Name, problem: str, status: AlarmStatus, *, is_grouped: bool = False
    ) -> None:
        kind, what = name
        now, process = self._now(), f"callvault-{self._who}-{self._host}"
        cause = _CAUSES.get(ProblemKind(kind)) if status is AlarmStatus.FIRING else None
        alarm = Alarm(
            id=f"{process}/{what}/{now:%Y%m%dT%H%M%S.%fZ}",
            status=status,
            kind=AlarmKind.WORKER_PROBLEM,
            severity=Severity.ERROR,
            at=now,
            what=explained(f"{self._who} on {self._host}: {what}: {problem}", cause),
            # The same for every process that finds it, and after a restart.
            dedup_key=f"{process}/{what}",
            group_key=f"process/{kind}/{what}",
            is_grouped=is_grouped,
            resolves=True,
            cause=cause,
            problem=ProblemKind(kind),
            workflow_id=process,
            resource=what.removeprefix("resources.") if what.startswith("resources.") else "all",
        )
        if len(self._unsent) < MAX_UNSENT:
            self._unsent.append((name, alarm))

    async def _send_all(self) -> None:
        while self._unsent:
            name, alarm = self._unsent[0]
            try:
                told = await self._send(alarm)
            except Exception as error:  # a webhook that refuses: the next look sends it again
                log.warning("an alarm was not sent", alarm=alarm.id, problem=words_of(error))
                return
            del self._unsent[0]
            if isinstance(told, Alarm) and name in self._known:
                self._known[name] = self._known[name]._replace(is_grouped=told.is_grouped)
