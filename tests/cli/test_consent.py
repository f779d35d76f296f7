"""Is a decision that a person types read, or refused with a sentence that repeats nobody's id?"""

import pytest
from typer.testing import CliRunner

from callvault.cli.controls import _decision
from callvault.cli.main import app
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, hiding, participant_hash
from callvault.errors import InvalidRequest

ANA = "8:acs:ana"
NOBODY = ["", " ", "\udcff", "8:acs:\udcff", "ana@example.com"]
LONG = "x" * (2 * MAX_TEXT)


def refusal(*words: str) -> str:
    """Run a command that is refused; return the sentence that the operator reads."""
    done = CliRunner().invoke(app, ["recordings", *words])
    assert isinstance(done.exception, InvalidRequest), done.exception
    return str(done.exception)


@pytest.mark.parametrize("participant", NOBODY)
@pytest.mark.parametrize("words", [("consent", "a-call"), ("evidence", "a-call", "--participant")])
def test_what_is_no_participant_is_refused_and_not_repeated(
    words: tuple[str, ...], participant: str
) -> None:
    said = refusal(*words, participant)
    assert said.startswith("this is no id of a participant: ")
    assert not [odd for odd in ("ana@", "8:acs:\udcff") if odd in said]


@pytest.mark.parametrize("option", ["--reason", "--method", "--evidence", "--jurisdiction"])
@pytest.mark.parametrize("text", [LONG, "\udcff"])
def test_an_agreement_with_an_odd_text_is_refused_with_its_name(option: str, text: str) -> None:
    said = refusal("consent", "a-call", ANA, option, text)
    assert said.startswith(f"{option.strip('-')}: ")
    assert ANA not in said
    assert text not in said


@pytest.mark.parametrize("field", ["reason", "method", "evidence", "jurisdiction", "requested_by"])
def test_a_withdrawal_is_never_refused_for_its_form(field: str) -> None:
    facts = {"participant": ANA, "given": False}
    told = _decision({**facts, field: LONG}, hiding("key"))
    assert (told.given, told.participant) == (False, participant_hash(ANA, "key"))
    assert getattr(told, field) == LONG[: MAX_TEXT - 1] + "…"
    odd = _decision({**facts, field: "\udcff"}, hiding("key"))
    assert (odd.given, odd.participant) == (False, participant_hash(ANA, "key"))
    assert odd.problem


@pytest.mark.parametrize("participant", ["", "\udcff"])
def test_a_withdrawal_of_nobody_that_can_be_read_is_that_of_somebody(participant: str) -> None:
    told = _decision({"participant": participant, "given": False}, hiding("key"))
    assert (told.given, told.participant) == (False, UNKNOWN_PARTICIPANT)
    assert told.problem.startswith("participant: ")
