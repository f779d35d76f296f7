"""Can a message, whatever is in it, keep a workflow from its next step? (Faults A2, A3 and A8.)"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from callvault.contracts import names
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, participant_hash
from tests.patience import WAIT
from workers.registry import RUNNER

from .scene import Scene, chunk
from .test_replay import replay

SIGNALS = (
    names.START,
    names.RESUME,
    names.STOP,
    names.FILE_STATUS_UPDATED,
    names.RECORDING_STATE_CHANGED,
    names.CALL_ENDED,
    names.CONSENT,
    names.PARTICIPANT_CHANGED,
    names.PLACE_HOLD,
    names.RELEASE_HOLD,
    names.ACKNOWLEDGE,
)
UPDATES = (names.START, names.RESUME, names.STOP)


def raw(data: bytes, encoding: bytes = b"json/plain", **metadata: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding, **metadata}, data=data))


ODD: dict[str, RawValue] = {
    "unknown encoding": raw(b"{}", b"binary/encrypted"),
    "encoding that is no text": raw(b"{}", b"\xff\x00\x1b[31m"),
    "no encoding": RawValue(Payload(data=b"{}")),
    "broken JSON": raw(b'{"requestedBy": '),
    "no JSON": raw(b"\xff\xfe"),
    "empty": raw(b""),
    "lone surrogate": raw(b'{"requestedBy": "\\ud83d"}'),
    "lone surrogate in UTF-8": raw(b'{"requestedBy": "\xed\xa0\xbd"}'),
    "deep": raw(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "as deep as JSON is read": raw(b'{"a":' * 150 + b"1" + b"}" * 150),
    "long number": raw(b'{"index": ' + b"9" * 5_000 + b"}"),
    "huge text": raw(b'{"requestedBy": "' + b"x" * 1_000_000 + b'"}'),
    "many elements": raw(b'{"recordingChunks": [' + b"{}," * 100_000 + b"{}]}"),
    "unknown protobuf": raw(b"{}", b"json/protobuf", messageType=b"no.such.Message"),
    "broken protobuf": raw(b"\xff", b"binary/protobuf", messageType=b"temporal.api.common.v1.Memo"),
    "bytes": raw(b"abc", b"binary/plain"),
    "a list": raw(b"[]"),
}
"""Payloads that say nothing a handler could understand."""

OTHER_KEYS = ("as deep as JSON is read", "long number", "many elements")
"""Objects without a key that a control request knows: unknown keys are ignored."""


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a2_a_signal_without_payload_or_with_one_too_many_does_not_wedge(
    scene: Scene, signal: str
) -> None:
    """Fault A2: `temporal workflow signal --name stop` sends no payload."""
    await scene.recorded()
    await scene.handle.signal(signal, args=[{}, {}])
    await scene.handle.signal(signal, args=[None, {}, 3])
    assert (await scene.recording()).actual == "active"
    noted = [e.what for e in (await scene.status()).timeline if "could not be read" in e.what]
    assert len(noted) == 2
    await scene.handle.signal(signal)
    await scene.handle.signal(signal, None)
    await goes_on_to_its_end(scene)


@pytest.mark.parametrize("what", [*ODD, "a field", "two payloads"])
async def test_a_pause_is_never_refused_for_its_form(scene: Scene, what: str) -> None:
    """What cannot be read of it may say anything, but not that it is to be recorded."""
    odd = {"a field": [{"requestedBy": "agent-7", "reason": "card", "requestId": 5}]}
    payloads = odd.get(what) or ([{}, {}] if what == "two payloads" else [ODD[what]])
    await scene.recorded()
    record = await scene.handle.execute_update(names.PAUSE, args=payloads)
    assert (record["state"], scene.service.recordings["recording-1"]) == ("confirmed", "inactive")
    await scene.handle.execute_update(names.RESUME, {"requestedBy": record["requestedBy"]})
    await scene.handle.signal(names.PAUSE, args=payloads)
    await scene.until(lambda recording: recording.actual == "paused")
    [_, pause] = (await scene.recording()).pauses
    assert what in OTHER_KEYS or "could not be read in full" in pause.reason
    if what == "a field":
        assert (pause.requested_by, pause.reason[:6]) == ("agent-7", "card (")
    assert pause.reason.isprintable()
    await goes_on_to_its_end(scene)


async def test_a2_a_pause_and_a_stop_need_no_payload(scene: Scene) -> None:
    """Fault A2: every field is optional, so that none may be sent."""
    await scene.recorded()
    await scene.handle.signal(names.PAUSE)
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.handle.execute_update(names.RESUME)
    assert (await scene.recording()).actual == "active"
    await scene.handle.signal(names.STOP)
    await scene.until(lambda recording: recording.actual == "stopped")


@pytest.mark.parametrize("update", UPDATES)
async def test_a3_an_update_with_odd_arguments_is_refused_with_a_sentence(
    scene: Scene, update: str
) -> None:
    """Faults A2 and A3: none of Python's internals, but what is amiss."""
    await scene.recorded()
    assert "2 came" in await refusal(scene, update, {}, {})
    for what, payload in ODD.items():
        if what not in OTHER_KEYS:
            assert await refusal(scene, update, payload)
    await goes_on_to_its_end(scene)


async def test_a3_a_decision_with_odd_arguments_is_a_withdrawal_and_never_refused(
    scene: Scene,
) -> None:
    """What does not say that somebody agrees may say that somebody does not."""
    ana = participant_hash("8:acs:ana", "key")
    await scene.keep(consent_policy="any_party", participants=[ana])
    await scene.signals(names.CONSENT, {"participant": ana, "given": True})
    await scene.until(lambda recording: recording.actual == "active")
    for payload in (*ODD.values(), None):
        record = await scene.handle.execute_update(names.CONSENT, payload)
        assert (record["participant"], record["given"]) == (UNKNOWN_PARTICIPANT, False)
    odd_agreement = {"participant": "8:acs:ana", "given": True}
    assert "participant" in await refusal(scene, names.CONSENT, odd_agreement)
    assert (await scene.recording()).actual == "paused"
    await goes_on_to_its_end(scene)


@pytest.mark.parametrize("what", ODD)
async def test_a8_a_signal_that_cannot_be_decoded_leaves_a_note(scene: Scene, what: str) -> None:
    """Fault A8: the SDK drops it before a handler sees it, unless its payload can be anything."""
    await scene.recorded()
    await scene.handle.signal(names.FILE_STATUS_UPDATED, ODD[what])
    await scene.handle.signal(names.CONSENT, ODD[what])
    timeline = [entry.what for entry in (await scene.status()).timeline]
    for signal in (names.FILE_STATUS_UPDATED, names.CONSENT):
        [note] = [line for line in timeline if line.startswith(f"{signal} could not be read")]
        assert note.isprintable(), "text from outside is inert"
    await goes_on_to_its_end(scene)
    await replay(await scene.handle.fetch_history(), RUNNER)


async def test_a2_messages_of_unknown_names_are_noted_or_refused(scene: Scene) -> None:
    """Fault A2: the SDK would keep such a signal for as long as the workflow runs."""
    await scene.recorded()
    await scene.handle.signal("no\x1b[31m such\nsignal", args=[ODD["broken JSON"], 1])
    assert "update 'nothing'" in await refusal(scene, "nothing", ODD["unknown encoding"], 1)
    with pytest.raises(WorkflowQueryFailedError, match="There is no query 'nothing'"):
        await scene.handle.query("nothing", args=[ODD["broken JSON"], 1])
    timeline = [entry.what for entry in (await scene.status()).timeline]
    [note] = [line for line in timeline if "is not known" in line]
    assert note.isprintable()
    await goes_on_to_its_end(scene)


async def test_a2_a_query_with_odd_arguments_is_answered(scene: Scene) -> None:
    """Fault A2: nothing that is sent along with a query matters."""
    await scene.recorded()
    for arguments in ([1, 2], [ODD["broken JSON"]], [ODD["unknown encoding"], {}]):
        assert (await scene.handle.query(names.STATUS, args=arguments))[
            "resource"
        ] == scene.resource


STARTS: dict[str, list[Any]] = {
    "no argument": [],
    "null": [None],
    "something carried": [{"serverCallId": "call"}, {"status": {}}],
    "an odd earlier result": [{"serverCallId": "call"}, None, {"no": "result"}],
    "an undecodable earlier result": [{"serverCallId": "call"}, None, ODD["broken JSON"]],
    "too many": [{"serverCallId": "call"}, None, None, 4, 5],
    **{what: [payload] for what, payload in ODD.items()},
}


SENSELESS = [
    *((names.WORKFLOW_TYPE, what) for what in STARTS),
    # The input of these two may be empty.
    *(
        (kind, what)
        for kind in (names.RECONCILE_TYPE, names.SWEEP_TYPE)
        for what in ("too many", "broken JSON", "a list")
    ),
]


@pytest.mark.parametrize(("kind", "what"), SENSELESS)
async def test_a3_a_start_that_makes_no_sense_fails_at_once(
    scene: Scene, kind: str, what: str
) -> None:
    """Fault A3: it hung for ever, as its workflow task failed again and again."""
    error = await failure(scene.environment.client, kind, STARTS[what])
    assert error.type == "InvalidRequest"
    assert error.message.isprintable()


async def test_a3_a_trace_of_a_call_takes_any_arguments(scene: Scene) -> None:
    """Fault A3, of the other workflow that backends could start."""
    for arguments in ([], [1, 2], [ODD["broken JSON"]]):
        await run(scene.environment.client, names.CALL_SEEN_TYPE, arguments)


async def failure(client: Client, kind: str, arguments: Sequence[Any]) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await run(client, kind, arguments)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def run(client: Client, kind: str, arguments: Sequence[Any]) -> None:
    async with asyncio.timeout(WAIT):
        await client.execute_workflow(
            kind,
            args=arguments,
            id=f"odd-{uuid.uuid4()}",
            task_queue=names.CONTROL_QUEUE,
            run_timeout=timedelta(seconds=30),
        )


async def refusal(scene: Scene, update: str, *arguments: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await scene.handle.execute_update(update, args=arguments)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "InvalidRequest"
    return caught.value.cause.message


async def goes_on_to_its_end(scene: Scene) -> None:
    """The call takes messages, is archived, and its workflow completes."""
    if (await scene.recording()).wanted != "stopped":
        assert (await scene.asks("stop")).state == "confirmed"
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
