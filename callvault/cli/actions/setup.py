"""The work of `callvault setup`: search attributes in Temporal, and an identity per archive."""

import asyncio
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime

from temporalio.client import Client

from callvault.archive.identity import IDENTITY_OBJECT, has_manifests, make_identity
from callvault.archive.store import Archive
from callvault.clients import open_archive
from callvault.config.settings import Settings
from callvault.errors import WrongArchive
from callvault.temporal.archives import remember_archive, remembered_archives
from callvault.temporal.namespace import register_search_attributes


async def set_up(client: Client, settings: Settings, to_make: Collection[str]) -> list[str]:
    """Register search attributes, make the archives that are new; return what was done.

    ``to_make`` names archives to make although another one was known.

    Raises `WrongArchive` where a known archive is not in its place, `ConfigurationError` where its
    id cannot be remembered.
    """
    for name in to_make:
        settings.archive(name)
    done = [f"search attribute {name}" for name in await register_search_attributes(client)]
    remembered = await remembered_archives(client)
    for name, archive_settings in settings.archives.items():
        chosen, known = archive_settings.id, remembered.get(name)
        with closing(open_archive(name, archive_settings)) as archive:
            if name in to_make or (chosen or known) is None:
                await asyncio.to_thread(_make, archive, chosen, known)
            expected = None if name in to_make else known
            found = await asyncio.to_thread(_prove, archive, chosen or expected)
        if found != remembered.get(name):
            if archive_settings.id is None:
                await remember_archive(client, name, found)
            done.append(f"archive {name} ({found})")
    return done


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
