"""Looks at the gateway's own secrets, and tells by name of one that cannot be used."""

import asyncio
from datetime import UTC, datetime

from temporalio.client import Client

from callvault.codec.encryption import key_problems
from callvault.config.settings import Settings
from callvault.problem_alarms import ProblemAlarms
from callvault.problems import Problems
from callvault.secret_checks import secret_problems
from callvault.temporal.alarms import send_alarm

INTERVAL = 20.0
"""Seconds from one look to the next."""

SECTIONS = ("gateway", "participants", "encryption")
"""The sections of the settings whose secrets a gateway uses."""


class SecretWatch:
    """Looks again and again. The last good secrets are used on meanwhile.

    Alarms go by way of Temporal: the webhook, and its secret, are known to workers.
    """

    def __init__(self, settings: Settings, client: Client, problems: Problems) -> None:
        self._settings = settings
        self._client = client
        self._problems = problems
        self._alarms = ProblemAlarms(
            "gateway", lambda alarm: send_alarm(client, alarm), lambda: datetime.now(UTC)
        )

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Look once; what is found twice is alarmed."""
        found = await asyncio.to_thread(secret_problems, self._settings, SECTIONS)
        found |= key_problems(self._client)
        self._problems.found("secrets", found)
        await self._alarms.found("secrets", found)
