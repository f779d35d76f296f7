"""The messages that backends, people and strangers send, drawn by lot."""

import random
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio.api.common.v1 import Payload

from bench.simulation import protocol
from bench.simulation.faults import Fault
from bench.simulation.people import NAMED_PEOPLE, PEOPLE
from bench.simulation.protocol import Job
from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.base import AnyMessage, Message
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.events import NOT_KNOWN
from callvault.contracts.hold_messages import HoldRequest, ReleaseRequest
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import ControlRequest, StartRequest

_UPDATES = (names.START, names.PAUSE, names.RESUME, names.STOP, names.CONSENT)
_SIGNALS = (
    *_UPDATES,
    names.FILE_STATUS_UPDATED,
    names.RECORDING_STATE_CHANGED,
    names.CALL_ENDED,
    names.PARTICIPANT_CHANGED,
    names.ACKNOWLEDGE,
)
_UNREADABLE: tuple[Any, ...] = (
    None,
    17,
    "stop",
    [],
    {"requestedBy": 5},
    {"reason": "x" * 2_000},
    {"requestId": ""},
    {"participant": "nobody", "given": "perhaps"},
    {"recording": -1, "at": "yesterday"},
    {"chunks": [], "eventTime": "2026-13-01"},
    {"endedAt": "never"},
    {"data": {"recordingStorageInfo": []}},
)


def terms(rng: random.Random) -> dict[str, Any]:
    """Draw the terms of a recording."""
    draw = rng.choice
    policy = draw(["none", "none", "none", "any_party", "all_parties", "named"])
    return {
        "on_pause_failure": draw(["stop", "alarm", "mark"]),
        "pause_on_start": rng.random() < 0.2,
        "max_pause": draw([None, None, None, timedelta(seconds=20)]),
        "on_max_pause": draw(["resume", "alarm"]),
        "max_duration": draw([None, None, None, timedelta(minutes=2)]),
        "consent_policy": policy,
        "consent_participants": NAMED_PEOPLE if policy == "named" else (),
        "before_consent": draw(["paused", "wait"]),
        "consent_within": draw([None, None, timedelta(seconds=8), timedelta(seconds=60)]),
        "on_withdrawal": draw(["pause", "pause_and_mark"]),
        "stop_when_last_consenting_leaves": rng.random() < 0.3,
        "participants": tuple(who for who in PEOPLE if rng.random() < 0.4),
    }


LATE = timedelta(seconds=20)
"""Time for which a pause, or word of a decision, was on its way."""


class Theme(StrEnum):
    """The kind of requests that are made most in a life."""

    ANY = "any"
    HURRY = "hurry"
    """Stops and starts."""
    SILENCE = "silence"
    """Pauses and resumes, and hardly a stop."""


def draw(
    rng: random.Random, step: int, now: datetime, theme: Theme, faults: frozenset[Fault]
) -> Job:
    """Draw the message of a step."""
    sender = f"app-{step}-{rng.randrange(1_000_000)}"
    if rng.random() < 0.1:
        sender = f"{'a long name ' * rng.choice([3, 9, 20])}{sender}"
    kind = rng.random()
    if kind < 0.5:
        return request(rng, sender, theme, now)
    if kind < 0.75:
        return decision(rng, sender, now)
    if kind < 0.9:
        return presence(rng)
    if kind < 0.92:
        return hold(step)
    if Fault.ODD in faults and kind < 0.96:
        return odd(rng, sender)
    return unreadable(rng, sender) if Fault.UNREADABLE in faults else acknowledgement()


_OPERATIONS = {
    Theme.ANY: ("pause", "pause", "pause", "resume", "resume", "stop", "start"),
    Theme.HURRY: ("stop", "start"),
    Theme.SILENCE: (*["pause"] * 9, *["resume"] * 10, "stop", "start"),
}


def request(rng: random.Random, sender: str, theme: Theme, now: datetime) -> Job:
    """Draw a request of a backend, as a signal or as an update; a pause may come late."""
    operation = rng.choice(_OPERATIONS[theme])
    # The same id: of another request, or of the same one, which a backend repeats word for word.
    request_id = rng.choice([None, None, None, "a", f"{operation} again"])
    words = random.Random(request_id) if request_id else rng
    requested_by = request_id or sender
    # Few of those who resume have paused: without force the rest of a life would be silent.
    force = operation == names.RESUME and words.random() < 0.7
    is_late = operation == names.PAUSE and rng.random() < 0.2
    asked: Message = ControlRequest(
        requested_by=requested_by,
        request_id=request_id,
        force=force,
        requested_at=now - LATE if is_late else None,
    )
    if operation == names.START:
        asked = StartRequest.model_validate(
            terms(words) | {"requested_by": requested_by, "request_id": request_id}
        )
    return _send(rng, operation, sender, asked)


def decision(
    rng: random.Random,
    sender: str,
    now: datetime,
    who: str | None = None,
    given: bool | None = None,
) -> Job:
    """Draw a participant's decision, or one of somebody; word of it may come late."""
    late = rng.choice([timedelta(), timedelta(), timedelta(), LATE])
    told = ConsentDecision(
        participant=who or rng.choice(PEOPLE),
        given=rng.random() < 0.7 if given is None else given,
        decided_at=now - late,
        request_id=rng.choice([None, None, "c", "d"]),
    )
    return _send(rng, names.CONSENT, sender, undated(rng, told, "decided_at"))


def presence(rng: random.Random) -> Job:
    """Draw a coming or going."""
    device = rng.choice(["", "", "", "phone", "laptop"])
    told = ParticipantChanged(
        participant=rng.choice(PEOPLE), joined=rng.random() < 0.6, connection=device
    )
    return signal(names.PARTICIPANT_CHANGED, undated(rng, told, "at"))


def comings_and_goings(rng: random.Random, now: datetime, who: str, device: str) -> list[Job]:
    """Draw comings and goings by turns, all at another time just now, in any order."""
    number, first = rng.choice([2, 3, 3, 4]), rng.choice([0, 1])
    told = [
        ParticipantChanged(
            participant=who,
            joined=(first + turn) % 2 == 0,
            connection=device,
            at=now - timedelta(milliseconds=number - turn),
        )
        for turn in range(number)
    ]
    return [signal(names.PARTICIPANT_CHANGED, each) for each in rng.sample(told, number)]


def undated(rng: random.Random, told: AnyMessage, field: str) -> AnyMessage:
    """Let some tell no time, as the service writes one that it does not know."""
    return told.model_copy(update={field: NOT_KNOWN}) if rng.random() < 0.05 else told


def hold(step: int) -> Job:
    """Return the message of a lawyer who holds the call, or releases that."""
    who = f"counsel-{step % 2}"
    if step % 3:
        return signal(names.PLACE_HOLD, HoldRequest(requested_by=who, reason="case 7"))
    release = ReleaseRequest(hold=hold_id(who), requested_by=who, reason="settled")
    return signal(names.RELEASE_HOLD, release)


def hold_id(who: str) -> str:
    """Return the id that the archives give to a lawyer's hold."""
    return names.short_hash(who)[:16]


def acknowledgement() -> Job:
    """Return the message of an operator who has seen the alarms."""
    return signal(names.ACKNOWLEDGE, Acknowledge(requested_by="operator"))


def unreadable(rng: random.Random, sender: str) -> Job:
    """Draw a message whose fields are wrong."""
    content = protocol.payload(rng.choice(_UNREADABLE))
    if rng.random() < 0.5:
        return protocol.update(rng.choice(_UPDATES), sender, [content])
    return protocol.signal(rng.choice(_SIGNALS), [content])


def odd(rng: random.Random, sender: str) -> Job:
    """Draw a message that no client of Callvault sends."""
    payloads = rng.choice(_ODD)
    unknown = rng.random() < 0.1
    if rng.random() < 0.4:
        return protocol.update("unknown" if unknown else rng.choice(_UPDATES), sender, payloads)
    return protocol.signal("unknown" if unknown else rng.choice(_SIGNALS), payloads)


def rejected(sender: str) -> Job:
    """Return an update that is refused at any time."""
    return protocol.update("unknown", sender, [])


def signal(name: str, told: Message) -> Job:
    """Return a signal."""
    return protocol.signal(name, [_payload(told)])


def describe(job: Job) -> str:
    """Describe a message in a line of a story."""
    if job.HasField("signal_workflow"):
        sent = job.signal_workflow
        return f"signal {sent.signal_name} {_first(sent.input)}"
    if job.HasField("do_update"):
        return f"update {job.do_update.name} {_first(job.do_update.input)}"
    return "the workflow is to be cancelled"


def _first(payloads: Any) -> str:
    return payloads[0].data[:300].decode(errors="replace") if payloads else "without a payload"


def _send(rng: random.Random, name: str, sender: str, told: Message) -> Job:
    if rng.random() < 0.4:
        return protocol.update(name, sender, [_payload(told)])
    return signal(name, told)


def _payload(told: Message) -> Payload:
    return protocol.payload(told.model_dump(mode="json", exclude_none=True))


def _json(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


_ODD: tuple[list[Payload], ...] = (
    [],
    [_json(b"{}"), _json(b"{}")],
    [_json(b'{"requestedBy": "a')],
    [_json(b"\xff\xfe")],
    [_json(b'{"reason": "\\ud83d"}')],
    [_json(b"[" * 5_000 + b"]" * 5_000)],
    [_json(b'{"recording": 1' + b"0" * 400 + b"}")],
    [Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00")],
    [Payload(data=b"{}")],
    [Payload(metadata={"encoding": b"binary/null"})],
)
