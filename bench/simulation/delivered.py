"""The messages of one activation, read as their contracts have them."""

import json
from collections.abc import Iterator, Sequence

from temporalio.api.common.v1 import Payload

from bench.simulation.protocol import Job
from bench.simulation.repeats import Request
from callvault.contracts import names
from callvault.contracts.base import AnyMessage, Message, Unreadable, read
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import FileStatusUpdated, RecordingStateChanged
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import ControlRequest, StartRequest

_ABOUT_CONSENT = (names.CONSENT, names.PARTICIPANT_CHANGED)
_REQUESTS: dict[str, type[ControlRequest]] = {
    names.START: StartRequest,
    names.PAUSE: ControlRequest,
    names.RESUME: ControlRequest,
    names.STOP: ControlRequest,
}


class Delivered:
    """All that one activation tells the workflow."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        messages = list(_messages(jobs))
        named = [name for name, _ in messages]
        is_alone = len(messages) == len(jobs) and bool(jobs)
        self.is_about_consent = is_alone and all(name in _ABOUT_CONSENT for name in named)
        self.requests: list[Request] = []
        """Requests of backends, with their names, in the order in which they came."""
        for message in messages:
            name, _ = message
            if (model := _REQUESTS.get(name)) is not None:
                self.requests += [(name, asked) for asked in _read([message], name, model)]
        self.decisions = _read(messages, names.CONSENT, ConsentDecision)
        self.about_presence: list[StartRequest | ParticipantChanged] = []
        """Who is in the call: in the order in which it was told, or happened, if all tell when."""
        for message in messages:
            self.about_presence += _read([message], names.START, StartRequest)
            self.about_presence += _read([message], names.PARTICIPANT_CHANGED, ParticipantChanged)
        moves = [each for each in self.about_presence if isinstance(each, ParticipantChanged)]
        dated = [(each.at, each) for each in moves if each.at is not None]
        if len(dated) == len(self.about_presence):
            self.about_presence = [each for _, each in sorted(dated, key=lambda pair: pair[0])]
        changes = _read(messages, names.RECORDING_STATE_CHANGED, RecordingStateChanged)
        self.sounds = [event for event in changes if event.state == "active"]
        events = _read(messages, names.FILE_STATUS_UPDATED, FileStatusUpdated)
        self.documents = [chunk.document_id for event in events for chunk in event.chunks]


def _messages(jobs: Sequence[Job]) -> Iterator[tuple[str, Sequence[Payload]]]:
    for job in jobs:
        if job.HasField("signal_workflow"):
            yield job.signal_workflow.signal_name, job.signal_workflow.input
        elif job.HasField("do_update"):
            yield job.do_update.name, job.do_update.input


def _read(
    messages: Sequence[tuple[str, Sequence[Payload]]], name: str, model: type[AnyMessage]
) -> list[AnyMessage]:
    found = []
    for told, payloads in messages:
        if told == name and len(payloads) == 1:
            message = _decode(payloads[0], model)
            if isinstance(message, Message):
                found.append(message)
    return found


def _decode(payload: Payload, model: type[AnyMessage]) -> AnyMessage | Unreadable:
    try:
        return read(model, json.loads(payload.data))
    except (ValueError, RecursionError) as error:
        return Unreadable(str(error))
