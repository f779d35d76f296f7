"""Does the workflow decide the same when its history is replayed?"""

import pkgutil
from types import FunctionType, ModuleType

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

import workflows
from callvault.errors import Unavailable
from callvault.temporal.converter import data_converter
from workers.registry import RUNNER, WORKFLOWS, sandbox

from .scene import Scene, chunk

RUNNERS = pytest.mark.parametrize(
    "runner", [pytest.param(RUNNER, id="of a worker"), pytest.param(sandbox(), id="sandbox")]
)


@RUNNERS
async def test_a_life_with_pauses_failures_and_several_chunks_replays(
    scene: Scene, runner: WorkflowRunner
) -> None:
    await replay(await a_life(scene), runner)


async def test_a_run_leaves_nothing_behind_in_the_modules_it_shares_with_others(
    scene: Scene,
) -> None:
    """Workers run all workflows on the same modules: what one left there, the next would find."""
    history = await a_life(scene)
    before = state_of_modules()
    assert "workflows.activity_options.HEARTBEAT_TIMEOUT" in before
    assert "workflows.loops.clock.LEEWAY" in before, "modules in subfolders hold state as well"
    assert "workflows.call.lifecycle.MAX_TIMELINE" in before

    await replay(history, RUNNER)

    assert state_of_modules() == before


async def a_life(scene: Scene) -> WorkflowHistory:
    scene.service.fails("start", Unavailable("away"), times=1)
    scene.service.fails("open_content", Unavailable("away"), times=2)
    await scene.recorded()
    for operation in ("pause", "resume", "stop"):
        await scene.says(operation)
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk(1))
    await scene.announced(chunk(0, last=False), chunk(1))
    await scene.result()
    return await scene.handle.fetch_history()


async def replay(history: WorkflowHistory, runner: WorkflowRunner) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter)
    await replayer.replay_workflow(history)


def state_of_modules() -> dict[str, str]:
    """Every value that the workflows' modules hold, as text; functions hold none that counts."""
    return {
        f"{module.name}.{name}": repr(value)
        for module in pkgutil.walk_packages(workflows.__path__, "workflows.")
        for name, value in vars(pkgutil.resolve_name(module.name)).items()
        if not name.startswith("__") and not isinstance(value, ModuleType | FunctionType)
    }
