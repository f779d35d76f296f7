"""Does whoever was told of an alarm hear that it is over, whatever happened meanwhile?"""

from datetime import timedelta

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.errors import Unavailable

from .scene import SHORT_WINDOW, Scene, chunk
from .test_reset import FIRST, recalled, reset

AWAY = Unavailable("the service is away")


async def late(scene: Scene) -> None:
    """Have a file announced, and wait until it is late."""
    await scene.recorded()
    await scene.asks("stop")
    scene.world.refusing.add(scene.resource)
    await scene.announced(chunk())
    await scene.passes(timedelta(minutes=65))
    await scene.is_notified(1)


async def mended(scene: Scene) -> list[Alarm]:
    """Let the call end well; return what was told to be over."""
    scene.world.refusing.discard(scene.resource)
    assert (await scene.result()).outcome == "archived"
    return scene.resolved()


async def test_a_late_file_that_is_archived_is_told_to_be_over_once(scene: Scene) -> None:
    await late(scene)
    await scene.passes(timedelta(hours=6))
    await scene.is_notified(2)
    [over] = await mended(scene)
    assert {alarm.dedup_key for alarm in scene.told()} == {over.dedup_key}
    assert over.what == "recording 1, chunk 0: over: it is archived"
    assert scene.world.told.alarms[-1] is over, "after the alarms"


async def test_an_alarm_that_was_acknowledged_is_told_to_be_over_too(scene: Scene) -> None:
    await late(scene)
    await scene.signals(names.ACKNOWLEDGE, {"requestedBy": "operator"})
    assert len(await mended(scene)) == 1


async def test_a_run_that_takes_over_tells_the_end_of_what_the_one_before_has_told(
    scene: Scene,
) -> None:
    scene.world.max_history_events[scene.resource] = 60
    await late(scene)
    first = (await scene.handle.describe()).run_id
    for _ in range(30):
        await scene.says("pause")
    await scene.passes(timedelta(minutes=5))
    assert (await scene.handle.describe()).run_id != first
    [over] = await mended(scene)
    assert over.dedup_key == scene.told()[0].dedup_key


async def test_a_run_that_was_reset_tells_the_end_of_what_the_one_before_has_told(
    scene: Scene,
) -> None:
    await late(scene)
    await reset(scene, FIRST)
    await recalled(scene)
    overs = await mended(scene)
    assert {alarm.dedup_key for alarm in overs} == {alarm.dedup_key for alarm in scene.told()}


async def test_a_lost_file_is_late_no_more_and_its_loss_is_never_over(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    scene.service.fails("open_content", AWAY, times=10_000)
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "lost"
    [over] = scene.resolved()
    assert (over.kind, over.is_loss) == (AlarmKind.EXPORT_LATE, True)
    [lost] = [alarm for alarm in scene.told() if alarm.kind is AlarmKind.LOST]
    assert not lost.resolves
