"""Deletion of a blob with all that the account keeps of it: snapshots and versions.

What soft delete keeps for some days stays out of reach: nobody can end that earlier.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from callvault.azure_storage.errors import CONTAINER_NOT_FOUND, blob_errors
from callvault.errors import ObjectExists, StateConflict


@contextmanager
def deletion_errors(archive: str, object_name: str) -> Iterator[None]:
    """Translate the SDK's errors; what an immutability policy forbids may be done later."""
    try:
        with blob_errors(archive, f"deleting {object_name}"):
            yield
    except ObjectExists as error:
        # At a commit the same code means that the name is taken.
        raise StateConflict(
            f"archive {archive}, deleting {object_name}: the storage account's immutability policy"
            " keeps it; wait for its end",
            owner="archive",
            status=error.status,
            code=error.code,
        ) from None


def delete_current(container: ContainerClient, object_name: str, etag: str) -> None:
    """Delete the blob of this ETag with its snapshots, unless somebody else was faster."""
    try:
        container.get_blob_client(object_name).delete_blob(
            delete_snapshots="include", etag=etag, match_condition=MatchConditions.IfNotModified
        )
    except ResourceNotFoundError as error:
        if getattr(error, "error_code", None) == CONTAINER_NOT_FOUND:
            raise


def delete_versions(container: ContainerClient, object_name: str) -> None:
    """Delete every version of the blob, where the account keeps versions."""
    listed = container.list_blobs(name_starts_with=object_name, include=["versions"])
    # Listed whole: what is deleted meanwhile must not disturb the listing.
    for version in [b.version_id for b in listed if b.name == object_name and b.version_id]:
        container.get_blob_client(object_name, version_id=version).delete_blob()
