"""Requests to Callvault, as the contracts describe them: REST, updates, signals."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from bench.listen.record import Deed, Played, short
from bench.listen.story import Channel, Verb
from callvault.contracts import names

if TYPE_CHECKING:
    from bench.listen.player import World

_OPERATIONS = {Verb.PAUSE: "pause", Verb.RESUME: "resume", Verb.STOP: "stop"}
_CONFIRMED = "confirmed"


class Requests:
    """Sends the requests of one call, and notes their answers."""

    def __init__(self, world: "World", played: Played) -> None:
        self._world = world
        self._played = played

    async def send(self, deed: Deed) -> None:
        """Send the request of a step."""
        verb = deed.step.verb
        if verb is Verb.START:
            await self._start(deed)
        elif verb in _OPERATIONS:
            await self._change(deed, _OPERATIONS[verb])
        else:
            await self._decide(deed)

    async def _start(self, deed: Deed) -> None:
        played, story = self._played, self._played.story
        present = [
            number
            for number, spans in played.presence.items()
            if spans and spans[-1][1] == float("inf")
        ]
        body: dict[str, Any] = {
            "serverCallId": played.server_call_id,
            "requestedBy": "backend",
            "requestId": f"start-{deed.step.index}",
            "recordingContentType": "audio",
            "recordingChannelType": story.channel_type,
            "recordingFormatType": "wav",
            "consentPolicy": story.policy,
            "participants": [self._hash(number) for number in present],
            **story.terms,
        }
        if story.named:
            body["consentParticipants"] = [self._hash(number) for number in story.named]
        played.listed |= frozenset(present)
        if deed.step.channel is Channel.REST:
            await self._post(deed, "/v1/recordings", body)
        else:
            await self._start_workflow(deed, body)

    async def _start_workflow(self, deed: Deed, body: dict[str, Any]) -> None:
        workflow_id = self._played.workflow_id
        try:
            await self._world.temporal.start_workflow(
                names.WORKFLOW_TYPE, body, id=workflow_id, task_queue=names.CONTROL_QUEUE
            )
        except WorkflowAlreadyStartedError:
            await self._signal(deed, "start", _without_call(body))
        except RPCError as error:
            deed.answer = short(error)
        deed.answered = time.time()

    async def _change(self, deed: Deed, operation: str) -> None:
        step = deed.step
        ahead = self._played.story.clocks.reporters
        asked_at = _iso(time.time() + ahead) if ahead or step.index % 2 else None
        body = {
            "requestedBy": f"agent-{step.who}",
            "reason": "because",
            "requestId": f"{operation}-{step.index}",
            **_known({"requestedAt": asked_at, **step.more}),
        }
        path = f"/v1/recordings/{self._played.workflow_id}:{operation}"
        await self._over(deed, operation, path, body)

    async def _decide(self, deed: Deed) -> None:
        number = deed.step.who
        ahead = self._played.story.clocks.reporters
        deed.decided_at = time.time() + ahead if ahead or deed.step.index % 2 else None
        body = {
            "participant": self._hash(number),
            "given": deed.step.verb is Verb.AGREE,
            "requestedBy": "ivr",
            "requestId": f"consent-{deed.step.index}",
            **({"decidedAt": _iso(deed.decided_at)} if deed.decided_at else {}),
        }
        path = f"/v1/recordings/{self._played.workflow_id}/consents"
        await self._over(deed, "consent", path, body)

    async def _over(self, deed: Deed, name: str, path: str, body: dict[str, Any]) -> None:
        deed.sent = time.time()
        match deed.step.channel:
            case Channel.REST:
                await self._post(deed, path, body)
            case Channel.REST_ASYNC:
                await self._post(deed, path, body, prefer="respond-async")
            case Channel.UPDATE:
                await self._update(deed, name, body)
            case Channel.SIGNAL:
                await self._signal(deed, name, body)

    async def _post(self, deed: Deed, path: str, body: dict[str, Any], prefer: str = "") -> None:
        answer = await self._world.http.post(
            self._world.gateway + path, json=body, headers={"prefer": prefer}
        )
        deed.answered = time.time()
        # 202 says only that it was sent.
        deed.is_done = answer.status_code in {200, 201}
        deed.answer = short(f"HTTP {answer.status_code} {answer.text}")

    async def _update(self, deed: Deed, name: str, body: dict[str, Any]) -> None:
        handle = self._world.temporal.get_workflow_handle(self._played.workflow_id)
        try:
            record = await handle.execute_update(name, body, id=f"{name}:{body['requestId']}")
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            deed.answer = "no answer"
            return
        except (WorkflowUpdateFailedError, RPCError) as error:
            cause = error.cause if isinstance(error, WorkflowUpdateFailedError) else error
            deed.answered, deed.answer = time.time(), short(cause)
            return
        deed.answered = time.time()
        deed.is_done = name == "consent" or record.get("state") == _CONFIRMED
        deed.answer = short(record)

    async def _signal(self, deed: Deed, name: str, body: dict[str, Any]) -> None:
        handle = self._world.temporal.get_workflow_handle(self._played.workflow_id)
        try:
            await handle.signal(name, body)
        except RPCError as error:
            deed.answer = short(error)
        deed.answered = time.time()

    def _hash(self, number: int) -> str:
        return self._world.hashed(self._played.participants[number])


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the optional fields that have a value."""
    return {name: value for name, value in fields.items() if value}


def _without_call(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "serverCallId"}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
