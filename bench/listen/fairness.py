"""Fair calls: nothing goes wrong in them, and so every pause is to be confirmed and claimed.

Who claims nothing breaks no law. Without this, an account that is always in doubt would pass.
"""

from collections.abc import Sequence

from bench.listen.record import Deed, Played
from bench.listen.spans import Span, intersection, union
from bench.listen.story import Channel, Step, Story, Verb

FAIR_SHARE = 0.8
"""Share of the fair pauses that must be confirmed: a busy machine is late at times."""
MOST_MISSING = 0.3
"""Seconds of a confirmed pause that the manifest need not call silent."""

_PAUSES = ((2.5, 4.5), (6.0, 7.5))
"""Beginning and end of each pause, in seconds since the call began."""
_CHANNELS = (Channel.REST, Channel.UPDATE)


def fair_story(number: int) -> Story:
    """Tell a call in which two pauses are asked for and released, and nothing goes wrong."""
    channel = _CHANNELS[number % 2]
    policy = ("none", "all_parties")[number // 2 % 2]
    asked: list[tuple[float, Verb, int]] = [(0.2, Verb.START, 0)]
    if policy != "none":
        asked += [(0.8, Verb.AGREE, 0), (0.9, Verb.AGREE, 1)]
    for since, until in _PAUSES:
        asked += [(since, Verb.PAUSE, 0), (until, Verb.RESUME, 0)]
    steps = tuple(Step(n, at, verb, who, channel) for n, (at, verb, who) in enumerate(asked))
    return Story(number, 9.0, 2, steps, policy)


def fair_share(played: Sequence[Played]) -> float:
    """Return the share of the pauses that were confirmed, and are silent by the manifest."""
    verdicts = [_is_claimed(deed, each) for each in played for deed in each.deeds_of(Verb.PAUSE)]
    return sum(verdicts) / len(verdicts) if verdicts else 0.0


def _is_claimed(deed: Deed, played: Played) -> bool:
    if not deed.is_done or deed.answered is None:
        return False
    resumes = (each.sent for each in played.deeds_of(Verb.RESUME) if each.sent > deed.sent)
    until = min(resumes, default=played.ended)
    claimed = union(
        Span(claim.since, claim.until) for each in played.recordings for claim in each.silent
    )
    covered = intersection(claimed, [Span(deed.answered, until)])
    silent = sum(span.until - span.since for span in covered)
    return silent >= until - deed.answered - MOST_MISSING
