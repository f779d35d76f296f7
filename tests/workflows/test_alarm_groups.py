"""Is one alarm sent for all calls that have its cause in common, and is none lost for that?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.alarm_links import Links
from activities.alarm_sender import AlarmSender
from callvault.archive.stores.directory import DirectoryArchive
from callvault.causes import Cause
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus
from callvault.errors import Unavailable
from callvault.temporal.alarm_groups import AlarmGroups, Place
from tests.patience import WAIT
from workflows.alarm_group import MAX_SIGNALS

from .conftest import delete_all
from .scene import Scene, Told, World, an_alarm, chunk
from .test_reset import LAST, reset_workflow

CALLS = 36
INTERVAL = timedelta(seconds=3)
HOURS = timedelta(hours=5)


class BrokenReceiver(Told):
    """A webhook that can be away."""

    is_away = False

    def send(self, alarm: Alarm) -> None:
        if self.is_away:
            raise Unavailable("the alarm webhook answered 503", owner="caller")
        super().send(alarm)


class FullWorld(World):
    """One resource, whose archive may be full; a file is late after some seconds."""

    late_after = timedelta(seconds=5)

    def policy_of(self, name: str) -> ResourcePolicy:
        schedule = {"escalation_schedule": (self.late_after,), "archive": name}
        return super().policy_of(name).model_copy(update=schedule)

    def archive_of(self, name: str) -> DirectoryArchive:
        if name in self.refusing:
            what = "the archive has no room left"
            raise Unavailable(what, owner="archive", cause=Cause.FULL)
        return super().archive_of(name)


@pytest.fixture
async def shop(
    skipping: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FullWorld]:
    # On a busy machine an alarm may else be sent without a cause or a group, which is right there.
    monkeypatch.setattr("activities.alarm_causes.FAILURE_TIMEOUT", timedelta(seconds=12))
    monkeypatch.setattr("activities.alarm_causes.ANSWER_TIMEOUT", timedelta(seconds=18))
    monkeypatch.setattr("callvault.temporal.alarm_groups.JOIN_TIMEOUT", timedelta(seconds=12))
    world = FullWorld(tmp_path)
    world.told = BrokenReceiver()

    def sender_of(client: Client) -> AlarmSender:
        links = Links("http://ui", "default", "http://docs/operations.md")
        return AlarmSender(world.told, links, AlarmGroups(client, INTERVAL))

    world.sender_of = sender_of
    with skipping.with_time_skipping_disabled():
        # Every file is tried before it is late: else the alarm knows no cause, or another one.
        async with world.working(skipping.client, WorkerSettings(max_concurrent_exports=64)):
            yield world
            await delete_all(skipping.client)


async def is_told(client: Client, group: str) -> None:
    """Wait until a receiver knows of a group: those that come with the first may be sent, too."""
    async with asyncio.timeout(WAIT):
        while True:
            with suppress(RPCError):
                memo = await (await client.get_workflow_handle(group).describe()).memo()
                if memo[names.MEMO_GROUP_TOLD]:
                    return
            await asyncio.sleep(0.1)


async def stuck(
    environment: WorkflowEnvironment, world: World, count: int, like: Scene | None = None
) -> list[Scene]:
    """Record calls of one resource whose archive is full, and announce their files."""
    calls = [Scene(environment, world) for _ in range(count)]
    first = like or calls[0]
    for call in calls:
        call.resource, call.service = first.resource, first.service
    world.refusing.add(first.resource)
    await asyncio.gather(*(call.hears_late(of_its_own(call)) for call in calls))
    return calls


def of_its_own(call: Scene) -> dict[str, object]:
    recording = f"recording-{call.server_call_id}"
    return call.event(chunk(document=f"0-eus-d1-{call.server_call_id[5:]}"), recording_id=recording)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.05)


def firing(told: Told) -> list[Alarm]:
    return [alarm for alarm in told.alarms if alarm.status is AlarmStatus.FIRING]


def resolved(told: Told) -> list[Alarm]:
    return [alarm for alarm in told.alarms if alarm.status is AlarmStatus.RESOLVED]


@pytest.mark.slow("several dozen calls in real time")
async def test_a_full_archive_leads_to_one_alarm_with_the_number_of_calls_and_one_end(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    calls = await stuck(skipping, shop, 1)
    resource = calls[0].resource
    group = names.alarm_group_id(f"archive/{resource}/full")
    await is_told(skipping.client, group)
    calls += await stuck(skipping, shop, CALLS - 1, like=calls[0])
    await until(lambda: any(alarm.count == CALLS for alarm in firing(shop.told)))
    first, *updates = firing(shop.told)
    assert (first.kind, first.cause, first.count) == (AlarmKind.EXPORT_LATE, Cause.FULL, 1)
    assert first.group_key == f"archive/{resource}/full"
    assert first.page_url.startswith("http://ui/namespaces/default/workflows/recording-")
    assert first.cause_url == "http://docs/operations.md#cause-full"
    assert all(alarm.count > 1 for alarm in updates)
    assert len(updates) < CALLS / 2, "now and then, not for each call"
    assert f"{CALLS} calls have this in common" in updates[-1].what
    for alarm in updates:
        assert alarm.dedup_key == first.dedup_key
    statuses = await asyncio.gather(*(call.status() for call in calls))
    assert all(status.alarms[0].sent_at for status in statuses), "counted at once"
    shop.refusing.clear()
    await until(lambda: bool(resolved(shop.told)))
    await asyncio.gather(*(call.handle.result() for call in calls))
    [over] = resolved(shop.told)
    assert (over.dedup_key, over.count) == (first.dedup_key, CALLS)
    assert shop.told.alarms[-1] is over
    await skipping.client.get_workflow_handle(group).result()


async def test_while_the_webhook_is_away_a_group_is_not_told_and_then_by_the_next_attempt(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    receiver = shop.told
    assert isinstance(receiver, BrokenReceiver)
    receiver.is_away = True
    calls = await stuck(skipping, shop, 3)
    for call in calls:
        await call.until(lambda recording: bool(recording.chunks))
    await asyncio.sleep(4)
    receiver.is_away = False
    await until(lambda: any(alarm.count == 3 for alarm in firing(receiver)))
    assert len({alarm.dedup_key for alarm in firing(receiver)}) == 1
    shop.refusing.clear()
    await until(lambda: bool(resolved(receiver)))


async def test_without_its_group_an_alarm_is_sent_by_itself_and_so_is_its_end(
    skipping: WorkflowEnvironment, shop: FullWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RuntimeError("Temporal is away")

    monkeypatch.setattr(AlarmGroups, "_join", away)
    calls = await stuck(skipping, shop, 2)
    await until(lambda: len(firing(shop.told)) == 2)
    assert {alarm.workflow_id for alarm in firing(shop.told)} == {c.handle.id for c in calls}
    shop.refusing.clear()
    await until(lambda: len(resolved(shop.told)) == 2)
    assert {a.dedup_key for a in resolved(shop.told)} == {a.dedup_key for a in firing(shop.told)}


async def test_of_alarms_that_come_at_the_same_moment_one_begins_the_group(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    alarm = an_alarm()
    who = [alarm.model_copy(update={"id": f"{number}"}) for number in range(12)]
    groups = AlarmGroups(skipping.client, INTERVAL)
    places = await asyncio.gather(*(groups._begin(each) for each in who), return_exceptions=True)
    begun = [place for place in places if isinstance(place, Place)]
    assert len(begun) == 1
    others = await asyncio.gather(*(asyncio.to_thread(groups.join, each) for each in who))
    assert {place.dedup_key for place in others if place} == {begun[0].dedup_key}
    over = alarm.model_copy(update={"status": AlarmStatus.RESOLVED})
    await asyncio.to_thread(groups.leave, over)


@pytest.mark.slow("hundreds of signals")
async def test_a_group_goes_on_in_run_after_run(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    groups, alarm = AlarmGroups(skipping.client, INTERVAL), an_alarm()
    place = await asyncio.to_thread(groups.join, alarm)
    assert place is not None
    await asyncio.to_thread(groups.delivered, alarm, place.dedup_key)
    handle = skipping.client.get_workflow_handle(names.alarm_group_id(alarm.group_key))
    first = (await handle.describe()).run_id
    stranger = an_alarm().model_copy(update={"status": AlarmStatus.RESOLVED})
    signals = (handle.signal(names.ALARM_IN_GROUP, stranger) for _ in range(MAX_SIGNALS))
    await asyncio.gather(*signals)
    async with asyncio.timeout(WAIT):
        while (described := await handle.describe()).run_id == first:
            await asyncio.sleep(0.2)
    assert (await described.memo())[names.MEMO_GROUP_TOLD], "the others are still counted"
    again = await asyncio.to_thread(groups.join, alarm.model_copy(update={"id": "another"}))
    assert again == Place(place.dedup_key, is_counted=True)
    over = alarm.model_copy(update={"status": AlarmStatus.RESOLVED})
    await asyncio.to_thread(groups.leave, over)
    await until(lambda: any(a.dedup_key == place.dedup_key for a in resolved(shop.told)))
    await handle.result()


async def test_a_group_of_nobody_ends_though_another_run_was_to_go_on(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    """Another run took the alarm that was withdrawn for one that began it, and kept it for days."""
    groups, alarm = AlarmGroups(skipping.client, INTERVAL), an_alarm()
    assert await asyncio.to_thread(groups.join, alarm) is not None
    handle = skipping.client.get_workflow_handle(names.alarm_group_id(alarm.group_key))
    first = (await handle.describe()).run_id
    stranger = an_alarm().model_copy(update={"status": AlarmStatus.RESOLVED})
    signals = (handle.signal(names.ALARM_IN_GROUP, stranger) for _ in range(MAX_SIGNALS - 1))
    await asyncio.gather(*signals)
    await asyncio.to_thread(groups.withdraw, alarm)
    async with asyncio.timeout(WAIT):
        await handle.result()
    assert (await handle.describe()).run_id == first


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_group_that_is_reset_tells_anew_what_a_receiver_may_have_been_told_to_be_over(
    skipping: WorkflowEnvironment, shop: FullWorld, is_over: bool
) -> None:
    """A receiver knows more than Temporal after a restore: what was counted was told to nobody."""
    groups, alarm = AlarmGroups(skipping.client, HOURS), an_alarm()
    place = await asyncio.to_thread(groups.join, alarm)
    assert place is not None
    await asyncio.to_thread(groups.delivered, alarm, place.dedup_key)
    group = names.alarm_group_id(alarm.group_key)
    await is_told(skipping.client, group)
    another = alarm.model_copy(update={"id": "another", "workflow_id": "recording-another"})
    counted = await asyncio.to_thread(groups.join, another)
    assert counted == Place(place.dedup_key, is_counted=True)
    if is_over:
        for each in (alarm, another):
            over = each.model_copy(update={"status": AlarmStatus.RESOLVED})
            await asyncio.to_thread(groups.leave, over)
    assert not shop.told.alarms
    handle = skipping.client.get_workflow_handle(group)
    await reset_workflow(skipping.client, handle, LAST)
    await until(lambda: bool(firing(shop.told)))
    [told_anew] = shop.told.alarms
    assert (told_anew.dedup_key, told_anew.count) == (place.dedup_key, 2)
    await is_told(skipping.client, group)
    await handle.terminate()


async def test_a_group_that_nobody_tells_of_does_so_itself(
    skipping: WorkflowEnvironment, shop: FullWorld
) -> None:
    """Whoever began it has died, and one that came as all was just told to be over counts on it."""
    groups, alarm = AlarmGroups(skipping.client, INTERVAL), an_alarm()
    place = await asyncio.to_thread(groups.join, alarm)
    assert place is not None
    assert not place.is_counted
    await until(lambda: any(a.dedup_key == place.dedup_key for a in firing(shop.told)))
    over = alarm.model_copy(update={"status": AlarmStatus.RESOLVED})
    await asyncio.to_thread(groups.leave, over)
    await until(lambda: any(a.dedup_key == place.dedup_key for a in resolved(shop.told)))
