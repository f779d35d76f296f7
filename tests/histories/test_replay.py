"""Does every recorded history replay with the code as it is, and is another order noticed?

What is recorded is named by version and story. A failure says what to do.
"""

from collections.abc import Callable

import pytest
from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)

from workers.registry import WORKFLOWS

from .recorded import VERSION, DoesNotReplay, Recorded, all_recorded, replay
from .stories import STORIES

ALL = all_recorded()
OF_THIS_VERSION = [each for each in ALL if each.version == VERSION]


def type_of(recorded: Recorded) -> str:
    started = recorded.history().events[0].workflow_execution_started_event_attributes
    return started.workflow_type.name


@pytest.mark.parametrize("recorded", [pytest.param(e, id=f"{e.version} {e.name}") for e in ALL])
async def test_a_recorded_history_replays(recorded: Recorded) -> None:
    await replay(recorded)


def test_every_workflow_of_a_worker_has_a_history_of_this_version() -> None:
    registered = {workflow._Definition.must_from_class(each).name for each in WORKFLOWS}
    missing = registered - {type_of(each) for each in OF_THIS_VERSION}
    assert not missing, "write a story of each in tests/histories, then run `make histories`"


def test_every_story_has_a_history_of_this_version_and_there_is_no_other() -> None:
    stories = {story.__name__.replace("_", "-") for story in STORIES}
    assert {each.name.partition(".")[0] for each in OF_THIS_VERSION} == stories, (
        "run `make histories`"
    )


class Changed(UnsandboxedWorkflowRunner):
    """Runs workflows as another version would, whose commands are changed in every task."""

    def __init__(self, change: Callable[[list[WorkflowCommand]], list[WorkflowCommand]]) -> None:
        super().__init__()
        self.change = change

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def changed(act: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(act)
            commands = self.change(list(completion.successful.commands))
            del completion.successful.commands[:]
            completion.successful.commands.extend(commands)
            return completion

        instance.activate = changed  # type: ignore[method-assign]
        return instance


def with_one_more(commands: list[WorkflowCommand]) -> list[WorkflowCommand]:
    """Put a change of the memo before all else."""
    more = WorkflowCommand()
    more.modify_workflow_properties.upserted_memo.fields["more"].data = b"1"
    return [more, *commands]


def in_another_order(commands: list[WorkflowCommand]) -> list[WorkflowCommand]:
    """Turn the order round; what ends a run stays at the end."""
    ends = [each for each in commands if (each.WhichOneof("variant") or "").endswith("_execution")]
    return [*(each for each in reversed(commands) if each not in ends), *ends]


@pytest.mark.parametrize("kind", sorted({type_of(each) for each in OF_THIS_VERSION}))
async def test_a_command_more_is_noticed_in_every_workflow(kind: str) -> None:
    recorded = next(each for each in OF_THIS_VERSION if type_of(each) == kind)
    await replay(recorded, Changed(lambda commands: commands))
    with pytest.raises(DoesNotReplay, match=r"workflow\.patched.*make histories"):
        await replay(recorded, Changed(with_one_more))


async def test_another_order_of_commands_is_noticed() -> None:
    noticed: dict[str, str] = {}
    for recorded in OF_THIS_VERSION:
        try:
            await replay(recorded, Changed(in_another_order))
        except DoesNotReplay as error:
            noticed[recorded.name] = str(error)
    told = f"The history plain-life of version {VERSION} does not replay"
    assert noticed["plain-life"].startswith(told)
    assert len(noticed) >= 10, "as many stories as have tasks with several commands"
