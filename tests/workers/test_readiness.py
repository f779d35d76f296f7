"""Does a worker say that it is not ready while its archive cannot be reached?"""

import asyncio
import re
import threading
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callvault.archive.identity import ProvenArchive, make_identity
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.config.settings import Settings
from callvault.local.processes import Supervisor
from callvault.local.stack import CALLVAULT, environment_of
from callvault.local.temporal import free_ports, start_temporal
from callvault.problems import Problems
from workers import readiness
from workers.readiness import Readiness, needed
from workers.roles import Role


def archives(root: Path) -> dict[str, Callable[[], Archive]]:
    return {"main": lambda: ProvenArchive(DirectoryArchive("main", root))}


async def test_it_is_told_once_when_an_archive_goes_and_once_when_it_is_back(
    tmp_path: Path,
) -> None:
    root, told, problems = tmp_path / "archive", list[dict[str, Any]](), Problems()
    looking = Readiness(archives(root), problems, tell=told.append)
    for _ in range(2):
        await looking.look()
    assert [line["ready"] for line in told] == [False]
    assert "callvault setup" in told[0]["missing"]["archive main"]
    assert set(problems.current()) == {"archive main"}

    make_identity(DirectoryArchive("main", root), None, datetime.now(UTC))
    for _ in range(2):
        await looking.look()
    assert told[1:] == [{"ready": True}]
    assert problems.current() == {}
    root.rename(tmp_path / "away")
    await looking.look()
    assert told[-1]["ready"] is False


async def test_an_archive_that_hangs_is_asked_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "LOOK_TIMEOUT", 0.1)
    make_identity(DirectoryArchive("main", tmp_path), None, datetime.now(UTC))
    asked, go_on = list[int](), threading.Event()

    def hangs() -> Archive:
        asked.append(1)
        go_on.wait()
        return DirectoryArchive("main", tmp_path)

    told = list[dict[str, Any]]()
    looking = Readiness({"main": hangs}, Problems(), tell=told.append)
    async with asyncio.timeout(5):
        for _ in range(3):
            await looking.look()
        go_on.set()
        while told[-1] != {"ready": True}:
            await looking.look()
    assert (asked, len(told)) == ([1], 2)
    assert told[0]["missing"] == {"archive main": "it does not answer within 0.1 s"}


def test_archives_that_only_stand_in_are_not_needed() -> None:
    resource = {"endpoint": "https://acs.example", "credential": {"entra": True}}
    tree = {
        "resources": {"default": {**resource, "archive": "main", "fallback_archive": "spare"}},
        "archives": {
            name: {"kind": "directory", "path": f"/{name}"} for name in ("main", "spare", "old")
        },
    }
    assert set(needed(Settings.model_validate(tree))) == {"main"}


@pytest.mark.slow("a Temporal server, and workers as processes")
@pytest.mark.server
@pytest.mark.parametrize("only", [None, Role.CONTROL])
def test_a_worker_process_says_so_and_its_health_check_fails(
    only: Role | None, tmp_path: Path
) -> None:
    config = tmp_path / "callvault.toml"
    config.write_text(
        f"""
        [resources.default]
        endpoint = "https://acs.example"
        credential.entra = true
        [archives.main]
        kind = "directory"
        path = "{tmp_path / "archive"}"
        [worker]
        metrics_address = "127.0.0.1:{free_ports(1)[0]}"
        """
    )
    with Supervisor(tmp_path / "logs") as supervisor:
        environment = environment_of(config, start_temporal(supervisor))
        options = ["--only", only.value] if only else []
        worker = supervisor.start(
            "worker", [*CALLVAULT, "worker", *options], environment=environment
        )
        said = worker.wait_for(lambda: worker.announcement("ready"))
        assert said["ready"] is (only is Role.CONTROL), "who only controls needs no archive"
        assert healthy(config) is said["ready"]


def healthy(config: Path) -> bool:
    """Return what the health check in Compose finds, by the expression that stands there."""
    compose = Path(__file__).parents[2] / "docker-compose.yml"
    [expression] = re.findall(r"re\.search\(rb'(.*?)',", compose.read_text())
    [address] = re.findall(r'metrics_address = "(.*)"', config.read_text())
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        page: bytes = answer.read()
    assert b"callvault_worker_ready" in page
    return re.search(expression.replace("\\\\", "\\").encode(), page) is not None
