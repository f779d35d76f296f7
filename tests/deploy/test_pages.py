"""What the pages tell a stranger is so: links, commands, targets, settings, states."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from callvault.cli.main import app
from callvault.config.settings import load_settings
from callvault.config.storage import AzureBlobSettings
from callvault.contracts.states import RecordingState

from .conftest import ROOT

PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", "node_modules", ".sdk", ".pytest_cache"} & set(path.parts)
)
FOLDERS = [
    page
    for page in PAGES
    if page.name == "README.md" and "tests" not in page.parts and list(page.parent.glob("*.py"))
]
"""Pages of folders with code; those of tests name a file only where its name does not say it."""
COVERED_BY_THE_PAGE_ABOVE = {
    ROOT / "callvault" / "cli" / "demo" / "scenarios",
}
BY_HAND = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "deploy/README.md")]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_folder_of_code_says_when_to_touch_it() -> None:
    folders = [
        ROOT / name
        for name in ("activities", "bench", "deploy", "docs", "tests", "workers", "workflows")
    ]
    folders += [path.parent for path in (ROOT / "callvault").rglob("__init__.py")]
    folders = [folder for folder in folders if folder not in COVERED_BY_THE_PAGE_ABOVE]
    folders += [path for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))]
    silent = [folder.name for folder in folders if not _says_when(folder / "README.md")]
    assert not silent


@pytest.mark.parametrize("page", FOLDERS, ids=lambda page: str(page.parent.relative_to(ROOT)))
def test_a_folders_page_names_all_of_its_files_and_no_others(page: Path) -> None:
    modules = {path.name for path in page.parent.glob("*.py")} - {"__init__.py"}
    tables = "".join(re.findall(r"^\|.*$", page.read_text(), re.MULTILINE))
    assert set(re.findall(r"`(\w+\.py)`", tables)) == modules


def _says_when(page: Path) -> bool:
    lines = page.read_text().splitlines() if page.exists() else []
    return any(line.startswith("Touch this folder when") for line in lines[:4])


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert named <= targets


def commands(group: Any, above: str = "") -> Iterator[str]:
    """All commands and groups of commands, each by its whole name."""
    for name, command in getattr(group, "commands", {}).items():
        yield (whole := f"{above} {name}".strip())
        yield from commands(command, whole)


def test_commands_that_are_named_exist() -> None:
    known = set(commands(get_command(app)))
    groups = "|".join({name.split()[0] for name in known if " " in name})
    text = "\n".join(page.read_text() for page in [*BY_HAND, *(ROOT / "docs").rglob("*.md")])
    pattern = rf"(?:`|bin/|^)callvault\s((?:{groups}) \w[\w-]*|[a-z]+)\b"
    named = set(re.findall(pattern, text, re.MULTILINE))
    assert {"worker", "gateway", "setup", "config", "demo", "recordings start"} <= named
    assert named <= known


def test_the_configuration_of_the_readme_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CALLVAULT_CONFIG", "CALLVAULT_LOG__LEVEL"):
        monkeypatch.delenv(name, raising=False)
    (text,) = blocks(ROOT / "README.md", "toml")
    file = tmp_path / "callvault.toml"
    file.write_text(text)
    settings = load_settings(file)
    assert settings.resource("default").export_window.total_seconds() == 24 * 3600
    assert isinstance(settings.archive("main"), AzureBlobSettings)


def test_the_configuration_of_archive_only_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLVAULT_CONFIG", raising=False)
    (text,) = blocks(ROOT / "docs" / "archive-only.md", "toml")
    file = tmp_path / "callvault.toml"
    file.write_text(text)
    assert load_settings(file).resource("default").archive_only


def test_the_python_of_the_readme_compiles() -> None:
    for text in blocks(ROOT / "README.md", "python"):
        body = "\n".join(f"    {line}" for line in text.splitlines())
        compile(f"async def backend():\n{body}", "README.md", "exec")


def test_the_picture_of_a_recordings_life_shows_every_state() -> None:
    (diagram,) = blocks(ROOT / "docs" / "architecture.md", "mermaid")
    shown = set(re.findall(r"^  (\w+) -->|--> (\w+)", diagram, re.MULTILINE))
    assert {name for pair in shown for name in pair if name} == {str(s) for s in RecordingState}


def test_the_changelog_tells_of_this_version() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.*)"$', pyproject, re.MULTILINE)
    assert version in (ROOT / "CHANGELOG.md").read_text()


def test_the_yaml_of_the_pages_can_be_read() -> None:
    for page in PAGES:
        for text in blocks(page, "yaml"):
            loaded: Any = YAML(typ="safe").load(text)
            assert loaded


def test_no_page_or_file_names_a_path_of_somebodys_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    home = re.compile(r"(?<![\w.:/-])/(?:home|Users|root)/\w")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {
            ".md",
            ".py",
            ".toml",
            ".yml",
            ".yaml",
            ".txt",
            ".sh",
        }:
            assert not home.search(path.read_text()), name
