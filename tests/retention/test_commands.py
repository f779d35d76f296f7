"""The commands `callvault erasures` and `callvault retention`, against a worker."""

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from temporalio.client import Client, ScheduleActionStartWorkflow, WorkflowHandle
from temporalio.service import RPCError
from typer.testing import CliRunner

from activities.erasure_places import places_of
from callvault.archive.access_log.log import AccessLog
from callvault.cli.main import app
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.erasures import ErasureInput, ErasureStatus
from callvault.contracts.retention import AtEnd, RetentionTerms
from callvault.local.stack import CALLVAULT
from tests.archive.sealed import SIGNER
from tests.schedules import trigger

from .corpus import Corpus
from .erasing import erasing

ANA, BEN = "8:acs:ana-secret", "4:+49301234567"
SETTINGS = """
participants.key = "env:PARTICIPANT_KEY"
gateway.quarantine = {{ kind = "directory", path = "{root}/quarantine" }}

[resources.default]
endpoint = "https://acs.example"
credential.entra = true
archive = "main"
{retention}

[archives.main]
kind = "directory"
path = "{root}/main"
signing_key = "file:{key}"

[archives.fallback]
kind = "directory"
path = "{root}/fallback"
signing_key = "file:{key}"
"""


@dataclass
class Terminal:
    """The command line, with a corpus and its settings."""

    client: Client
    corpus: Corpus
    key: Path

    def configure(self, retention: str = "") -> None:
        """Write the settings, those of the worker's corpus too."""
        self.key.write_bytes(SIGNER.pem())
        text = SETTINGS.format(root=self.corpus.root, key=self.key, retention=retention)
        self.settings.write_text(text)
        os.environ["PARTICIPANT_KEY"] = "the key of participants"
        places = places_of(load_settings(self.settings), {})
        terms = places.terms_of("default")
        assert terms is not None
        self.corpus.terms["default"] = terms
        assert places.terms_of("another") is None

    @property
    def settings(self) -> Path:
        return self.key.with_name("callvault.toml")

    async def runs(self, *arguments: str) -> tuple[int | None, str, str]:
        kept = {key: text for key, text in os.environ.items() if not key.startswith("CALLVAULT_")}
        process = await asyncio.create_subprocess_exec(
            *(*CALLVAULT, *arguments),
            env={
                **kept,
                "CALLVAULT_CONFIG": str(self.settings),
                "TEMPORAL_ADDRESS": self.client.service_client.config.target_host,
                "TEMPORAL_CONFIG_FILE": os.devnull,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def says(self, *arguments: str) -> str:
        status, out, err = await self.runs(*arguments)
        assert status == 0, err
        return out

    async def tells(self, *arguments: str) -> Any:
        return json.loads(await self.says(*arguments, "--json"))


@pytest.fixture
def terminal(
    temporal: Client,
    corpus: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Terminal:
    monkeypatch.setenv("PARTICIPANT_KEY", "the key of participants")
    terminal = Terminal(temporal, corpus, tmp_path_factory.mktemp("settings") / "key.pem")
    terminal.configure()
    return terminal


@pytest.mark.slow("runs seven commands as processes of their own")
async def test_an_erasure_is_planned_read_run_and_listed(
    terminal: Terminal, corpus: Corpus
) -> None:
    kept, other = corpus.keep(ANA), corpus.keep(BEN)
    person = ("--participant", ANA)
    planned = await terminal.tells("erasures", "plan", *person, "--by", "officer-1")
    shown = await terminal.says("erasures", "plan", *person)
    assert kept.folder in shown
    assert other.folder not in shown
    assert planned["token"] in shown
    assert corpus.places_with(kept.sample), "a plan erases nothing"
    order = ("erasures", "run", *person, "--plan", planned["token"], "--reason", "request 17")
    async with erasing(terminal.client, corpus):
        done = await terminal.says(*order)
        again = await terminal.tells(*order)
    assert "1 of 1 recordings are erased." in done
    assert "Certificate: " in done
    assert again["erased"] == 1, "the same order again tells what became of it"
    assert corpus.places_with(kept.sample, ANA.encode()) == []
    (erasure,) = await terminal.tells("erasures", "list")
    assert erasure["certificate"]["objects"] == 3
    assert "request 17" in await terminal.says("erasures", "list")
    assert "There is nothing to erase." in await terminal.says("erasures", "plan", *person)
    actions = [each.action for each in AccessLog(corpus.archives["main"], None).records()]
    assert actions == ["planned", "planned", "erased"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["erasures", "run", "--participant", ANA, "--reason", "x"], 2, "--plan"),
        (["erasures", "run", "--participant", ANA, "--plan", "0" * 64], 2, "--reason"),
        (["erasures", "run", "--participant", ANA, "--plan", "no", "--reason", "x"], 1, "no token"),
        (
            ["erasures", "run", "--participant", ANA, "--plan", "0" * 64, "--reason", " "],
            1,
            "needs a reason",
        ),
        (["erasures", "run", "--plan", "0" * 64, "--reason", "x"], 1, "name one"),
        (["erasures", "plan"], 1, "name one"),
        (["erasures", "plan", "--participant", ANA, "--recording", "r"], 1, "name one"),
        (["erasures", "plan", "--participant", " "], 1, "name one"),
        (["erasures", "plan", "--recording", "with space"], 1, "names nothing"),
        (["retention", "apply"], 1, "choose one"),
        (["retention", "apply", "--every", "1d", "--remove"], 1, "choose one"),
        (["retention", "apply", "--remove", "--dry-run"], 1, "--dry-run is for --every"),
    ],
)
def test_what_is_no_order_erases_nothing_and_says_what_to_do(
    terminal: Terminal, corpus: Corpus, arguments: list[str], status: int, sentence: str
) -> None:
    corpus.keep(ANA)
    before = sorted(corpus.root.rglob("*"))
    ended = CliRunner().invoke(app, [*arguments, "--config", str(terminal.settings)])
    told = f"{ended.output}{ended.exception}"
    assert (ended.exit_code, sentence in told) == (status, True), told
    assert sorted(corpus.root.rglob("*")) == before


async def test_a_stale_token_is_refused_with_what_to_do(terminal: Terminal, corpus: Corpus) -> None:
    corpus.keep(ANA)
    person = ("--participant", ANA)
    token = (await terminal.tells("erasures", "plan", *person))["token"]
    corpus.keep(ANA)
    async with erasing(terminal.client, corpus):
        status, _, complaint = await terminal.runs(
            "erasures", "run", *person, "--plan", token, "--reason", "x"
        )
    assert status == 1
    assert "plan it again, read it" in complaint
    assert corpus.places_with(ANA.encode())


def invoked(terminal: Terminal, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(terminal.settings)])


def test_a_hold_has_one_id_in_all_archives_and_one_release_ends_it(
    terminal: Terminal, corpus: Corpus
) -> None:
    kept = corpus.keep(ANA)
    place = ("holds", "place", "--call", kept.server_call_id, "--reason", "case 7")
    placed = [json.loads(invoked(terminal, *place, "--json").output) for _ in range(2)]
    assert placed[0] == placed[1], "the same hold again changes nothing"
    assert [each["archive"] for each in placed[0]] == ["fallback", "main"]
    (hold,) = {each["id"] for each in placed[0]}
    assert "case 7" in invoked(terminal, "holds", "list").output
    unknown = invoked(terminal, "holds", "release", "0" * 16, "--reason", "x")
    assert (unknown.exit_code, "is no hold of these" in str(unknown.exception)) == (1, True)
    assert invoked(terminal, "holds", "release", hold, "--reason", " ").exit_code == 1
    ended = invoked(terminal, "holds", "release", hold, "--reason", "settled")
    assert ended.output.count(f"Hold {hold} is released") == 2
    assert "There is no hold." in invoked(terminal, "holds", "list").output
    for archive in corpus.archives.values():
        actions = [each.action for each in AccessLog(archive, None).records()]
        assert actions == ["held", "released"]


DUE = 'retention = { keep_for = "1d", at_end = "erase" }'


async def test_what_is_due_is_planned_and_applied(terminal: Terminal, corpus: Corpus) -> None:
    due, longer = corpus.keep(ANA), corpus.keep(BEN, retention=timedelta(days=36_500))
    assert "There is nothing to erase." in await terminal.says("retention", "plan")
    terminal.configure(DUE)
    assert corpus.terms["default"] == RetentionTerms(
        retention=timedelta(days=1), at_end=AtEnd.ERASE
    )
    planned = await terminal.tells("retention", "plan")
    assert [each["folder"] for each in planned["plan"]["recordings"] if each["erases"]] == [
        due.folder
    ]
    async with erasing(terminal.client, corpus):
        await terminal.says("retention", "apply", "--plan", planned["token"])
    assert corpus.places_with(due.sample) == []
    assert corpus.places_with(longer.sample)
    assert all(report.ok for report in corpus.verify())


async def schedule_of(client: Client) -> tuple[ErasureInput, timedelta]:
    described = await client.get_schedule_handle(names.RETENTION_SCHEDULE).describe()
    action = described.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    (order,) = await client.data_converter.decode(action.args, [ErasureInput])  # type: ignore[arg-type]
    return order, described.schedule.spec.intervals[0].every


async def ran(client: Client) -> ErasureStatus:
    """Let the Schedule begin a run now, and wait for its result."""
    begun = await trigger(client.get_schedule_handle(names.RETENTION_SCHEDULE))
    handle: WorkflowHandle[Any, ErasureStatus] = client.get_workflow_handle(
        begun.workflow_id, run_id=begun.first_execution_run_id, result_type=ErasureStatus
    )
    return await asyncio.wait_for(handle.result(), 60)


@pytest.mark.slow("runs commands as processes, and three erasures")
async def test_a_schedule_reports_what_is_due_and_then_erases_it(
    terminal: Terminal, corpus: Corpus
) -> None:
    client, due = terminal.client, corpus.keep(ANA)
    terminal.configure(DUE)
    said = await terminal.says("retention", "apply", "--every", "1d", "--dry-run")
    assert "report what is due" in said
    order, every = await schedule_of(client)
    assert (order.dry_run, order.token, every) == (True, None, timedelta(days=1))
    async with erasing(client, corpus):
        report = await ran(client)
        assert (report.dry_run, report.recordings, report.erased) == (True, 1, 0)
        assert corpus.places_with(due.sample)
        await terminal.says("retention", "apply", "--every", "1d")
        report = await ran(client)
        assert (report.dry_run, report.recordings, report.erased) == (False, 1, 1)
        nothing = await ran(client)
        assert (nothing.recordings, nothing.certificates) == (0, ())
    assert corpus.places_with(due.sample) == []
    assert all(report.ok for report in corpus.verify())
    assert "removed" in await terminal.says("retention", "apply", "--remove")
    with pytest.raises(RPCError):
        await schedule_of(client)
