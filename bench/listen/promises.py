"""Answers that claim silence, and the time until which each is to hold."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.listen import consent_truth
from bench.listen.record import Deed, Played
from bench.listen.spans import FOREVER
from bench.listen.story import Verb

LATE_RESUMES = 8.0
"""Seconds that a resume of somebody else may take where the service is slow."""
_STOPPED = re.compile(r"recording (?:is|was|has been) stopped")

_STATE = re.compile(r"""["']state["']: ?["'](\w+)["']""")


@dataclass(frozen=True)
class Promise:
    """An answer that claims silence."""

    deed: Deed
    since: float
    until: float
    """Time of the first request after which there may be sound."""

    def __str__(self) -> str:
        state = _STATE.search(self.deed.answer)
        answer = state[1] if state else self.deed.answer[:80]
        return f"after [{self.deed.step.index}] was answered {answer!r}, silence"


def made(played: Played) -> Iterator[Promise]:
    """Yield the promises of a call whose end is sure."""
    for deed in played.deeds:
        ends = _ends(deed, played)
        if ends is None or deed.answered is None or not consent_truth.waits_for_answer(deed):
            continue
        sounds = [each for each in played.deeds if each is not deed and _is_sound(each, ends)]
        # What was sent before the answer, and may have come after: nobody can say.
        if any(_is_unsure(each, deed, played) for each in sounds):
            continue
        later = [each.sent for each in sounds if each.sent >= deed.answered]
        yield Promise(deed, deed.answered, min(later, default=FOREVER))


Ends = Callable[[Deed], bool]


def _ends(deed: Deed, played: Played) -> Ends | None:
    """Return which requests end the promise of an answer; None where it makes none."""
    verb, who = deed.step.verb, deed.step.who
    if verb is Verb.PAUSE and deed.is_done:
        return lambda each: each.step.verb is Verb.RESUME and _releases(each, who)
    if verb is Verb.STOP and deed.is_done and _is_unread(played):
        return None
    if (verb is Verb.STOP and deed.is_done) or (
        verb is Verb.PAUSE and _STOPPED.search(deed.answer)
    ):
        return lambda each: False
    if verb is Verb.WITHDRAW and deed.is_done and _must_pause(deed, played):
        decides = {Verb.AGREE, Verb.LEAVE}
        return lambda each: each.step.verb in decides and each.step.who == who
    return None


def _releases(resume: Deed, agent: int) -> bool:
    """Return True if a resume releases this agent's pauses: their own, or everybody's."""
    return resume.step.who == agent or bool(resume.step.more.get("force"))


def _is_sound(deed: Deed, ends: Ends) -> bool:
    return deed.step.verb in {Verb.START, Verb.FOREIGN_RESUME} or ends(deed)


def _is_unsure(sound: Deed, promise: Deed, played: Played) -> bool:
    """Return True if a sound that was sent before an answer may have come after the request."""
    assert promise.answered is not None
    if sound.sent >= promise.answered:
        return False
    is_open = sound.answered is None or sound.answered > promise.sent
    if sound.step.verb is Verb.FOREIGN_RESUME:
        is_late = sound.sent > promise.sent - (LATE_RESUMES if _is_slow(played) else 0.0)
        return is_open or is_late
    if sound.step.verb is Verb.START and promise.step.verb is not Verb.WITHDRAW:
        return sound.sent > promise.sent  # a call that can be paused has been started before
    return is_open or sound.sent > promise.sent


def _is_unread(played: Played) -> bool:
    """Return True if a stop may have been late, and the reading of it may have failed."""
    rules = [deed.step.more for deed in played.deeds_of(Verb.FAULT)]
    is_late = any(rule["operation"] == "stop" and "effectAfter" in rule for rule in rules)
    return is_late and any(rule["operation"] == "state" for rule in rules)


def _is_slow(played: Played) -> bool:
    """Return True if a resume of somebody else may have met a fault that delays its effect."""
    rules = [deed.step.more for deed in played.deeds_of(Verb.FAULT)]
    return any(rule["operation"] == "resume" for rule in rules)


def _must_pause(deed: Deed, played: Played) -> bool:
    """Return True if the withdrawal leaves the policy unmet, as far as Callvault can know."""
    who, story = deed.step.who, played.story
    if story.policy == "none" or who in story.named:
        return story.policy != "none"
    known = consent_truth.known_presence(played, who)
    return any(span.since < deed.sent < span.until for span in known)
