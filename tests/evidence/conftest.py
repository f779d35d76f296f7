"""The stores, as the archive's own tests have them."""

from pathlib import Path

import pytest

from tests.archive.conftest import archive, blob_archive, directory_archive
from tests.archive.sealed import SIGNER

from .calls import KEY

__all__ = ["archive", "blob_archive", "directory_archive"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.pem())
    secret = tmp_path / "participants.key"
    secret.write_text(KEY)
    file = tmp_path / "callvault.toml"
    file.write_text(
        f'[participants]\nkey = "file:{secret}"\n[archives.main]\nkind = "directory"\n'
        f'path = "{tmp_path / "archive"}"\nsigning_key = "file:{key}"\n'
    )
    return file
