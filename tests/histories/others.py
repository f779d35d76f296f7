"""The stories of all other workflows than a call's: each plays some, and returns their ids."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput
from callvault.contracts.alarm_groups import AlarmDelivered, AlarmGroupState
from callvault.contracts.alarms import Alarm, AlarmStatus, Severity
from callvault.contracts.checkpoints import CheckpointInput
from callvault.contracts.erasures import ErasureInput, ErasureTarget
from callvault.contracts.reconciliation import CallSeen, ReconcileInput
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.sweeps import SweepInput
from callvault.errors import Unavailable
from callvault.temporal.recording_events import undelivered
from tests.retention.corpus import HASH
from tests.retention.erasing import planned
from tests.workflows.scene import CHECKED_EVERY, an_alarm, chunk
from workflows.alarm_group import MAX_SIGNALS

from .calls import Story
from .studio import Studio


async def run(studio: Studio, kind: str, input: Any, workflow_id: str = "") -> list[str]:
    """Run a workflow to its end, whatever that is."""
    workflow_id = workflow_id or f"{kind}-{uuid.uuid4()}"
    with suppress(WorkflowFailureError):
        await studio.client.execute_workflow(
            kind, input, id=workflow_id, task_queue=names.CONTROL_QUEUE
        )
    return [workflow_id]


class Receiver:
    """A webhook for events about recordings; it may be away."""

    is_away = False

    def post(self, event: dict[str, Any], message_id: str, *, timeout: float) -> int:
        if self.is_away:
            raise Unavailable("the event webhook answered 503", owner="caller")
        return 204


class Announcing:
    """A webhook that announces recordings."""

    def post(self, event: dict[str, Any], message_id: str, timeout: float) -> None:
        pass


async def told_events(studio: Studio) -> list[str]:
    """A recording is announced before it begins, and told of until its end."""
    scene = studio.scene()
    studio.receivers[scene.resource] = Receiver()
    studio.webhooks[scene.resource] = Announcing()
    await scene.recorded()
    await scene.asks("pause")
    await scene.asks("resume")
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    return [scene.handle.id]


async def undelivered_events(studio: Studio) -> list[str]:
    """A webhook takes no event for a day: workflows deliver them, give up, and raise an alarm."""
    scene = studio.scene()
    receiver = studio.receivers[scene.resource] = Receiver()
    receiver.is_away = True
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    waiting = [each async for each in undelivered(studio.client)]
    own = [each for each in waiting if each.delivery.event.resource == scene.resource]
    for number, each in enumerate(own):
        handle = studio.client.get_workflow_handle(each.workflow_id)
        receiver.is_away = number > 0
        with suppress(RPCError, WorkflowFailureError):
            await studio.environment.fast_forward(handle)
            await handle.result()
    return [scene.handle.id, *(each.workflow_id for each in own)]


GROUP = "resource/default/no_file_event"


async def alarm(studio: Studio) -> list[str]:
    return await run(studio, names.ALARM_TYPE, an_alarm(GROUP))


async def _group(studio: Studio, first: Alarm, others: Sequence[Alarm]) -> str:
    """Begin a group with one alarm, have it told, and count others."""
    workflow_id = names.alarm_group_id(first.id)
    key = f"{workflow_id}/1"
    with studio.environment.with_time_skipping_disabled():
        group = await studio.client.start_workflow(
            names.ALARM_GROUP_TYPE,
            AlarmGroupState(
                key=first.group_key, dedup_key=key, interval=CHECKED_EVERY, newest=first
            ),
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            memo={names.MEMO_GROUP_DEDUP_KEY: key, names.MEMO_GROUP_TOLD: False},
        )
    told = AlarmDelivered(dedup_key=key, severity=first.severity)
    await group.signal(names.ALARM_DELIVERED, told)
    for each in others:
        await group.signal(names.ALARM_IN_GROUP, each)
    return workflow_id


async def alarm_group(studio: Studio) -> list[str]:
    """Three calls: counted, told once more, told at once as one is urgent, and over."""
    members = [an_alarm(GROUP) for _ in range(3)]
    workflow_id = await _group(studio, members[0], members[1:])
    group = studio.client.get_workflow_handle(workflow_id)
    await studio.environment.fast_forward(group, CHECKED_EVERY * 1.5)
    urgent = members[2].model_copy(update={"severity": Severity.CRITICAL})
    await group.signal(names.ALARM_IN_GROUP, urgent)
    for each in members:
        over = each.model_copy(update={"status": AlarmStatus.RESOLVED})
        await group.signal(names.ALARM_IN_GROUP, over)
    await studio.environment.fast_forward(group)
    await group.result()
    return [workflow_id]


async def large_alarm_group(studio: Studio) -> list[str]:
    """So many signals that another run goes on."""
    first = an_alarm(GROUP)
    workflow_id = await _group(studio, first, [first] * MAX_SIGNALS)
    group = studio.client.get_workflow_handle(workflow_id)
    over = first.model_copy(update={"status": AlarmStatus.RESOLVED})
    await group.signal(names.ALARM_IN_GROUP, over)
    await studio.environment.fast_forward(group)
    await group.result()
    return [workflow_id]


async def call_seen(studio: Studio) -> list[str]:
    seen = CallSeen(
        server_call_id="call-1",
        resource="default",
        what="began",
        at=datetime.now(UTC),
        all_recorded=True,
    )
    return await run(studio, names.CALL_SEEN_TYPE, seen)


async def adoption(studio: Studio) -> list[str]:
    """ACS answers at the second attempt whose recording it is."""
    request = RecordingRequest(server_call_id="call-1", resource="default")
    order = AdoptionInput(request=request, recording_id="recording-1")
    return await run(studio, names.ADOPTION_TYPE, order)


async def reconciliation(studio: Studio) -> list[str]:
    """Calls without a complete recording: an alarm."""
    return await run(studio, names.RECONCILE_TYPE, ReconcileInput())


async def sweep(studio: Studio) -> list[str]:
    """A letter that nobody understands: an alarm."""
    return await run(studio, names.SWEEP_TYPE, SweepInput(quarantine=True))


async def checkpoints(studio: Studio) -> list[str]:
    return await run(studio, names.CHECKPOINT_TYPE, CheckpointInput())


async def erasure(studio: Studio) -> list[str]:
    """A person's recordings in two archives: planned, planned for the gateway, and erased."""
    who = "8:acs:ana"
    studio.corpus.keep(who)
    studio.corpus.keep(who, archive="fallback")
    target = ErasureTarget(participant=HASH(who))
    asked = {"requested_by": "officer-1", "authenticated_as": "cli:root", "reason": "request 17"}
    order = ErasureInput(target=target, dry_run=True, **asked)
    plans = await run(studio, names.ERASURE_PLAN_TYPE, order)
    dry_run = await run(studio, names.ERASURE_TYPE, order)
    found = await planned(studio.client, studio.corpus, target)
    order = ErasureInput(target=target, token=found.token, **asked)
    return [*plans, *dry_run, *await run(studio, names.ERASURE_TYPE, order)]


async def unreadable_orders(studio: Studio) -> list[str]:
    """What cannot be read ends at once."""
    kinds = (names.RECONCILE_TYPE, names.SWEEP_TYPE, names.ERASURE_TYPE, names.ALARM_GROUP_TYPE)
    return [found for kind in kinds for found in await run(studio, kind, "an odd order")]


OTHERS: tuple[Story, ...] = (
    told_events,
    undelivered_events,
    alarm,
    alarm_group,
    large_alarm_group,
    call_seen,
    adoption,
    reconciliation,
    sweep,
    checkpoints,
    erasure,
    unreadable_orders,
)
