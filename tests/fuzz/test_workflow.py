"""After any burst of odd messages a workflow has failed no task, and a pause is still answered."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from tests.fuzz.hostile import ODD, hostile_bytes, many, nested, written
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import callbacks, events, requests
from tests.workflows.scene import Scene, World
from tests.workflows.test_odd_messages import SIGNALS, UPDATES

ENCODINGS = st.sampled_from(
    [
        *(b"json/plain",) * 6,
        *(b"", b"json/protobuf", b"binary/null", b"binary/plain", b"binary/encrypted"),
        *(b"binary/protobuf", b"\xff\x00\x1b[31m"),
    ]
)
DOCUMENTS = st.sampled_from([*events(), *requests().values(), *callbacks(), {}, None])
DATA = st.one_of(DOCUMENTS.flatmap(hostile_bytes), st.sampled_from(ODD).map(written))


def raw(data: bytes, encoding: bytes, message_type: bytes = b"no.such.Message") -> RawValue:
    metadata = {"encoding": encoding, "messageType": message_type} if encoding else {}
    return RawValue(Payload(metadata=metadata, data=data))


ARGUMENTS = st.lists(st.builds(raw, DATA, ENCODINGS), max_size=3)
SENDABLE_NAMES = st.one_of(
    st.sampled_from(SIGNALS), st.sampled_from(["no such", "\x1b[31m", "x" * 900, "__temporal_x"])
)
BURSTS = st.lists(st.tuples(SENDABLE_NAMES, ARGUMENTS), min_size=25, max_size=25)
ASKED = st.tuples(st.sampled_from(UPDATES), ARGUMENTS)


def _index(number: int) -> bytes:
    chunk = {"documentId": "d", "index": number, "contentLocation": "https://x"}
    return written({"recordingChunks": [chunk]})


LARGEST = [
    (names.FILE_STATUS_UPDATED, [raw(written({"chunks": value}), b"json/plain")])
    for value in (many(b"{}", 300_000), nested(100_000), nested(150), many(b"[[]]", 100_000))
] + [
    (names.FILE_STATUS_UPDATED, [raw(_index(number), b"json/plain")])
    for number in (50_000_000, 4_294_967_295, 10**30, 9_999)
]


@given(burst=BURSTS, asked=ASKED)
@example(burst=LARGEST, asked=(names.PAUSE, []))
@fuzz(4)
async def test_a2_after_a_burst_of_odd_messages_a_pause_is_answered(
    skipping: WorkflowEnvironment,
    world: World,
    burst: Sequence[tuple[str, Sequence[Any]]],
    asked: tuple[str, Sequence[Any]],
) -> None:
    scene = Scene(skipping, world)
    await scene.recorded()
    await asyncio.gather(*(_send(scene, name, arguments) for name, arguments in burst))
    await _ask(scene, *asked)
    assert (await scene.status()).server_call_id == scene.server_call_id
    # A message may have been one that can be understood: a stop, for one, is final.
    recording = await scene.recording()
    if recording.wanted != "stopped":
        paused = await scene.asks("pause", requestId="of-the-fuzz")
        assert paused.state == "confirmed"
    history = await scene.handle.fetch_history()
    failed = [
        e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    assert not failed, [event.workflow_task_failed_event_attributes for event in failed]
    await scene.handle.terminate()


async def _send(scene: Scene, name: str, arguments: Sequence[Any]) -> None:
    # The server refuses what is larger than it takes; the workflow never sees it.
    with contextlib.suppress(RPCError):
        await scene.handle.signal(name, args=arguments)


async def _ask(scene: Scene, update: str, arguments: Sequence[Any]) -> None:
    try:
        async with asyncio.timeout(20):
            await scene.handle.execute_update(update, args=arguments)
    except (WorkflowUpdateFailedError, RPCError):
        pass
    with contextlib.suppress(WorkflowQueryFailedError, RPCError):
        await scene.handle.query(names.STATUS, args=arguments)
