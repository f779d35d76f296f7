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
        expected = archive_settings.id or remembered.get(name)
        archive = open_archive(name, archive_settings)
        with closing(archive):
            found = await asyncio.to_thread(_settle, archive, expected, name in to_make)
        if found != remembered.get(name):
            if archive_settings.id is None:
                await remember_archive(client, name, found)
            done.append(f"archive {name} ({found})")
    return done


def _settle(archive: Archive, expected: str | None, may_make: bool) -> str:
    """Return the id of the archive, made now if it is new or may be made; else `WrongArchive`."""
    if expected is None or may_make:
        return _made(archive, expected)
    found = archive.prove()
    if found != expected:
        raise WrongArchive(
            f"archive {archive.name} was {expected}, and {archive.location(IDENTITY_OBJECT)}"
            f" says {found}: mount or name the right place, or take this one from now on with"
            f" `callvault setup --make-archive {archive.name}`"
        )
    return found


def _made(archive: Archive, expected: str | None) -> str:
    # A place with manifests is the known archive, whose identity alone was lost.
    archive.make()
    wanted = expected if expected and has_manifests(archive) else None
    return make_identity(archive, wanted, datetime.now(UTC)).id
