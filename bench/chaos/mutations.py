"""Mutations: each breaks one promise of a role on purpose, as a test of the checker.

    python -m bench.chaos.mutations answer-early gateway

Runs the role as `callvault` does, with one function replaced. Production code has no such switch.
"""

import asyncio
import hashlib
import itertools
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from bench.chaos.parts import WORKERS, Part

NO_RUNBOOK = "no-runbook"
"""The mutation that changes no role: the operator does nothing after a restore."""

DELIVERY_DELAY = 8.0
"""Seconds between the early answer and the delivery."""


def answer_early() -> None:
    """Let the gateway answer Event Grid before Temporal has the event."""
    from callvault.ingest.router import Router

    deliver, late = Router.deliver, set()

    async def later(self: Router, event: Any) -> None:
        await asyncio.sleep(DELIVERY_DELAY)
        with suppress(Exception):
            await deliver(self, event)

    async def promise(self: Router, event: Any) -> None:
        task = asyncio.create_task(later(self, event))
        late.add(task)
        task.add_done_callback(late.discard)

    Router.deliver = promise  # type: ignore[method-assign]


def believe_every_answer() -> None:
    """Let the export take any answer for the file, without reading it back."""
    from activities import export
    from callvault.archive.store import put_bytes
    from callvault.archive.transfer import copier
    from callvault.archive.transfer.readback import Digest

    def copy(
        source: Any, archive: Any, name: str, *, content_type: str, metadata: Any, **_: Any
    ) -> copier.Copied:
        with closing(source.reader()) as reader:
            answer, buffer = reader.open(0, None), memoryview(bytearray(1 << 24))
            came = 0
            with suppress(Exception):
                while count := answer.readinto(buffer[came:]):
                    came += count
        data = bytes(buffer[:came])
        stored = put_bytes(archive, name, data, content_type=content_type, metadata=metadata)
        return copier.Copied(came, answer.etag, stored)

    def read_back(archive: Any, name: str, *_: Any) -> Digest:
        data = b"".join(archive.read(name))
        hashes = hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest()
        return Digest(len(data), *hashes, is_compared=False)

    copier.copy = copy  # type: ignore[assignment]
    export.read_back = read_back  # type: ignore[assignment, attr-defined]


def take_events_twice() -> None:
    """Let the gateway treat every delivery of an event as the announcement of other files."""
    from callvault.ingest import eventgrid

    read, count = eventgrid.read, itertools.count(1)

    def anew(value: Any, hide: Any) -> Any:
        event = read(value, hide)
        if not isinstance(event, eventgrid.FilesEvent):
            return event
        number = next(count)
        chunks = tuple(
            chunk.model_copy(update={"document_id": f"{chunk.document_id}-{number}"})
            for chunk in event.files.chunks
        )
        return replace(event, files=event.files.model_copy(update={"chunks": chunks}))

    eventgrid.read = anew


def start_anew() -> None:
    """Let each attempt at a start be another request to ACS."""
    from callvault.acs.client import AcsClient
    from callvault.acs.models import Repeatability

    start = AcsClient.start

    def forgetful(self: AcsClient, request: Any, repeatability: Repeatability) -> Any:
        another = repeatability.model_copy(update={"request_id": uuid4()})
        return start(self, request, another)

    AcsClient.start = forgetful  # type: ignore[method-assign]


def trust_any_place() -> None:
    """Let a worker believe an archive without a look at its identity."""
    from callvault.archive import identity
    from callvault.archive.stores import directory

    def believe(self: Any) -> str:
        return "believed"

    identity.ProvenArchive.prove = believe  # type: ignore[method-assign]
    directory.DirectoryArchive.prove = believe  # type: ignore[method-assign]


def never_reread() -> None:
    """Let each process use the secrets that it has read first."""
    from functools import cache

    from callvault.config.types import SecretRef

    SecretRef.resolve = cache(SecretRef.resolve)  # type: ignore[method-assign]


def sign_with_own_clock() -> None:
    """Let alarms be signed with the time of the worker's own clock."""
    import time
    from datetime import UTC, datetime

    from callvault.clocks import Clocks

    Clocks.now = lambda self: datetime.fromtimestamp(time.time(), UTC)  # type: ignore[method-assign]


def forget_the_archive() -> None:
    """Let nobody look into the archive before a recording is given up as lost."""
    from activities import seal

    def find_nothing(*_: Any) -> None:
        return None

    seal.find_sealed = find_nothing  # type: ignore[assignment, attr-defined]


def act_however_old() -> None:
    """Let a worker that stood still carry out tasks that Temporal has given to another one."""
    from activities.clock import ServerTime

    def never(*_: Any) -> None:
        return None

    ServerTime.refuse_old_task = never  # type: ignore[assignment, method-assign]


def believe_a_pause() -> None:
    """Let a pause be taken for confirmed as soon as ACS has accepted it."""
    from callvault.acs.client import AcsClient

    pause, resume, get_state = AcsClient.pause, AcsClient.resume, AcsClient.get_state
    paused: set[str] = set()

    def believed(self: AcsClient, recording_id: str, server_call_id: str) -> None:
        pause(self, recording_id, server_call_id)
        paused.add(recording_id)

    def resumed(self: AcsClient, recording_id: str, server_call_id: str) -> None:
        paused.discard(recording_id)
        resume(self, recording_id, server_call_id)

    def state(self: AcsClient, recording_id: str, server_call_id: str) -> Any:
        told = get_state(self, recording_id, server_call_id)
        is_paused = recording_id in paused
        return told.model_copy(update={"recording_state": "inactive"}) if is_paused else told

    AcsClient.pause, AcsClient.resume = believed, resumed  # type: ignore[method-assign]
    AcsClient.get_state = state  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "answer-early": answer_early,
    "believe-every-answer": believe_every_answer,
    "take-events-twice": take_events_twice,
    "start-anew": start_anew,
    "trust-any-place": trust_any_place,
    "never-reread": never_reread,
    "sign-with-own-clock": sign_with_own_clock,
    "forget-the-archive": forget_the_archive,
    "act-however-old": act_however_old,
    "believe-a-pause": believe_a_pause,
}


TARGETS: dict[str, tuple[Part, ...]] = {
    "trust-any-place": (Part.ARCHIVE,),
    "never-reread": (Part.SECRETS,),
    "sign-with-own-clock": WORKERS,
    "forget-the-archive": (Part.TEMPORAL,),
    "act-however-old": WORKERS,
    "believe-a-pause": (Part.GATEWAY,),
    NO_RUNBOOK: (Part.TEMPORAL,),
}
"""The parts whose faults show that a promise is broken; all for the others."""

# Longer than an attempt at a command may take: then Temporal gives its task to another worker.
FREEZES = {"act-however-old": (31.0, 34.0)}
"""Seconds for which these parts stand still, where nothing else shows it."""


def run(name: str, *command: str) -> None:
    """Apply the mutation, if one is named, then run the role."""
    from callvault.cli import main as callvault

    if name:
        MUTATIONS[name]()
    sys.argv = ["callvault", *command]
    callvault.main()


if __name__ == "__main__":
    run(*sys.argv[1:])
