"""Do the activities of a worker ask, before they write, in which data region an archive lies?"""

from contextlib import closing
from typing import Any

import pytest

from activities.clock import ServerTime
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

    for maker in ("control_worker", "notification_worker", "export_worker"):
        monkeypatch.setattr(process, maker, only_activities)
    told = settings()
    with closing(Connections(told)) as connections:
        nobody: Any = None
        control, _, export = process._workers(
            nobody, connections, told, None, {}, RUNNER, ServerTime()
        )
    for activities in (control, export):
        activities._refuse_other_region("bank", "main")  # type: ignore[attr-defined]
        with pytest.raises(ConfigurationError, match="former lies in Asia"):
            activities._refuse_other_region("bank", "former")  # type: ignore[attr-defined]
