"""Does a worker refuse to start where it could not do its work?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PROCESS


@pytest.mark.parametrize("options", [[], ["--only", "exports"]])
def test_h8_a_worker_with_garbage_for_a_signing_key_does_not_start(
    options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("hunter2")
    config = tmp_path / "callvault.toml"
    config.write_text(
        f"""
        [archives.main]
        kind = "directory"
        path = "{tmp_path}"
        signing_key = "file:{tmp_path / "key"}"
        """
    )
    # Nothing listens there: the key is looked at before.
    environment = {"CALLVAULT_CONFIG": str(config), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "callvault", "worker", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PROCESS,
        check=False,
    )
    assert ended.returncode == 1
    assert "archives.main.signing_key: the signing key is neither" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
