"""Can every promise that a run is to miss still be broken?"""

import subprocess
import sys

import pytest

from bench.chaos.cluster import MUTATIONS_MODULE
from bench.chaos.mutations import MUTATIONS


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_role_can_be_sabotaged(name: str) -> None:
    """The replaced function is where it is looked for: the role starts and prints its help."""
    done = subprocess.run(
        [sys.executable, "-m", MUTATIONS_MODULE, name, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "worker" in done.stdout
