"""The stores, as the archive's own tests have them."""

from tests.archive.conftest import archive, blob_archive, directory_archive

__all__ = ["archive", "blob_archive", "directory_archive"]
