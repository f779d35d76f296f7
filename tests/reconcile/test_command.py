"""The command itself: its table, its exit status, its Schedule."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow
from temporalio.service import RPCError

from callvault.archive.identity import make_identity
from callvault.contracts import names
from callvault.contracts.reconciliation import ReconcileInput
from callvault.local.stack import CALLVAULT

from .seeding import Vault, run_all, standing_in

SETTINGS = """
[resources.default]
endpoint = "https://acs.example"
credential.entra = true

[archives.main]
kind = "directory"
path = "{path}"
"""


async def says(
    client: Client, settings: Path, *arguments: str, command: str = "reconcile"
) -> tuple[int | None, str]:
    """Exit status and output."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("CALLVAULT_")}
    environment = {
        **inherited,
        "CALLVAULT_CONFIG": str(settings),
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    process = await asyncio.create_subprocess_exec(
        *(*CALLVAULT, command, *arguments), env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_a_reconciliation_of_nothing_is_no_success(temporal: Client, tmp_path: Path) -> None:
    settings = tmp_path / "callvault.toml"
    settings.write_text(SETTINGS.format(path=tmp_path / "archive"))
    make_identity(Vault(tmp_path).open(), None, datetime.now(UTC))
    nowhen = ("--since", "1s")
    assert (await says(temporal, settings, *nowhen))[0] == 1
    assert (await says(temporal, settings, *nowhen, "--json"))[0] == 1
    assert (await says(temporal, settings, *nowhen, "--may-be-empty"))[0] == 0


async def test_the_command_tells_of_gaps_and_makes_its_schedule(
    temporal: Client, tmp_path: Path
) -> None:
    vault = Vault(tmp_path)
    make_identity(vault.open(), None, datetime.now(UTC))
    vault.keep("whole")
    gone = vault.keep("gone")
    vault.path(gone.media.object_name).unlink()
    settings = tmp_path / "callvault.toml"
    settings.write_text(SETTINGS.format(path=tmp_path / "archive"))

    status, output = await says(temporal, settings, "--target", "50")
    assert status == 1
    assert "50.00 % complete, target 50 %" in output
    assert f"missing {names.workflow_id('gone')} recording 1" in output
    assert names.workflow_id("whole") not in output

    assert (await says(temporal, settings, "--every", "12h"))[0] == 0
    handle = temporal.get_schedule_handle(names.RECONCILE_SCHEDULE)
    action = (await handle.describe()).schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    [input] = await temporal.data_converter.decode(action.args, [ReconcileInput])
    assert input.since.total_seconds() == 24 * 3600

    assert "reconcile removed." in (await says(temporal, settings, "--remove"))[1]
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()


async def test_an_archive_that_cannot_be_read_is_no_success(
    temporal: Client, tmp_path: Path
) -> None:
    vault = Vault(tmp_path)
    make_identity(vault.open(), None, datetime.now(UTC))
    vault.keep("whole")
    settings = tmp_path / "callvault.toml"
    spare = f'[archives.spare]\nkind = "directory"\npath = "{tmp_path}/unmounted"\n'
    of_main = SETTINGS.format(path=tmp_path / "archive")
    named = of_main.replace("credential.entra", 'archive = "main"\ncredential.entra')
    settings.write_text(named + spare)
    status, output = await says(temporal, settings)
    assert status == 1
    assert "100.00 % complete, and not read: archive spare" in output


@pytest.mark.parametrize(
    ("archive_id", "sentence"),
    [(None, "there is no archive here"), ("a" * 32, "archive main is expected to be bbb")],
)
async def test_a_place_that_is_not_the_archive_is_said_so_and_nothing_is_told_missing(
    archive_id: str | None, sentence: str, temporal: Client, tmp_path: Path
) -> None:
    vault = Vault(tmp_path)
    call = f"kept-{archive_id}"
    kept = vault.keep(call)
    async with standing_in(temporal):
        await run_all(temporal, [kept.result])
    vault.path(kept.media.object_name).unlink()
    if archive_id:
        make_identity(vault.open(), archive_id, datetime.now(UTC))
    settings = tmp_path / "callvault.toml"
    settings.write_text(SETTINGS.format(path=tmp_path / "archive") + f'id = "{"b" * 32}"\n')
    status, output = await says(temporal, settings)
    assert (status, sentence in output) == (1, True), output
    assert f"unknown {names.workflow_id(call)}" in output
