"""Do the activities of a worker ask, before they write, in which data region an archive lies?"""

from contextlib import closing
from typing import Any

import pytest

from activities.clock import ServerTime
from activities.control import ControlActivities
from activities.export import ExportActivities
from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from workers import __main__ as process
from workers.clients import Connections
from workers.registry import RUNNER


def settings() -> Settings:
    archive = {"kind": "directory", "path": "/never-written"}
    bank = {
        "endpoint": "https://acs.example",
        "credential": {"entra": True},
        "archive": "main",
        "data_region": "Europe",
    }
    return Settings.model_validate(
        {
            "resources": {"bank": bank},
            "archives": {
                "main": {**archive, "data_region": "Europe"},
                "former": {**archive, "data_region": "Asia"},
            },
        }
    )


async def test_an_export_and_a_start_refuse_an_archive_of_another_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_activities(client: Any, activities: Any, *others: Any, **options: Any) -> Any:
        return activities

    for name in [name for name in vars(process) if name.endswith("_worker")]:
        monkeypatch.setattr(process, name, only_activities)
    told = settings()
    nobody: Any = None
    with closing(Connections(told)) as connections:
        workers: list[Any] = list(
            process._workers(nobody, connections, told, None, {}, RUNNER, ServerTime(), nobody)
        )
    writing = [each for each in workers if isinstance(each, ControlActivities | ExportActivities)]
    assert len(writing) == 2
    for activities in writing:
        activities._refuse_other_region("bank", "main")
        with pytest.raises(ConfigurationError, match="former lies in Asia"):
            activities._refuse_other_region("bank", "former")
