"""The commands for events: delivery by hand, sweeps and their Schedule."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client
from temporalio.service import RPCError
from typer.testing import CliRunner

from callvault.cli.main import app
from callvault.contracts import names
from callvault.errors import CallvaultError
from callvault.local.azurite import Azurite
from tests.gateway.conftest import TOPIC, Call, as_cloud_event
from tests.ingest.dead_lettering import dead_lettered, marked, put
from tests.ingest.quarantine_places import container as container_of
from tests.ingest.quarantine_places import opened, still_waiting

Says = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def says(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Says:
    """Runs a command, in a thread as it brings its own loop; its exit status and what it prints."""
    for name, value in {**environment, "CALLVAULT_LOG__LEVEL": "error"}.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str | Path, stdin: object = None) -> tuple[int, str]:
        words = [str(argument) for argument in arguments]
        ended = await asyncio.to_thread(CliRunner().invoke, app, words, json.dumps(stdin))
        if isinstance(ended.exception, CallvaultError):
            return 1, str(ended.exception)
        return ended.exit_code, ended.output

    return run


async def test_events_are_delivered_by_hand_and_each_one_is_told_of(
    says: Says, call: Call, tmp_path: Path
) -> None:
    known, foreign = call.recorded(), call.recorded(topic=TOPIC + "x")
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(map(json.dumps, [known, as_cloud_event(known), foreign])))
    status, output = await says("events", "deliver", lines, "-", stdin=known)
    good = f"delivered: RecordingFileStatusUpdated {known['id']} to {call.workflow_id}"
    assert output.count(good) == 3
    assert f"not understood: RecordingFileStatusUpdated {foreign['id']}: no resource" in output
    assert status == 1
    assert await call.names_received() == [names.FILE_STATUS_UPDATED] * 3


async def test_an_event_that_nobody_needs_is_no_failure(says: Says, call: Call) -> None:
    status, output = await says("events", "deliver", "-", stdin=call.ended())
    assert (status, output.split()[:2]) == (0, ["ignored:", "CallEnded"])


async def test_a_sweep_tells_what_it_found_and_fails_where_something_is_left(
    says: Says, call: Call, container: ContainerClient
) -> None:
    dead_letter = put(container, [dead_lettered(call.recorded())])
    odd = put(container, b"?")
    status, output = await says("sweep")
    assert "dead letters grid: 2 letters, 1 events delivered, 0 of no interest, 1 not" in output
    assert f"  {odd}: the body is not JSON" in output
    assert status == 1
    assert marked(container) == {dead_letter}
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


async def test_a_container_that_cannot_be_swept_is_told_and_the_others_are_swept(
    says: Says, call: Call, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_DEAD_LETTERS__FIRST__CONTAINER", "no-such-container")
    monkeypatch.setenv("CALLVAULT_DEAD_LETTERS__FIRST__CONNECTION_STRING", "env:TEST_STORAGE")
    dead_letter = put(container, [dead_lettered(call.recorded())])
    status, output = await says("sweep")
    assert "not swept to its end: dead letters first, listing the container" in output
    assert status == 1
    assert marked(container) == {dead_letter}


async def test_the_quarantine_is_swept_by_its_own_option(says: Says, tmp_path: Path) -> None:
    status, output = await says("sweep", "--quarantine")
    assert status == 1, "the directory of another machine is not an empty one"
    assert "quarantine cannot be listed: No such file" in output
    (tmp_path / "quarantine").mkdir()
    nothing = "0 letters, 0 events delivered, 0 of no interest, 0 not understood"
    assert await says("sweep", "--quarantine") == (0, f"quarantine: {nothing}\n")


async def test_a_quarantined_delivery_is_delivered_by_its_name(
    says: Says, call: Call, azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.dumps([call.recorded()]).encode()
    with container_of(azurite, tmp_path) as place:
        for key, value in place.table.items():
            monkeypatch.setenv(f"CALLVAULT_GATEWAY__QUARANTINE__{key.upper()}", value)
        monkeypatch.setenv("CALLVAULT_CONFIG", str(without_quarantine(tmp_path)))
        with closing(opened(place)) as quarantine:
            name = await quarantine.store("odd", {}, event)
            odd = await quarantine.store("odd", {}, b"?")
            status, output = await says("events", "deliver", "--quarantine", name, odd)
            assert status == 1
            assert f"to {call.workflow_id}" in output
            assert f"not understood: {odd}: the body is not JSON" in output
            assert still_waiting(place, quarantine) == {odd}

            # It can be delivered once more, as after a restore of the archive.
            again = await says("events", "deliver", "--quarantine", "--again", name)
            assert again[0] == 0
            for path in ("../x.event", str(tmp_path / "secret"), "x.event.txt"):
                status, output = await says("events", "deliver", "--quarantine", path)
                assert status == 1
                assert "no name of a quarantined delivery" in output


def without_quarantine(home: Path) -> Path:
    """Write the settings without the directory: tables of both kinds cannot be mixed."""
    file = home / "callvault.toml"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not line.startswith("quarantine")))
    return file


async def test_the_schedule_of_the_quarantine_is_another_one(
    says: Says, temporal: Client, azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with container_of(azurite, tmp_path) as place:
        for key, value in place.table.items():
            monkeypatch.setenv(f"CALLVAULT_GATEWAY__QUARANTINE__{key.upper()}", value)
        monkeypatch.setenv("CALLVAULT_CONFIG", str(without_quarantine(tmp_path)))
        status, output = await says("sweep", "--quarantine", "--every", "15m")
        assert (status, output) == (
            0,
            "Schedule callvault-sweep-quarantine set: the quarantine, every 0:15:00.\n",
        )
        await temporal.get_schedule_handle(names.QUARANTINE_SCHEDULE).describe()
        status, output = await says("sweep", "--quarantine", "--remove")
        assert output == "Schedule callvault-sweep-quarantine removed.\n"


async def test_the_schedule_is_set_changed_and_removed(says: Says, temporal: Client) -> None:
    status, output = await says("sweep", "grid", "--every", "15m")
    assert (status, output) == (0, "Schedule callvault-sweep set: grid, every 0:15:00.\n")
    handle = temporal.get_schedule_handle(names.SWEEP_SCHEDULE)
    [interval] = (await handle.describe()).schedule.spec.intervals
    assert interval.every.total_seconds() == 15 * 60

    assert "changed: all dead letters, every 1:00:00" in (await says("sweep", "--every", "1h"))[1]
    assert (await says("sweep", "--remove"))[1] == "Schedule callvault-sweep removed.\n"
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()


@pytest.mark.parametrize(
    ("arguments", "refused", "sentence"),
    [
        (["--every", "often"], 2, "write a number with a unit"),
        (["nobody"], 1, "there is no dead-letter container 'nobody' in the configuration"),
        (["--quarantine", "grid"], 1, "--quarantine takes no names"),
        (["--quarantine", "--every", "1h"], 1, "the quarantine is a directory of the gateway's"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    arguments: list[str], refused: int, sentence: str, says: Says
) -> None:
    status, output = await says("sweep", *arguments)
    assert status == refused
    assert sentence in output
