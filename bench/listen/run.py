"""One run: calls of a seed, many side by side, in waves that meet the same blows to the workers."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from bench.chaos.event_loop import EventLoop
from bench.listen import evidence
from bench.listen.fairness import fair_story
from bench.listen.player import Player, World
from bench.listen.record import Played
from bench.listen.relay import Relay
from bench.listen.stack import Stack
from bench.listen.story import Step, Story, Verb
from bench.listen.storyteller import (
    FIRST_BLOW,
    WAVE,
    blows,
    lengths,
    story,
    with_blows,
    with_steps,
)
from callvault.local.processes import Supervisor
from callvault.temporal.converter import data_converter

STAGGER = 0.05
"""Seconds from one call's beginning to the next one's."""
SHORT = 7.5
"""Seconds of a call in the short form, at most."""
SHORT_BLOWS = (
    Step(FIRST_BLOW, 2.0, Verb.FREEZE, 0, more={"seconds": 2.0}),
    Step(FIRST_BLOW + 1, 4.5, Verb.KILL, 1),
)
FAIR_CALLS = 12
HEAD_START = 0.3
"""Seconds until the first call of a wave begins."""
PLAY_TIMEOUT = 300.0
"""Seconds for a wave, from its beginning until all of its calls are archived."""
HTTP_TIMEOUT = 35.0
CONNECTIONS = 400

Say = Callable[[str], None]


@dataclass
class Theatre:
    """The stack with its clients, in which stories are played; for the main thread only."""

    stack: Stack
    loop: EventLoop
    world: World
    begun: "list[Playing]" = field(default_factory=list)

    def begin(self, stories: Sequence[Story], offsets: Sequence[float]) -> "Playing":
        """Begin to play stories side by side, each so many seconds later."""
        begins = time.time() + HEAD_START
        work = self._play(stories, [begins + offset for offset in offsets])
        playing = Playing(begins, self.loop.begin(work))
        self.begun.append(playing)
        return playing

    def strike(self, steps: Sequence[Step], begins: float) -> None:
        """Carry out kills and freezes at their moments, and heal all of them."""
        acts = [(step.at, self.stack.strike, step) for step in steps]
        acts += [(step.at + _duration(step), self.stack.heal, step) for step in steps]
        for at, act, step in sorted(acts, key=lambda each: each[0]):
            time.sleep(max(0.0, begins + at - time.time()))
            act(step.verb, step.who)

    async def _play(self, stories: Sequence[Story], begins: Sequence[float]) -> list[Played]:
        playing = [self._one(*each) for each in zip(stories, begins, strict=True)]
        return list(await asyncio.gather(*playing))

    async def _one(self, told: Story, begins: float) -> Played:
        player = Player(self.world, told)
        try:
            played = await player.play(begins)
            await evidence.gather(played, self.stack.archive, self.world.control, self.world.http)
        except Exception as error:
            player.played.problem = f"it could not be played: {error!r}"
        return player.played


@dataclass(frozen=True)
class Playing:
    """Stories that are being played."""

    begins: float
    future: "Future[list[Played]]" = field(repr=False)

    def result(self) -> list[Played]:
        """Wait for the record of each."""
        return self.future.result(PLAY_TIMEOUT)


@contextmanager
def theatre(home: Path, sabotage: str = "") -> Iterator[Theatre]:
    """Start the stack and its clients; all of it ends with the block. Needs the main thread."""
    with Supervisor(home / "logs") as supervisor, EventLoop() as loop:
        relay = Relay()
        loop.serve(relay)
        stack = Stack(supervisor, home, loop.address, sabotage)
        stack.build()
        relay.gateway = stack.gateway
        stack.subscribe()
        world = loop.do(_enter(stack, relay), timeout=60)
        stage = Theatre(stack, loop, world)
        try:
            yield stage
        finally:
            # A run that ends early leaves calls that are under way.
            for playing in stage.begun:
                playing.future.cancel()
            for leaving in (world.http.aclose(), relay.close()):
                loop.do(leaving, timeout=10)


def wave(seed: int, number: int, calls: int) -> tuple[list[Story], list[float], list[Step]]:
    """Draw a wave: the stories, when each begins, and the blows that all of them meet."""
    hits = blows(seed, number)
    numbers = range(number * WAVE, min((number + 1) * WAVE, calls))
    stories = [scene(seed, each) for each in numbers]
    offsets = [offset_of(each) for each in numbers]
    steps = [Step(0, at, verb, worker, more=more) for at, verb, worker, more in hits]
    return stories, offsets, steps


def scene(seed: int, number: int) -> Story:
    """Draw a story with the blows that it meets, by its own time."""
    hits = [
        (at - offset_of(number), verb, worker, more)
        for at, verb, worker, more in blows(seed, number // WAVE)
    ]
    return with_blows(story(seed, number), hits)


def offset_of(number: int) -> float:
    """Return how much later than its wave a story begins, in seconds."""
    return number % WAVE * STAGGER


def play(stage: Theatre, seed: int, calls: int) -> Iterator[list[Played]]:
    """Play all calls of a seed, a wave while the one before is archived; yield each wave."""
    before: Playing | None = None
    for number in range(-(-calls // WAVE)):
        stories, offsets, steps = wave(seed, number, calls)
        playing = stage.begin(stories, offsets)
        stage.strike(steps, playing.begins)
        if before:
            yield before.result()
        before = playing
        ends = playing.begins + max(offsets) + lengths(number)[1]
        while time.time() < ends and not playing.future.done():
            time.sleep(0.1)
    if before:
        yield before.result()


def play_short(stage: Theatre, seed: int, calls: int) -> list[Played]:
    """Play the first calls of a seed that are short, side by side; a worker freezes, one dies."""
    numbers = (number for number in count() if story(seed, number).length <= SHORT)
    stories = [short_scene(seed, number) for number in islice(numbers, calls)]
    playing = stage.begin(stories, [STAGGER * number for number in range(calls)])
    stage.strike(SHORT_BLOWS, playing.begins)
    return playing.result()


def short_scene(seed: int, number: int) -> Story:
    """Draw a story with the blows that all calls of the short form meet."""
    return with_steps(story(seed, number), SHORT_BLOWS)


def play_fair(stage: Theatre) -> list[Played]:
    """Play calls in which nothing goes wrong."""
    stories = [fair_story(number) for number in range(FAIR_CALLS)]
    return stage.begin(stories, [STAGGER * number for number in range(FAIR_CALLS)]).result()


def _duration(step: Step) -> float:
    """Return the seconds until a worker goes on, or until another is started."""
    return float(step.more["seconds"]) if step.verb is Verb.FREEZE else 0.3


async def _enter(stack: Stack, relay: Relay) -> World:
    client = await Client.connect(
        stack.temporal.address,
        namespace=stack.temporal.namespace,
        data_converter=data_converter,
        runtime=_quiet(),
    )
    limits = httpx.Limits(max_connections=CONNECTIONS)
    http = httpx.AsyncClient(trust_env=False, timeout=HTTP_TIMEOUT, limits=limits)
    key = (stack.home / "participant-key").read_text(encoding="utf-8")
    emulator = stack.emulator
    return World(stack.gateway, emulator.control, emulator.endpoint, key, http, client, relay)


def _quiet() -> Runtime:
    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=errors)))
