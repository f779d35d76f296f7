"""What an operator does about alarms, by the command line's own functions."""

from datetime import timedelta

import pytest
from rich.console import Console

from callvault.cli.actions import recordings as calls
from callvault.cli.actions.tables import call_table
from callvault.errors import InvalidRequest

from .scene import Scene, chunk


def shown(status: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(call_table(status))  # type: ignore[arg-type]
    return capture.get()


async def test_alarms_are_shown_and_acknowledged_by_name(scene: Scene) -> None:
    client, call = scene.environment.client, scene.server_call_id
    await scene.recorded()
    await scene.asks("stop")
    await scene.passes(timedelta(hours=2))
    status = await scene.status()
    assert "no_file_event" in {record.alarm.kind for record in status.alarms}
    assert "told" in shown(status)

    [first, *_] = await calls.acknowledge(client, call, "Olga", "1")
    assert first.alarm == status.alarms[0].alarm
    rest = await calls.acknowledge(client, call, "Olga", None)
    assert len(rest) == len(status.alarms) - 1
    with pytest.raises(InvalidRequest, match="no such alarm stands"):
        await calls.acknowledge(client, call, "Olga", None)
    assert "acknowledged by Olga" in shown(await scene.status())

    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_an_alarm_that_is_not_there_is_refused_with_those_that_are(scene: Scene) -> None:
    await scene.recorded()
    with pytest.raises(InvalidRequest, match="alarms of this call: none"):
        await calls.acknowledge(scene.environment.client, scene.server_call_id, "Olga", "x/1")
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
