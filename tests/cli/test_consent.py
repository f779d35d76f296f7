"""Is a decision that a person types read, or refused with a sentence that repeats nobody's id?"""

import base64
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from temporalio.client import Client
from typer.testing import CliRunner

from callvault.cli.actions import recordings
from callvault.cli.controls import _decision
from callvault.cli.main import app
from callvault.contracts import names
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, hiding, participant_hash
from callvault.errors import InvalidRequest
from callvault.temporal.decisions import DecisionClient
from callvault.temporal.rpc_errors import WorkflowNotFound

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


CONNECTION = "41b1c0a6-7e29-4f1a-9f5f-0a1f6c7a3a11"
RECORDING = base64.b64encode(f'{{"PlatformEndpointId":"{CONNECTION}"}}'.encode()).decode()
DECISION = ConsentDecision(participant=UNKNOWN_PARTICIPANT, given=False)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The workflows that take decisions, each with whether it was begun for it."""
    found: list[tuple[str, bool]] = []

    async def find_call(client: Client, call: str) -> str:
        if call == "kept":
            return KEPT
        raise InvalidRequest("there is no recording", status=404, code="not_found")

    async def describe(self: DecisionClient, workflow_id: str) -> None:
        return None

    async def answered(
        self: DecisionClient, workflow_id: str, decision: ConsentDecision, arguments: Any = None
    ) -> ConsentRecord:
        if workflow_id != KEPT and arguments is None:
            raise WorkflowNotFound("not found")
        found.append((workflow_id, arguments is not None))
        return ConsentRecord(
            participant=decision.participant, given=False, decided_at=NOON, received_at=NOON
        )

    monkeypatch.setattr(recordings, "find_call", find_call)
    monkeypatch.setattr(DecisionClient, "_describe", describe)
    monkeypatch.setattr(DecisionClient, "_answered", answered)
    return found


KEPT = names.workflow_id("the call")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def decided(call: str) -> bool:
    return (await recordings.decide(cast(Client, None), call, "default", DECISION))[1]


async def test_a_decision_reaches_its_call_by_any_id_of_it(reached: list[Any]) -> None:
    assert not await decided("kept")
    assert reached == [(KEPT, False)]


async def test_a_call_that_nobody_keeps_is_begun_to_be_kept_by_its_server_call_id(
    reached: list[Any],
) -> None:
    assert await decided(" a-call\n")
    assert reached == [(names.workflow_id("a-call"), True)]


@pytest.mark.parametrize(
    "call", [CONNECTION, RECORDING, RECORDING.rstrip("="), names.workflow_id("x")]
)
async def test_under_an_id_of_another_sort_no_call_is_begun(reached: list[Any], call: str) -> None:
    """The recording itself would go on, and its withdrawal be told as done."""
    with pytest.raises(InvalidRequest) as refused:
        await decided(call)
    assert refused.value.code == "not_found"
    assert reached == []
