"""Foreign text is inert wherever people read it: the terminal, a log line, a page (B16)."""

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from callvault.cli import main
from callvault.cli.actions.deliver import Told, say_json_line, say_outcome
from callvault.cli.actions.evidence import evidence_of, evidence_tables
from callvault.cli.actions.tables import call_table
from callvault.cli.terminal import say, say_json
from callvault.contracts.printable import (
    printable,
    printable_json,
    printable_lines,
    printable_markdown,
)
from callvault.errors import ConfigurationError, InvalidRequest
from workflows import page

from .call import Call, hashed

HOSTILE = "\x1b]0;owned\x07\x1b[2J[/red][bold]:smile:\r\n12:00:00 all consented\u202e\x9b31m\u2028"
CLI = Path(main.__file__).parent
anything = st.text(alphabet=st.characters(codec=None, exclude_categories=()))


def is_inert(text: str) -> bool:
    return all(each.isprintable() or each in "\n\xa0" for each in text)


@given(anything)
def test_a_printable_text_is_one_line_without_any_control(text: str) -> None:
    """B16: whatever characters come."""
    shown = printable(text)
    assert all(each.isprintable() or each.isspace() for each in shown)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown


@given(st.dictionaries(anything, anything))
def test_a_printable_document_is_the_same_json(document: dict[str, str]) -> None:
    """B16: JSON for the terminal says the same, and moves no cursor."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    shown = printable_json(text)
    assert json.loads(shown) == document
    assert is_inert(shown) or re.search(r"[\u1680\u2000-\u200a\u202f\u205f\u3000]", shown)


@pytest.mark.parametrize("text", ["", "agent-7", "Grüße, 山田 😀", "a\xa0b", "C:\\new"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == printable_lines(text) == printable_json(text) == text


def test_what_cannot_be_seen_is_shown() -> None:
    """B16: as an escape that tells the character."""
    assert printable("a\n\x1b[2J\u202e\ud83d") == r"a\n\x1b[2J\u202e\ud83d"
    assert printable_json('"\x9b\U000e0001"') == r'"\u009b\udb40\udc01"'


def test_a_further_line_is_never_taken_for_a_message_of_its_own() -> None:
    """B16: a traceback keeps its lines."""
    assert printable_lines("one\ntwo\n  three") == "one\n  two\n  three"


def hostile_call() -> Call:
    """A call in which every text of a caller is hostile."""
    call = Call(
        requested_by=HOSTILE,
        reason=HOSTILE,
        consent_policy="all_parties",
        participants=[hashed("ana")],
    )
    call.agrees("ana", method=HOSTILE, evidence=HOSTILE, jurisdiction=HOSTILE, requested_by=HOSTILE)
    call.confirms("start", "confirm")
    call.asks("pause", requested_by=HOSTILE, reason=HOSTILE)
    call.confirms("pause")
    call.withdraws("ana", reason=HOSTILE, requested_by=HOSTILE)
    call.recording.problem = call.recording.declined = HOSTILE
    return call


def rendered(table: RenderableType) -> str:
    console = Console(width=2000, file=io.StringIO(), force_terminal=False)
    with console.capture() as shown:
        console.print(table)
    return shown.get()


def test_a_callers_text_is_no_markup_and_no_escape_in_the_status() -> None:
    """B16: `show` of such a call neither crashes nor obeys."""
    shown = rendered(call_table(hostile_call().life.status))
    assert is_inert(shown)
    assert printable(HOSTILE) in shown
    assert not [line for line in shown.splitlines() if line.startswith("12:00:00 all consented")]


def test_a_callers_text_is_no_markup_and_no_escape_in_the_evidence() -> None:
    """B16: `evidence` of such a call neither crashes nor obeys."""
    shown = rendered(evidence_tables(evidence_of(hostile_call().life.status)))
    assert is_inert(shown)
    assert printable(HOSTILE) in shown
    assert not [line for line in shown.splitlines() if line.startswith("12:00:00 all consented")]


def test_an_events_id_is_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """B16: ids of events come from outside, too."""
    told = Told("ignored", HOSTILE, event_type=HOSTILE, event_id=HOSTILE)
    say_outcome(told)
    say_json_line(told)
    sentence, document = capsys.readouterr().out.splitlines()
    assert is_inert(sentence + document)
    assert printable(HOSTILE)[-20:] in sentence


def test_what_commands_print_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    """B16: sentences and JSON alike."""
    say(HOSTILE)
    say_json(json.dumps({"reason": HOSTILE}, ensure_ascii=False))
    sentence, document = capsys.readouterr().out.splitlines()
    assert is_inert(sentence + document)
    assert sentence == printable(HOSTILE)
    assert json.loads(document) == {"reason": HOSTILE}


@pytest.mark.parametrize(
    ("error", "lines"), [(InvalidRequest(HOSTILE), 1), (ConfigurationError("wrong:\n  a: b"), 2)]
)
def test_an_error_is_inert(
    error: Exception,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """B16: of errors, only those about settings, which are the operator's, have several lines."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    assert main._run() == 1
    shown = capsys.readouterr().err
    assert is_inert(shown)
    assert len(shown.splitlines()) == lines


def test_the_page_of_a_call_draws_no_callers_markup() -> None:
    """B16: Temporal's Web UI renders the details as Markdown."""
    markup = "[click](https://evil.example) <b>x</b> **bold** `code`\n\n# Title www.evil.example"
    call = Call(requested_by=markup, reason=markup)
    call.confirms("start", "confirm")
    call.asks("pause", requested_by=markup, reason=markup)
    call.confirms("pause")
    call.recording.problem = markup
    shown = page.of(call.life.status)
    assert printable_markdown(markup) in shown
    for sign in ("[click](", "<b>", "**bold", "`code`", "\n# Title", "https://", " www.evil"):
        assert sign not in shown


def test_every_command_prints_through_one_place() -> None:
    """B16: a new command cannot hand foreign text to Rich as markup by mistake."""
    forbidden = re.compile(r"typer\.echo|from rich\.table import Table$|rich\.markup", re.MULTILINE)
    ours = [file for file in CLI.rglob("*.py") if file.name not in {"terminal.py", "verify.py"}]
    assert [file.name for file in ours if forbidden.search(file.read_text("utf-8"))] == []
