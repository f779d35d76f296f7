"""Looks at the gateway's own secrets, and tells by name of one that cannot be used."""

import asyncio

from callvault.config.settings import Settings
from callvault.problems import Problems
from callvault.secret_checks import secret_problems

INTERVAL = 20.0
"""Seconds from one look to the next."""

SECTIONS = ("gateway", "participants")
"""The sections of the settings whose secrets a gateway uses."""


async def watch_secrets(settings: Settings, problems: Problems) -> None:
    """Look again and again, until cancelled. The last good secrets are used on meanwhile."""
    while True:
        await look_at_secrets(settings, problems)
        await asyncio.sleep(INTERVAL)


async def look_at_secrets(settings: Settings, problems: Problems) -> None:
    """Look once."""
    problems.found("secrets", await asyncio.to_thread(secret_problems, settings, SECTIONS))
