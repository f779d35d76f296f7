"""Does the workflow decide the same when its history is replayed?"""

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from callvault.errors import Unavailable
from workers.registry import WORKFLOWS, runner

from .scene import Scene, chunk


async def test_a_life_with_pauses_failures_and_several_chunks_replays(scene: Scene) -> None:
    scene.service.fails("start", Unavailable("away"), times=1)
    scene.service.fails("open_content", Unavailable("away"), times=2)
    await scene.recorded()
    for verb in ("pause", "resume", "stop"):
        await scene.says(verb)
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk(1))
    await scene.announced(chunk(0, last=False), chunk(1))
    await scene.result()

    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=runner(),
        data_converter=pydantic_data_converter,
    )
    await replayer.replay_workflow(await scene.handle.fetch_history())
