"""The work of `callvault setup`: search attributes, archives with an identity, the quarantine."""

import asyncio
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

from temporalio.client import Client

from callvault.archive.identity import IDENTITY_OBJECT, has_manifests, make_identity
from callvault.archive.store import Archive
from callvault.clients import open_archive
from callvault.config.settings import Settings
from callvault.config.storage import ArchiveSettings, QuarantineDirectorySettings
from callvault.errors import CallvaultError, WrongArchive
from callvault.ingest.quarantine import Quarantine
from callvault.temporal.archives import remember_archive, remembered_archives
from callvault.temporal.namespace import register_search_attributes


class Outcome(NamedTuple):
    """What was done, in a few words each, and why the rest was not."""

    done: list[str]
    refused: list[str]


async def set_up(client: Client, settings: Settings, to_make: Collection[str]) -> Outcome:
    """Register search attributes, make what is new of the storage; one refused stops no other.

    ``to_make`` names archives to make although another one was known.
    """
    for name in to_make:
        settings.archive(name)
    done = [f"search attribute {name}" for name in await register_search_attributes(client)]
    remembered, refused = await remembered_archives(client), []
    for name, archive_settings in settings.archives.items():
        known = remembered.get(name)
        try:
            found = await _set_up_archive(name, archive_settings, known, name in to_make)
            if found != known and archive_settings.id is None:
                await remember_archive(client, name, found)
        except CallvaultError as error:
            refused.append(f"archive {name}: {error}")
            continue
        if found != known:
            done.append(f"archive {name} ({found})")
    try:
        if await _make_quarantine(settings):
            done.append("the quarantine's container")
    except CallvaultError as error:
        refused.append(f"quarantine: {error}")
    return Outcome(done, refused)


async def _make_quarantine(settings: Settings) -> bool:
    """Make the quarantine's container if it is missing; a directory is the gateway's to make."""
    if isinstance(settings.gateway.quarantine, QuarantineDirectorySettings):
        return False
    with closing(Quarantine.open(settings.gateway.quarantine)) as quarantine:
        return await quarantine.make()


async def _set_up_archive(
    name: str, settings: ArchiveSettings, known: str | None, is_to_make: bool
) -> str:
    """Make an archive if it is new; return its id. `WrongArchive` where another one is there."""
    chosen = settings.id
    with closing(open_archive(name, settings)) as archive:
        if is_to_make or (chosen or known) is None:
            await asyncio.to_thread(_make, archive, chosen, known)
        expected = None if is_to_make else known
        return await asyncio.to_thread(_prove, archive, chosen or expected)


def _make(archive: Archive, chosen: str | None, known: str | None) -> None:
    """Make the archive with the id chosen for it, if it has none; or with a new one."""
    archive.make()
    # A place with manifests is the known archive, whose identity alone was lost.
    wanted = chosen or (known if has_manifests(archive) else None)
    make_identity(archive, wanted, datetime.now(UTC))


def _prove(archive: Archive, expected: str | None) -> str:
    """Return the id of the archive; `WrongArchive` where it is not the expected one."""
    found = archive.prove()
    if expected not in (None, found):
        raise WrongArchive(
            f"archive {archive.name} is known as {expected}, and"
            f" {archive.location(IDENTITY_OBJECT)} says {found}: mount or name the right place,"
            f" or take this one from now on: `callvault setup --make-archive {archive.name}`,"
            f" without archives.{archive.name}.id or with this one's"
        )
    return found
