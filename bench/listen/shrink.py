"""The shortest story that still breaks a law, found by leaving steps out; bounded in tries."""

from collections.abc import Callable, Sequence
from random import Random

from bench.listen import laws, retelling
from bench.listen.laws import Broken
from bench.listen.record import Played
from bench.listen.run import Theatre
from bench.listen.story import Step, Story
from bench.listen.storyteller import FIRST_BLOW
from bench.listen.tally import BrokenCall

MAX_ROUNDS = 8
COPIES = 8
"""Plays of a story before it is believed to break no law: processes are never twice the same."""
SPACING = 0.02
"""Seconds from one beginning to the next."""

SHARES = (2, 2, 2, 3, 3, 3, 4, 4, 4, 4)
"""Parts of the steps that are left out together: a half, a third, a quarter."""

Say = Callable[[str], None]


def shortest(stage: Theatre, seed: int, call: BrokenCall, say: Say) -> str:
    """Shorten the story of a call that broke a law; return the shortest one as a report."""
    law = call.broken[0].law
    shrinker = _Shrinker(stage, call.story, law, say)
    left_out, found = shrinker.shorten()
    told = call.story.without(left_out)
    without = f" --without {','.join(map(str, sorted(left_out)))}" if left_out else ""
    command = f".venv/bin/python -m bench.listen --seed {seed} --play {told.number}{without}"
    again = "" if found else "\n(alone it did not break the law again)"
    sentence = (found or call.broken[0]).sentence
    return f"\nlaw {law} broken: {sentence}{again}\n  {command}\n{told.told()}"


def play_again(stage: Theatre, told: Story, say: Say) -> int:
    """Play a call a few times side by side, and tell all of it; return 0 if no law broke."""
    say("\n" + told.told())
    results = _play(stage, [told] * COPIES, told.worker_steps)
    status = 0
    for played in results:
        found = laws.broken(played)
        status |= bool(found)
        say("\n".join(retelling.lines_of(played, found)))
    return int(status)


def _play(stage: Theatre, stories: Sequence[Story], blows: Sequence[Step]) -> list[Played]:
    playing = stage.begin(stories, [SPACING * number for number in range(len(stories))])
    stage.strike([step for step in blows if step.at > 0], playing.begins)
    return playing.result()


class _Shrinker:
    def __init__(self, stage: Theatre, story: Story, law: int, say: Say) -> None:
        self._stage = stage
        self._story = story
        self._law = law
        self._say = say
        self._dice = Random(story.number)

    def shorten(self) -> tuple[frozenset[int], Broken | None]:
        """Return the steps that may be left out, and how the law is still broken without them."""
        left_out: frozenset[int] = frozenset()
        best = self._first([left_out] * COPIES)
        if best is None:
            return left_out, None
        left_out = self._without_blows(left_out)
        for _ in range(MAX_ROUNDS):
            left_out, found = self._round(left_out)
            if found is None:
                break
            best = found
            self._say(f"{len(self._story.without(left_out).steps)} steps are left")
        return self._without_blows(left_out), best

    def _round(self, left_out: frozenset[int]) -> tuple[frozenset[int], Broken | None]:
        """Leave out each step alone, and random halves and quarters; take the shortest story."""
        kept = [step.index for step in self._story.without(left_out).steps]
        steps = [index for index in kept if index < FIRST_BLOW]
        tries = [left_out | {index} for index in steps]
        tries += [left_out | set(self._dice.sample(steps, len(steps) // share)) for share in SHARES]
        outcomes = self._breaks(tries)
        shorter = [
            (tried, found)
            for tried, found in zip(tries, outcomes, strict=True)
            if found and tried != left_out
        ]
        return max(shorter, key=lambda each: len(each[0]), default=(left_out, None))

    def _without_blows(self, left_out: frozenset[int]) -> frozenset[int]:
        """Leave out the kills and freezes too, if the law breaks without them."""
        without = left_out | {step.index for step in self._story.worker_steps}
        if without == left_out or not self._first([without] * COPIES):
            return left_out
        return without

    def _first(self, tries: Sequence[frozenset[int]]) -> Broken | None:
        return next((found for found in self._breaks(tries) if found), None)

    def _breaks(self, tries: Sequence[frozenset[int]]) -> list[Broken | None]:
        """Play the story without each of these sets of steps; return how each breaks the law."""
        stories = [self._story.without(left_out) for left_out in tries]
        results = _play(self._stage, stories, stories[0].worker_steps)
        return [
            next((each for each in laws.broken(played) if each.law == self._law), None)
            for played in results
        ]
