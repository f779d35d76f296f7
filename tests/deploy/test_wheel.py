"""The wheel is whole: built from this tree, it imports in an environment that holds no source."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("activities", "callvault", "workers", "workflows")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, and our own dependencies lent to it."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    (home / _packages(home) / "lent.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    return home


def _packages(home: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))


def test_the_wheel_holds_every_package_and_the_mark_of_types(wheel: Path, root: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert "callvault/py.typed" in held
    assert any(name.endswith("/licenses/LICENSE") for name in held)
    for package in PACKAGES:
        modules = {str(path.relative_to(root)) for path in (root / package).rglob("*.py")}
        assert modules
        assert modules <= held


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_what_is_installed_is_what_is_imported(installed: Path, tmp_path: Path) -> None:
    code = f"import {', '.join(PACKAGES)}\n" + "\n".join(
        f"print({package}.__file__)" for package in PACKAGES
    )
    python = [str(installed / "bin" / "python"), "-c", code]
    said = subprocess.run(python, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert [Path(line) for line in said.split()] == [
        _packages(installed) / package / "__init__.py" for package in PACKAGES
    ]


def test_the_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "bin" / "callvault"), "config"]
    said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert '"gateway"' in said
