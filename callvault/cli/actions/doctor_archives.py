"""The checks of `callvault doctor` that look at archives: each is in its place."""

import asyncio
from contextlib import closing

from temporalio.client import Client

from callvault.cli.actions.check_result import CheckResult
from callvault.clients import open_proven
from callvault.config.settings import Settings
from callvault.config.storage import ArchiveSettings
from callvault.errors import CallvaultError
from callvault.temporal.archives import remembered_archives


async def check_archives(client: Client, settings: Settings) -> list[CheckResult]:
    """Check every archive's identity; nothing is written."""
    remembered = await remembered_archives(client)
    checks = (
        asyncio.to_thread(_archive, name, archive, remembered.get(name))
        for name, archive in settings.archives.items()
    )
    return await asyncio.gather(*checks)


def _archive(name: str, settings: ArchiveSettings, remembered: str | None) -> CheckResult:
    what = f"archive {name}"
    try:
        with closing(open_proven(name, settings, remembered)) as archive:
            found = archive.prove()
    except CallvaultError as error:
        fix = "Mount or name the right place, or mend its secrets; make a new archive with"
        return CheckResult(what, False, str(error), f"{fix} `callvault setup`.")
    if settings.id is None and remembered is None:
        fix = f'Run `callvault setup`, or set archives.{name}.id = "{found}".'
        return CheckResult(what, False, f"{found}, which nobody has remembered", fix)
    return CheckResult(what, True, found)
