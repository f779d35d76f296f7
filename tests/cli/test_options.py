"""Do the options of every command mean the same, and does a wrong one say what is right?"""

import asyncio
import getpass
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from temporalio.client import WorkflowExecutionStatus
from typer.main import get_command
from typer.testing import CliRunner

from callvault.cli.main import EXIT_STATUS, app
from callvault.cli.options import one_of, os_user, person
from callvault.contracts.states import RecordingState

from .conftest import Terminal

ROLES = {"worker", "gateway", "ingest queue", "emulator", "demo", "dev"}
"""Commands that run until they are told to stop, or play a story."""

ALWAYS_JSON = {"config"}


def walked(command: Any, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all those below it, each by its whole name; the first has none."""
    yield above, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walked(below, f"{above} {name}".strip())


TREE = dict(walked(get_command(app)))
ALL = {name: each for name, each in TREE.items() if not hasattr(each, "commands")}
"""The commands themselves, without the groups of commands."""


def options(command: str) -> set[str]:
    return {option for each in ALL[command].params for option in each.opts}


def completed(command: str, incomplete: str) -> set[str]:
    """Return what a shell offers behind this command."""
    words = ["callvault", *command.split()]
    asked = {
        "_CALLVAULT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join([*words, incomplete]),
        "COMP_CWORD": str(len(words)),
    }
    return set(CliRunner().invoke(app, prog_name="callvault", env=asked).stdout.split())


@pytest.mark.parametrize("command", sorted(TREE))
@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_every_command_tells_its_options_and_exit_statuses(command: str, asked: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), asked], env={"COLUMNS": "200"})
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"Usage: callvault {command}".rstrip() in done.stdout
    assert "Exit status: 0 done; 1 not done" in done.stdout
    # Typer's own choices name no nearest word: `choice` declares ours.
    assert not re.search(r"<\w+\|", done.stdout)


def test_the_exit_statuses_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    table = page.partition("### Exit status")[2].partition("###")[0]
    told = set(re.findall(r"(\d+ \+ n|\d) [a-z]", EXIT_STATUS))
    assert told == set(re.findall(r"^\| (\d+ \+ n|\d) \|", table, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(TREE))
def test_a_shell_completes_the_commands_and_options_of_every_command(command: str) -> None:
    below = {name for name in TREE if name and name.rpartition(" ")[0] == command}
    assert completed(command, "") >= {name.rpartition(" ")[2] for name in below}
    long = {o for each in TREE[command].params for o in each.opts if o.startswith("--")}
    assert completed(command, "--") >= long


@pytest.mark.parametrize("command", sorted(ALL.keys() - ROLES - ALWAYS_JSON))
def test_every_command_that_prints_can_print_json(command: str) -> None:
    assert "--json" in options(command)


@pytest.mark.parametrize(
    "command",
    [
        *("start", "adopt", "pause", "resume", "stop", "retry", "export-now"),
        *("acknowledge", "consent"),
    ],
)
def test_every_command_that_asks_for_something_says_who_asks(command: str) -> None:
    assert "--by" in options(f"recordings {command}")


def test_who_asks_is_whoever_runs_the_command_if_nobody_is_named() -> None:
    assert person("  ") == person("") == os_user()
    assert person(" olga ") == "olga"
    with pytest.raises(typer.BadParameter, match="at most 1024"):
        person("x" * 1025)


def test_a_user_without_a_name_is_named_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a process may run under a number that no file knows: a pause must go on."""

    def unknown() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert os_user() == f"uid {os.getuid()}"


@pytest.mark.parametrize(
    ("wrong", "near"), [("archivd", "archived"), ("Awaiting-Consent", "awaiting_consent")]
)
def test_a_word_that_is_not_allowed_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"Did you mean {near}\\?.*declined"):
        one_of(RecordingState, "state")(wrong)
    with pytest.raises(typer.BadParameter, match=r"'x' is no state\. Allowed: "):
        one_of(RecordingState, "state")("x")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("demo", "--scenario", "card_paymnt"), "Did you mean card-payment? Allowed: basic,"),
        (("worker", "--only", "export"), "Did you mean exports? Allowed: control, exports"),
        (("emulator", "--media", "reel"), "Did you mean real? Allowed: real, sparse"),
        (("recordings", "start", "x", "--content", "audio_vdeo"), "Did you mean audioVideo?"),
        (("recordings", "list", "--state", "lst"), "Did you mean lost? Allowed: "),
        (("recordings", "list", "--jsn"), "Possible options: --json"),
        (("recordngs",), "Did you mean 'recordings'?"),
        (("reconcile", "--since", "yesterday"), 'as "48h"'),
    ],
)
def test_what_is_wrong_is_refused_with_what_is_right(words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert said in done.stderr


async def test_help_and_version_need_no_server(terminal: Terminal) -> None:
    nowhere = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
    assert (await terminal.runs("--version", **nowhere))[1].startswith("callvault 0.")
    for words in (("-h",), ("recordings", "list", "-h"), ("duties", "done", "-h")):
        status, out, _ = await terminal.runs(*words, **nowhere)
        assert (status, "Usage: " in out) == (0, True)


async def test_a_shell_completes_commands(terminal: Terminal) -> None:
    asked = {
        "_CALLVAULT_COMPLETE": "complete_bash",
        "COMP_WORDS": "callvault recordings ex",
        "COMP_CWORD": "2",
    }
    _, out, _ = await terminal.runs(**asked)
    assert out.split() == ["explain", "export-now"]


async def test_an_id_that_nobody_keeps_is_refused_with_what_was_tried(terminal: Terminal) -> None:
    said = await terminal.refuses("recordings", "show", "no-such-call")
    assert "serverCallId, recordingId or callId" in said


async def test_an_id_that_was_cut_off_is_refused_with_the_whole_one(terminal: Terminal) -> None:
    kept = await terminal.kept("call-to-be-found")
    said = ""
    async with asyncio.timeout(60):
        while kept.id not in said:
            said = await terminal.refuses("recordings", "stop", kept.id[:-3])
    assert f"did you mean {kept.id}?" in said
    assert (await kept.describe()).status is WorkflowExecutionStatus.RUNNING, "it was only meant"
