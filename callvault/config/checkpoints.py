"""Settings of the places where checkpoints of archives are published."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from callvault.config.storage import ArchiveSettings, ContainerName
from callvault.config.types import (
    AbsolutePath,
    Names,
    SecretRef,
    SecretRefs,
    Section,
    Url,
    exactly_one,
)


class _CommonPlaceSettings(Section):
    """The settings that every kind of place has."""

    archives: Names = ()
    """The archives whose checkpoints are published here; all without any."""


class CheckpointContainerSettings(_CommonPlaceSettings):
    """A container in Azure Blob Storage, best of an account that others own: one way to reach it.

    It must exist, and needs no right but to read, list and create.
    """

    kind: Literal["azure_blob"]
    """`azure_blob`, for a container in Azure Blob Storage."""
    container: ContainerName
    """The container's name."""
    connection_string: SecretRef | None = None
    """Secret reference to the storage account's connection string."""
    sas_url: SecretRef | None = None
    """Secret reference to the container's URL with a shared access signature: to read, list and
    create."""
    account_url: Url | None = None
    """`https://ACCOUNT.blob.core.windows.net`, reached with Entra ID."""

    _has_one_access = exactly_one("connection_string", "sas_url", "account_url")


class CheckpointDirectorySettings(_CommonPlaceSettings):
    """A directory, best of a share that others own. It must exist."""

    kind: Literal["directory"]
    """`directory`, for a directory of the worker's machine."""
    path: AbsolutePath
    """The directory."""


class CheckpointWebhookSettings(_CommonPlaceSettings):
    """A webhook that keeps what it receives."""

    kind: Literal["webhook"]
    """`webhook`, for a receiver of CloudEvents."""
    url: SecretRef
    """Secret reference to the URL that checkpoints are posted to."""
    secrets: SecretRefs = ()
    """Secret references to the keys, in base64, each of which signs the posts (Standard Webhooks).
    """


CheckpointPlaceSettings = Annotated[
    CheckpointContainerSettings | CheckpointDirectorySettings | CheckpointWebhookSettings,
    Field(discriminator="kind"),
]


def place_problems(
    places: Mapping[str, CheckpointPlaceSettings], archives: Mapping[str, ArchiveSettings]
) -> Iterator[str]:
    """Refuse archives that are not known, and a place that is an archive itself."""
    for name, place in places.items():
        for unknown in sorted(set(place.archives) - archives.keys()):
            yield f"checkpoints.{name}.archives: there is no archive {unknown!r}"
        for archive, settings in archives.items():
            if _is_same(place, settings):
                yield (
                    f"checkpoints.{name}: it is archive {archive} itself, and whoever shortens that"
                    " shortens this too: name a place that is out of their reach"
                )


def _is_same(place: CheckpointPlaceSettings, archive: ArchiveSettings) -> bool:
    if place.kind != archive.kind:
        return False
    # A SAS URL names its container itself: the reference to it is all that can be compared.
    ways = ("path", "container", "connection_string", "sas_url", "account_url")
    return all(getattr(place, way, None) == getattr(archive, way, None) for way in ways)
