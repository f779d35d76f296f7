"""The checks of `callvault doctor` that look at archives: each is in its place, and can be used."""

import secrets
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path, PurePosixPath

from callvault.archive.names import KEYS_PREFIX
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.archive.stores.directory_files import sidecar_path
from callvault.azure_storage.clients import StorageAccess, container_client
from callvault.azure_storage.errors import blob_errors
from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.clients import open_keyring, open_proven
from callvault.config.storage import ArchiveSettings, AzureBlobSettings
from callvault.errors import BrokenContent, CallvaultError, ObjectExists
from callvault.temporal.archives import remembered_archives

_OURS, _OTHER = b"callvault doctor", b"Callvault doctor"
"""Two objects of one size, of which the second must not take the place of the first."""

_FIXES = {
    "write": "Give the identity the role Storage Blob Data Contributor, or a SAS to read, add,"
    " create, write and list; let this user write into a directory; make room.",
    "read": "Give the identity, or the SAS, the right to read.",
    "verify": "Its storage gives back other bytes than it was given: use another.",
    "conditional write": "Its storage overwrites an object that is there: use another, nothing in"
    " this one is safe.",
}

_MAX_KEYS = 10
"""Most keys that are told by their ids."""

Remove = Callable[[str], None]


async def check_archives(subject: Subject) -> list[CheckResult]:
    """Check every archive's identity, and try out those that are known to have the right one."""
    archives, remembered = subject.settings.archives, await _remembered(subject)
    expected = {name: each.id or (remembered or {}).get(name) for name, each in archives.items()}
    identities = await run_blocking(
        {
            f"archive {name}": partial(
                _identity, name, each, expected[name], without_temporal=remembered is None
            )
            for name, each in archives.items()
        }
    )
    # Nothing is written where it is not certain that this is the archive.
    right = [
        name
        for name, found in zip(archives, identities, strict=True)
        if found.is_ok and expected[name]
    ]
    trials = {
        f"archive {name}, objects": partial(_try_out, name, archives[name], expected[name])
        for name in right
    }
    listed = {
        f"archive {name}, keys": partial(listed_keys, name, archives[name], expected[name])
        for name in right
    }
    return [*identities, *await run_blocking({**trials, **listed})]


async def _remembered(subject: Subject) -> dict[str, str] | None:
    """Return the ids of archives that Temporal remembers; None where it cannot be asked."""
    if subject.client is None:
        return None
    with suppress(CallvaultError):
        return dict(await remembered_archives(subject.client))
    return None


def _identity(
    name: str, settings: ArchiveSettings, expected: str | None, *, without_temporal: bool
) -> CheckResult:
    what = f"archive {name}"
    try:
        with closing(open_proven(name, settings, expected)) as archive:
            found = archive.prove()
    except CallvaultError as error:
        fix = "Mount or name the right place, or mend its secrets; make a new archive with"
        return CheckResult(what, False, str(error), f"{fix} `callvault setup`.")
    if expected is not None:
        return CheckResult(what, True, found)
    if without_temporal:
        told = f"{found}; only Temporal remembers if it is the right one, so it is not tried out"
        return CheckResult(what, True, told)
    fix = f'Run `callvault setup`, or set archives.{name}.id = "{found}".'
    return CheckResult(what, False, f"{found}, which nobody has remembered", fix)


def listed_keys(name: str, settings: ArchiveSettings, expected: str | None) -> CheckResult:
    """Check that every key that has signed in the archive is among those that are believed."""
    what = f"archive {name}, keys"
    try:
        ring = open_keyring(settings)
        with closing(open_proven(name, settings, expected)) as archive:
            names = [PurePosixPath(each) for each in archive.names(KEYS_PREFIX)]
    except CallvaultError as error:
        return CheckResult(what, False, str(error), "Mend the key, or the archive.")
    if not ring.is_given:
        return CheckResult(what, True, "no key is configured: nothing is signed")
    unlisted = sorted(each.stem for each in names if each.stem not in ring)
    if not unlisted:
        return CheckResult(what, True, f"{len(names)} have signed, all are known")
    return CheckResult(
        what,
        False,
        f"unknown: {', '.join(unlisted[:_MAX_KEYS])}",
        f"If they are former signing keys, add their public halves to a file of archives.{name}"
        ".public_keys: what they have signed is not believed.",
    )


def _try_out(name: str, settings: ArchiveSettings, expected: str | None) -> CheckResult:
    with closing(open_proven(name, settings, expected)) as archive:
        if isinstance(settings, AzureBlobSettings):
            return try_out(archive, partial(_delete_blob, name, settings))
        return try_out(archive, partial(_delete_file, archive))


def try_out(archive: Archive, remove: Remove) -> CheckResult:
    """Write a small object, read it, compare, try to overwrite it, and remove it."""
    what, step = f"archive {archive.name}, objects", "write"
    object_name = f"doctor/{secrets.token_hex(8)}.txt"
    try:
        put_bytes(archive, object_name, _OURS, content_type="text/plain", metadata={})
        try:
            step = "read"
            found = read_small(archive, object_name, len(_OURS))
            step = "verify"
            _verify(archive, object_name, found)
            step = "conditional write"
            _refuse_to_overwrite(archive, object_name)
        finally:
            left = _left_behind(remove, object_name)
    except CallvaultError as error:
        return CheckResult(what, False, f"{step}: {error}", _FIXES[step])
    done = "written, read, verified, not overwritten"
    return CheckResult(what, True, f"{done}; {left}" if left else f"{done}, deleted")


def _verify(archive: Archive, object_name: str, found: bytes) -> None:
    stored = archive.stat(object_name)
    if found != _OURS or stored is None or stored.size != len(_OURS):
        raise BrokenContent(f"{archive.location(object_name)} is not what was written")


def _refuse_to_overwrite(archive: Archive, object_name: str) -> None:
    with suppress(ObjectExists):
        put_bytes(archive, object_name, _OTHER, content_type="text/plain", metadata={})
        raise BrokenContent(f"{archive.location(object_name)} was overwritten")


def _left_behind(remove: Remove, object_name: str) -> str:
    """Remove the object; return a sentence where that is not allowed, as it should be."""
    try:
        remove(object_name)
    except (CallvaultError, OSError) as error:
        return f"{object_name} stays, for nothing may be deleted there, which is good: {error}"
    return ""


def _delete_blob(name: str, settings: AzureBlobSettings, object_name: str) -> None:
    access = StorageAccess.from_settings(settings)
    with (
        blob_errors(name, f"deleting {object_name}"),
        closing(container_client(access, settings.container, retry_total=0)) as container,
    ):
        container.delete_blob(object_name)


def _delete_file(archive: Archive, object_name: str) -> None:
    path = Path(archive.location(object_name))
    path.unlink()
    sidecar_path(path).unlink(missing_ok=True)
    with suppress(OSError):  # another doctor's object lies there
        path.parent.rmdir()
