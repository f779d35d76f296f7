"""The checks of `callvault doctor` that only look at the settings: windows, and signing keys."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

from callvault.cli.actions.check_result import CheckResult, Subject, of_problems
from callvault.clients import open_signer, public_keys
from callvault.config.archive_only import describe_archiving
from callvault.config.residency import describe_residency
from callvault.config.resources import ResourceSettings
from callvault.config.storage import ArchiveSettings
from callvault.config.types import is_loopback
from callvault.errors import CallvaultError

RETENTION = timedelta(hours=24)
"""Time for which ACS keeps a recording, by its documents of 2026 (Call Recording overview)."""

PREVIEW_RETENTION = timedelta(hours=48)
"""The same, by the documents of the 2021 preview."""

_PREVIEW = "2021-06-15-preview"

_PROBE = b"Can this key sign?"


async def check_settings(subject: Subject) -> list[CheckResult]:
    """Check every resource's window, and every archive's keys; tell of regions, and archiving."""
    settings = subject.settings
    windows = {f"resources.{name}": window_problem(r) for name, r in settings.resources.items()}
    # In a thread: a key in Key Vault is asked for a signature.
    keys = {
        f"archives.{name}": await asyncio.to_thread(key_problem, archive)
        for name, archive in settings.archives.items()
    }
    signed = sum(archive.is_signed for archive in settings.archives.values())
    archiving = describe_archiving(settings)
    return [
        of_problems(
            "export windows",
            {where: problem for where, problem in windows.items() if problem},
            "Set export_window to what the service promises: deadlines and alarms go by it.",
            "none is longer than the service keeps a recording",
        ),
        of_problems(
            "signing keys",
            {where: problem for where, problem in keys.items() if problem},
            "Name the right files (`callvault keygen` writes both halves).",
            f"{signed} of {len(keys)} archives are signed, and each key proves what it signs",
        ),
        CheckResult("residency", True, describe_residency(settings.resources, settings.archives)),
        *([CheckResult("archive only", True, archiving)] if archiving else []),
    ]


def window_problem(settings: ResourceSettings) -> str:
    """Return why a resource's window is too long; empty where it is not."""
    # An emulator keeps recordings for as long as it is told to; your own container, for ever.
    if is_loopback(urlsplit(settings.endpoint).hostname or "") or settings.own_storage:
        return ""
    kept = PREVIEW_RETENTION if settings.api_version == _PREVIEW else RETENTION
    if settings.export_window <= kept:
        return ""
    return (
        f"export_window is {_hours(settings.export_window)}, and the service's documents promise"
        f" {_hours(kept)}: a file may be gone while Callvault still counts on it"
    )


def key_problem(settings: ArchiveSettings) -> str:
    """Return why what an archive's key signs will not be believed; empty where it will."""
    try:
        signer, known = open_signer(settings), public_keys(settings)
        signature = signer.sign(_PROBE) if signer else None
    except CallvaultError as error:
        return str(error)
    if signer is None or signature is None:
        return ""
    believed = known or [signer.public]
    key = next((key for key in believed if key.key_id == signature.key_id), None)
    if key is None:
        return f"public_keys lack the public half of the signing key ({signature.key_id})"
    return "" if key.proves(signature, _PROBE) else "the signing key signs, and nothing proves it"


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g} h"
