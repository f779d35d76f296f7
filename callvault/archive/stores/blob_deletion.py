"""Deletion of a blob with all that the account keeps of it: snapshots and versions.

What soft delete keeps for some days stays out of reach: nobody can end that earlier.
"""

from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient

from callvault.azure_storage.errors import CONTAINER_NOT_FOUND


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


def immutable_until(properties: BlobProperties) -> datetime | None:
    """Return the end of the immutability policy on a blob; None where it has none."""
    policy = properties.immutability_policy
    return policy.expiry_time if policy is not None else None
