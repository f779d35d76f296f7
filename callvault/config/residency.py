"""Residency: in which data region an archive may lie, for the recordings of a resource.

The regions are the words of whoever writes the settings, compared without case and spaces: no
service tells where a container lies, so nothing here can check that a word is true.
"""

from collections.abc import Iterator, Mapping

from callvault.config.resources import ResourceSettings
from callvault.config.storage import ArchiveSettings


def other_region(
    name: str, resource: ResourceSettings, archive_name: str, archive: ArchiveSettings
) -> str:
    """Say why an archive may not have a resource's recordings; empty where it may.

    ``name`` is that of the resource. Where neither names a region, nothing is compared.
    """
    if not resource.data_region and not archive.data_region:
        return ""
    if not resource.data_region:
        return (
            f"resources.{name}.data_region: set it, for archive {archive_name} lies in"
            f" {archive.data_region}"
        )
    if not archive.data_region:
        return (
            f"archives.{archive_name}.data_region: set it, for the recordings of {name} stay in"
            f" {resource.data_region}"
        )
    allowed = map(_plain, (resource.data_region, *resource.also_regions))
    if _plain(archive.data_region) in allowed:
        return ""
    return (
        f"archive {archive_name} lies in {archive.data_region}, and the recordings of {name} stay"
        f" in {resource.data_region}: name another archive, or add"
        f' "{archive.data_region}" to resources.{name}.also_regions'
    )


def residency_problems(
    resources: Mapping[str, ResourceSettings], archives: Mapping[str, ArchiveSettings]
) -> list[str]:
    """Say of every archive that a resource names why it may not have its recordings."""
    return [
        problem
        for name, resource in resources.items()
        for problem in _problems(name, resource, archives)
    ]


def describe_residency(
    resources: Mapping[str, ResourceSettings], archives: Mapping[str, ArchiveSettings]
) -> str:
    """Tell for each resource where its recordings stay; what contradicts that is no settings."""
    return (
        "; ".join(
            _described(name, resource, archives) for name, resource in sorted(resources.items())
        )
        or "there is no resource"
    )


def _described(
    name: str, resource: ResourceSettings, archives: Mapping[str, ArchiveSettings]
) -> str:
    if not resource.data_region:
        return f"{name} names no data region, so that nothing is compared"
    regions = " and ".join((resource.data_region, *resource.also_regions))
    named = sorted(set(places_of(resource, archives).values()))
    return f"recordings of {name} stay in {regions} ({', '.join(named)})"


def places_of(
    resource: ResourceSettings, archives: Mapping[str, ArchiveSettings]
) -> dict[str, str]:
    """Return the archives that a resource's recordings may come into, by what each is for."""
    only = next(iter(archives)) if len(archives) == 1 else None
    named = {
        "archive": resource.archive or only,
        "fallback_archive": resource.fallback_archive,
        "own_storage": resource.own_storage,
    }
    return {key: archive for key, archive in named.items() if archive and archive in archives}


def same_region(one: ArchiveSettings, other: ArchiveSettings) -> bool:
    """Return True if two archives lie in one data region, or neither names any."""
    return _plain(one.data_region) == _plain(other.data_region)


def _problems(
    name: str, resource: ResourceSettings, archives: Mapping[str, ArchiveSettings]
) -> Iterator[str]:
    if resource.also_regions and not resource.data_region:
        yield f"resources.{name}.also_regions: set data_region, too, or leave it out"
    for key, archive in places_of(resource, archives).items():
        if problem := other_region(name, resource, archive, archives[archive]):
            yield f"resources.{name}.{key}: {problem}"


def _plain(region: str) -> str:
    # "West Europe" and "westeurope" are one place in Azure's own words, too.
    return "".join(region.split()).casefold()
