"""Does an alarm say why ACS does not do what it was asked?"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey, parse_connection_string
from callvault.causes import Cause
from callvault.contracts.alarms import AlarmKind
from callvault.emulator.server import running
from callvault.errors import AccessDenied, InvalidRequest, Unavailable
from tests.acs.service import KEY_TEXT

from .scene import Scene, released

SOON = timedelta(seconds=30)


@pytest.fixture
def dead_key() -> Iterator[Callable[[str, str], None]]:
    """Return the pause of a real client, whose key the emulator does not accept."""
    with running() as emulator:
        endpoint, _ = parse_connection_string(emulator.connection_string)
        with AcsClient(endpoint, AccessKey(KEY_TEXT)) as client:
            yield client.pause


async def test_h20_a_dead_key_is_told_in_alarm_status_and_page(
    scene: Scene, dead_key: Callable[[str, str], None]
) -> None:
    await scene.recorded()
    pause, service = scene.service.pause, scene.service
    service.pause = dead_key  # type: ignore[method-assign]
    await scene.says("pause", requested_by="agent", request_id="p1")
    await scene.passes(SOON)
    await scene.is_notified(1)
    alarm = next(a for a in scene.told() if a.kind is AlarmKind.PAUSE_UNCONFIRMED)
    assert alarm.cause is Cause.KEY
    assert "(it is not confirmed yet: could not pause a recording: ACS answered 401" in alarm.what
    assert alarm.what.endswith("(docs/operations.md#cause-key)")
    trouble = (await scene.recording()).trouble
    assert trouble is not None
    assert (trouble.operation, trouble.cause) == ("pause", Cause.KEY)
    assert "401" in (await scene.status()).requests["p1"].problem
    assert "pause is not done: could not pause" in await scene.details()

    service.pause = pause  # type: ignore[method-assign]
    await scene.passes(timedelta(minutes=1))
    recording = await scene.until(lambda recording: recording.actual == "paused")
    assert recording.trouble is None


@pytest.mark.parametrize("cause", [Cause.NAME_SERVICE, Cause.CLOCK, Cause.ENDPOINT])
async def test_h20_each_cause_has_its_own_text(scene: Scene, cause: Cause) -> None:
    await scene.recorded()
    away = Unavailable("ACS is away", cause=cause)
    scene.service.fails("pause", away, times=1_000)
    await scene.says("pause", requested_by="agent")
    await scene.passes(SOON)
    await scene.is_notified(1)
    [alarm] = scene.told()
    assert alarm.cause is cause
    assert f"Cause {cause}, " in alarm.what


@pytest.mark.parametrize(
    ("error", "cause"),
    [(InvalidRequest("no"), Cause.REFUSED), (AccessDenied("no", cause=Cause.CLOCK), Cause.CLOCK)],
)
async def test_h20_what_acs_refuses_and_what_does_not_begin_has_a_cause(
    scene: Scene, error: Any, cause: Cause
) -> None:
    scene.service.fails("start", error, times=1_000)
    await scene.keep(requested_by="backend")
    await scene.passes(timedelta(minutes=15))
    await scene.is_notified(1)
    [alarm] = scene.told()
    assert (alarm.kind, alarm.cause) == (AlarmKind.FAILED_TO_START, cause)


async def test_h20_a_stop_that_is_refused_has_a_cause(scene: Scene) -> None:
    await scene.recorded()
    scene.service.fails("stop", InvalidRequest("no"), times=1)
    await scene.says("stop")
    await scene.passes(SOON)
    await scene.is_notified(1)
    assert (scene.told()[0].kind, scene.told()[0].cause) == (
        AlarmKind.STATE_UNEXPECTED,
        Cause.REFUSED,
    )


async def test_h20_a_pause_without_an_answer_is_alarmed_in_time(scene: Scene) -> None:
    await scene.recorded()
    gate = scene.service.holds("pause")
    with released(gate):
        await scene.says("pause", requested_by="agent", request_id="p1")
        await scene.passes(SOON)
        await scene.is_notified(1)
        [alarm] = scene.told()
        asked = (await scene.status()).requests["p1"].received_at
        assert alarm.at - asked < timedelta(seconds=8)
        assert alarm.cause is Cause.NO_ANSWER
