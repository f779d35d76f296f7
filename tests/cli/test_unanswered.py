"""Do commands end with a sentence where a call's workflow does not answer, or in another way?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from temporalio.client import Client, WorkflowQueryFailedError

from callvault.cli.actions import recordings
from callvault.contracts import names
from callvault.contracts.status import CallStatus
from callvault.errors import Unavailable

CALL = names.workflow_id("a call")
ACTIONS = Path(recordings.__file__).parent


def of_another_version() -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        CallStatus.model_validate({"recordings": "secret"})
    return refused.value


@pytest.fixture(params=[WorkflowQueryFailedError("[TMPRL1100]"), of_another_version()], ids=type)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Client:
    async def query(*_: Any, **__: Any) -> None:
        raise request.param

    async def found(*_: Any) -> str:
        return CALL

    async def described(*_: Any) -> Any:
        return SimpleNamespace(run_id="newest")

    async def listed(*_: Any) -> Any:
        yield SimpleNamespace(run_id="before", start_time=1)

    monkeypatch.setattr(recordings, "find_call", found)
    monkeypatch.setattr(recordings, "describe_execution", described)
    monkeypatch.setattr(recordings, "list_executions", listed)
    handle = SimpleNamespace(query=query)
    return cast(Client, SimpleNamespace(get_workflow_handle=lambda *_, **__: handle))


async def test_a_workflow_that_does_not_answer_is_told(client: Client) -> None:
    for asking in (
        recordings.status(client, CALL),
        recordings.statuses(client, CALL),
        recordings.acknowledge(client, CALL, "ana", None),
    ):
        with pytest.raises(Unavailable, match=r"the workflow (does not answer|answers as another)"):
            await asking


def test_no_command_but_the_view_of_a_stuck_call_queries_by_itself() -> None:
    """What a query may raise is known to `CallReader`, and to that view, which goes on without."""
    asking = {each.name for each in ACTIONS.glob("*.py") if ".query(" in each.read_text()}
    assert asking == {"call_view.py"}
