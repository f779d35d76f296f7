"""Folders of accounts with a hierarchical namespace, which are listed as if they were blobs."""

from collections.abc import Mapping

_IS_FOLDER = "hdi_isfolder"


def is_folder(size: int | None, metadata: Mapping[str, str] | None) -> bool:
    """Return True if a listed blob is a folder: it has no bytes, and says so in its metadata."""
    # the size counts too: nobody must hide a file by a word in its metadata
    told = {key.lower(): value for key, value in (metadata or {}).items()}
    return not size and told.get(_IS_FOLDER, "").lower() == "true"
