"""The shortest story that still breaks a law, found by leaving steps out; bounded in tries."""

from collections.abc import Callable, Sequence

from bench.listen import laws
from bench.listen.laws import Broken
from bench.listen.record import Played
from bench.listen.run import Theatre, scene
from bench.listen.story import Step, Story
from bench.listen.tally import BrokenCall

MAX_ROUNDS = 6
COPIES = 3
"""Plays of a story before it is believed to break no law: processes are never twice the same."""
SPACING = 0.02
"""Seconds from one beginning to the next."""

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


def play_again(stage: Theatre, seed: int, number: int, left_out: frozenset[int], say: Say) -> int:
    """Play one call a few times side by side, and tell all of it; return 0 if no law broke."""
    told = scene(seed, number).without(left_out)
    say("\n" + told.told())
    results = _play(stage, [told] * COPIES, told.worker_steps)
    status = 0
    for played in results:
        found = laws.broken(played)
        status |= bool(found)
        say("\n".join(_account(played, found)))
    return int(status)


def _account(played: Played, found: Sequence[Broken]) -> list[str]:
    lines = [f"\n{played.workflow_id} {played.problem}"]
    for deed in sorted(played.deeds, key=lambda each: each.sent):
        answered = f"{deed.answered - played.began:6.2f}" if deed.answered else "   -  "
        lines.append(f"  {deed.sent - played.began:6.2f} -> {answered} {deed.step} {deed.answer}")
    for each in played.recordings:
        lines.append(f"  recording from {each.active_at - played.began:.2f} {each.problem}")
        for name, claims in (("silent", each.silent), ("marked", each.marked)):
            lines += [
                f"    {name} {c.since - played.began:.2f} to {c.until - played.began:.2f} {c.why}"
                for c in claims
            ]
    return [*lines, *(f"  LAW {b.law} BROKEN: {b.sentence}" for b in found)]


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

    def shorten(self) -> tuple[frozenset[int], Broken | None]:
        """Return the steps that may be left out, and how the law is still broken without them."""
        left_out: frozenset[int] = frozenset()
        found = self._breaks([left_out] * COPIES)
        if not any(found):
            return left_out, None
        best = next(each for each in found if each)
        left_out = self._without_blows()
        for round_number in range(MAX_ROUNDS):
            steps = [s.index for s in self._story.without(left_out).steps if s.index < 1000]
            tries = [left_out | {index} for index in steps]
            # All that can be left out alone may often be left out together.
            outcomes = self._breaks(tries)
            alone = {index for index, one in zip(steps, outcomes, strict=True) if one}
            if not alone:
                break
            wanted = [left_out | alone, *(left_out | {index} for index in alone)]
            again = self._breaks([wanted[0]] * COPIES)
            best = next((each for each in (*again, *outcomes) if each), best)
            left_out = wanted[0] if any(again) else wanted[1]
            kept = len(self._story.without(left_out).steps)
            self._say(f"round {round_number + 1}: {kept} steps left")
        return left_out, best

    def _without_blows(self) -> frozenset[int]:
        """Return the kills and freezes, if the law breaks without them."""
        blows = frozenset(step.index for step in self._story.worker_steps)
        return blows if blows and any(self._breaks([blows] * COPIES)) else frozenset()

    def _breaks(self, tries: Sequence[frozenset[int]]) -> list[Broken | None]:
        """Play the story without each of these sets of steps; return how each breaks the law."""
        if not tries:
            return []
        stories = [self._story.without(left_out) for left_out in tries]
        results = _play(self._stage, stories, stories[0].worker_steps)
        return [
            next((each for each in laws.broken(played) if each.law == self._law), None)
            for played in results
        ]
