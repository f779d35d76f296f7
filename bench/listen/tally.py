"""The tally of a run: what was played, heard, claimed, and which laws were broken."""

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from bench.listen import consent_truth, laws, promises, retelling
from bench.listen.fairness import FAIR_SHARE, fair_share
from bench.listen.hearing import TICK
from bench.listen.laws import Broken
from bench.listen.record import Deed, Played, Recording
from bench.listen.spans import Span, intersection, union
from bench.listen.story import Story, Verb

LAWS = (1, 2, 3)
_FIGURES_BEGIN, _FIGURES_END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class BrokenCall:
    """A call that broke laws, and its story."""

    story: Story
    broken: tuple[Broken, ...]
    told: tuple[str, ...] = ()
    """The call as it was played, by lines."""


@dataclass
class Tally:
    """Counts what a run has shown; keeps no sound."""

    seed: int
    calls: int
    options: str = ""
    """Further options of the command that plays a call again."""
    played: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    answers: Counter[str] = field(default_factory=Counter)
    """Answers to requests to pause."""
    broken: list[BrokenCall] = field(default_factory=list)
    fair_share: float | None = None
    """Share of the pauses of fair calls that were confirmed and claimed; None if none was asked."""
    unheard: list[str] = field(default_factory=list)
    """Calls that could not be judged, and why."""
    _began: float = field(default_factory=time.monotonic)
    _took: float = 0.0

    def add(self, wave: list[Played]) -> None:
        """Judge a wave of calls."""
        for played in wave:
            self.played += 1
            self._judge(played)

    def add_fair(self, played: list[Played]) -> None:
        """Judge the fair calls."""
        self.fair_share = fair_share(played)
        self.calls += len(played)
        self.add(played)

    def finish(self) -> None:
        """Note the time that the run took."""
        self._took = time.monotonic() - self._began

    def _judge(self, played: Played) -> None:
        for problem in filter(None, [played.problem, *(r.problem for r in played.recordings)]):
            self.unheard.append(f"call {played.story.number}: {problem}")
        found = laws.broken(played)
        if found:
            told = tuple(retelling.lines_of(played, found))
            self.broken.append(BrokenCall(played.story, tuple(found), told))
        self.counts.update(deed.step.verb.value for deed in played.deeds)
        self.counts.update(step.verb.value for step in played.story.worker_steps)
        self.answers.update(_outcome(deed) for deed in played.deeds_of(Verb.PAUSE))
        self.counts["promises"] += sum(1 for _ in promises.made(played))
        for recording in played.recordings:
            self._measure(recording)

    def _measure(self, recording: Recording) -> None:
        whole = [Span(recording.active_at, recording.ended_at)]
        self.counts["recordings"] += 1
        self.seconds["recorded, pauses included"] += max(0.0, whole[0].until - whole[0].since)
        self.seconds["heard"] += len(recording.heard) * TICK
        for name, claims in (("silent", recording.silent), ("marked", recording.marked)):
            spans = intersection(union(Span(c.since, c.until) for c in claims), whole)
            self.seconds[name] += sum(span.until - span.since for span in spans)

    @property
    def is_good(self) -> bool:
        """True if no law was broken, every call could be judged, and what is fair was claimed."""
        is_fair = self.fair_share is None or self.fair_share >= FAIR_SHARE
        return is_fair and not (self.broken or self.unheard)

    @property
    def progress(self) -> str:
        return (
            f"{self.played} of {self.calls} calls, {len(self.broken)} break a law, "
            f"{len(self.unheard)} could not be judged"
        )

    @cached_property
    def by_law(self) -> dict[int, list[BrokenCall]]:
        return {
            law: [each for each in self.broken if any(b.law == law for b in each.broken)]
            for law in LAWS
        }

    def to_shrink(self, most: int) -> list[BrokenCall]:
        """Return the calls whose stories are to be shortened: of each law in turn."""
        chosen: list[BrokenCall] = []
        for place in range(most):
            for law in LAWS:
                if place < len(self.by_law[law]) and len(chosen) < most:
                    chosen.append(self.by_law[law][place])
        return chosen

    @property
    def summary(self) -> str:
        """Tell the figures, and each broken law with the call that broke it."""
        lines = [*self.figures, ""]
        lines += [self.told(each) for each in self.broken]
        return "\n".join([*lines, *self.unheard])

    def told(self, broken: BrokenCall) -> str:
        """Tell a call that broke laws, and how it is played again."""
        number = broken.story.number
        command = f".venv/bin/python -m bench.listen --seed {self.seed}{self.options}"
        lines = [f"call {number}: {command} --play {number}"]
        lines += [f"  law {each.law}: {each.sentence}" for each in broken.broken[:4]]
        return "\n".join([*lines, broken.story.told(), *broken.told])

    @property
    def figures(self) -> list[str]:
        seconds = {name: f"{value:,.0f} s" for name, value in self.seconds.items()}
        broken = ", ".join(f"{len(self.by_law[law])} law {law}" for law in LAWS)
        fair = "none asked" if self.fair_share is None else f"{self.fair_share:.0%}"
        workers = f"{self.counts[Verb.KILL.value]} kills and {self.counts[Verb.FREEZE.value]}"
        return [
            f"seed {self.seed}: {self.played} calls in {self._took:,.0f} s",
            f"broken: {broken}; could not be judged: {len(self.unheard)}",
            f"recordings: {self.counts['recordings']}; "
            + ", ".join(f"{name} {value}" for name, value in seconds.items()),
            f"pauses of fair calls that are confirmed, and silent by the manifest: {fair}",
            f"answers that claim silence: {self.counts['promises']}",
            "answers to a pause: " + ", ".join(f"{k} {n}" for k, n in self.answers.most_common()),
            f"calls that met a blow to a worker: {workers} freezes",
            "steps: " + ", ".join(f"{verb.value} {self.counts[verb.value]}" for verb in Verb),
        ]

    def page(self, text: str) -> str:
        """Return the page with the figures of this run."""
        before, _, rest = text.partition(_FIGURES_BEGIN)
        _, _, after = rest.partition(_FIGURES_END)
        figures = "\n".join(f"- {line}" for line in self.figures)
        return f"{before}{_FIGURES_BEGIN}\n\n{figures}\n\n{_FIGURES_END}{after}"


def _outcome(deed: Deed) -> str:
    """Return the kind of answer to a request, for the figures."""
    if not consent_truth.waits_for_answer(deed):
        return "not awaited"
    if deed.is_done:
        return "confirmed"
    status = re.match(r"HTTP \d+", deed.answer)
    state = re.search(r"'state': '(\w+)'", deed.answer)
    if status or state:
        return status[0] if status else f"update {state[1]}" if state else ""
    return "none" if deed.answered is None else "update refused"
