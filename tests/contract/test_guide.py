"""The Python of `docs/test-without-azure.md` is what a reader would copy; it runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.sdks import SDKS, VERSIONS
from tests.patience import PROCESS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "test-without-azure.md"
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow("runs a pytest of its own")
def test_python_of_the_guide_runs(tmp_path: Path) -> None:
    blocks = _PYTHON.findall(GUIDE.read_text())
    (tmp_path / "test_recording.py").write_text("\n\n".join(blocks))
    path = os.pathsep.join(map(str, (ROOT, SDKS / VERSIONS[-1], SDKS / "common")))
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PROCESS,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert f"{sum(block.count('def test_') for block in blocks)} passed" in tests.stdout


def test_options_of_the_guide_exist() -> None:
    command = [sys.executable, "-m", "callvault", "emulator", "--help"]
    help_text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE.read_text()))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", help_text))


def test_languages_that_are_not_run_here_say_so() -> None:
    guide = GUIDE.read_text()
    for language in ("csharp", "java", "javascript"):
        assert guide.index("**Not run here**") < guide.index(f"```{language}\n")
