"""Random stories, and random blows to the workers: all drawn from a seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from bench.listen.story import Callbacks, Channel, Clocks, Step, Story, Verb

LENGTH = (6.0, 12.0)
"""Seconds of a call, at least and at most."""
LONG = (25.0, 50.0)
"""Seconds of a call in a long wave, in which what was given up can still arrive, or no more."""
LONG_WAVES = 12
"""One wave of so many is long."""
WAVE = 40
"""Calls side by side, which meet the same blows to the workers."""
OFFSETS = (0.0, 0.0, 0.0, -2.0, 2.0, -300.0, 300.0)
"""Seconds by which a clock may be ahead."""
MAX_EFFECT_DELAY = 3.0
"""Seconds from a request to its effect, at the worst; thrice as many in a long call."""
BLOWS_IN_WAVE = (0, 0, 1, 1, 2)
FREEZES = (0.5, 5.0)
"""Seconds."""
WORKERS = 2
GUESTS = 2
"""Participants that may come later."""

FIRST_BLOW = 1000
"""Index of the first kill or freeze of a story."""

_CHANNELS = (
    *(Channel.REST,) * 5,
    *(Channel.UPDATE,) * 3,
    *(Channel.SIGNAL,) * 2,
    Channel.REST_ASYNC,
)

_Drawn = tuple[float, Verb, int, Channel, dict[str, Any]]


def story(seed: int, number: int) -> Story:
    """Draw the story of one call."""
    dice = Random(f"{seed} story {number}")
    people = dice.choice((1, 2, 2, 3))
    length = round(dice.uniform(*lengths(number // WAVE)), 2)
    policy = dice.choice(("none", "none", "all_parties", "all_parties", "any_party", "named"))
    drawn = Story(
        number,
        length,
        people,
        (),
        policy,
        _named(dice, policy, people),
        _terms(dice, policy),
        dice.choice(("mixed", "mixed", "unmixed")),
        Clocks(dice.choice(OFFSETS), dice.choice(OFFSETS), dice.choice(OFFSETS)),
        dice.choice((Callbacks.SENT, Callbacks.SENT, Callbacks.LOST, Callbacks.LATE)),
        round(dice.uniform(0.2, 4.0), 2),
        dice.choice((0.0, 0.0, 0.0, round(dice.uniform(0.2, 3.0), 2))),
        dice.choice((0.1, 0.2, 0.2, round(dice.uniform(0.5, length / 3), 2))),
    )
    return replace(drawn, steps=_steps(dice, drawn))


def lengths(wave: int) -> tuple[float, float]:
    """Return the least and the greatest length of the calls of a wave, in seconds."""
    return LONG if wave % LONG_WAVES == LONG_WAVES - 1 else LENGTH


def blows(seed: int, wave: int) -> list[tuple[float, Verb, int, dict[str, Any]]]:
    """Draw what happens to the workers while a wave of calls is played."""
    dice = Random(f"{seed} wave {wave}")
    drawn: list[tuple[float, Verb, int, dict[str, Any]]] = []
    for _ in range(dice.choice(BLOWS_IN_WAVE)):
        at = round(dice.uniform(1.0, lengths(wave)[1] - 2), 2)
        worker = dice.randrange(WORKERS)
        if dice.random() < 0.5:
            drawn.append((at, Verb.KILL, worker, {}))
        else:
            seconds = round(dice.uniform(*FREEZES), 2)
            drawn.append((at, Verb.FREEZE, worker, {"seconds": seconds}))
    return sorted(drawn, key=lambda blow: blow[0])


def with_blows(told: Story, hits: list[tuple[float, Verb, int, dict[str, Any]]]) -> Story:
    """Return the story with what happened to the workers meanwhile."""
    steps = [
        Step(FIRST_BLOW + number, at, verb, worker, more=more)
        for number, (at, verb, worker, more) in enumerate(hits)
    ]
    return with_steps(told, steps)


def with_steps(told: Story, steps: Sequence[Step]) -> Story:
    """Return the story with further steps, at their times."""
    return replace(told, steps=tuple(sorted((*told.steps, *steps), key=lambda step: step.at)))


def _named(dice: Random, policy: str, people: int) -> tuple[int, ...]:
    if policy != "named":
        return ()
    return tuple(sorted(dice.sample(range(people), dice.randint(1, people))))


def _terms(dice: Random, policy: str) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "onPauseFailure": dice.choice(("alarm", "stop", "mark")),
        "pauseConfirmWithin": dice.choice(("PT1S", "PT3S", "PT5S")),
        "pauseOnStart": dice.random() < 0.15,
    }
    if policy != "none":
        terms["beforeConsent"] = dice.choice(("paused", "paused", "wait"))
        terms["onWithdrawal"] = dice.choice(("pause", "pause_and_mark"))
    return terms


def _steps(dice: Random, told: Story) -> tuple[Step, ...]:
    """Draw the steps: the start, agreements, and then whatever comes."""
    begins = round(dice.uniform(0.1, 1.0), 2)
    drawn: list[_Drawn] = [(begins, Verb.START, 0, dice.choice(_CHANNELS[:8]), {})]
    drawn += _agreements(dice, told, begins)
    for _ in range(dice.randint(3, 9)):
        at = round(dice.uniform(begins + 0.05, told.length - 0.5), 2)
        drawn += _chance(dice, told, at)
    # Faults first: at one moment the service is to meet the request already in that mood.
    drawn = [each for each in drawn if 0 < each[0] < told.length - 0.1]
    drawn.sort(key=lambda each: (each[0], each[1] is not Verb.FAULT))
    return tuple(
        Step(index, at, verb, who, channel, more)
        for index, (at, verb, who, channel, more) in enumerate(drawn)
    )


def _agreements(dice: Random, told: Story, begins: float) -> list[_Drawn]:
    """Let most participants agree soon, for else nothing would be recorded."""
    if told.policy == "none":
        return []
    return [
        (
            round(max(0.05, begins + dice.uniform(-0.3, 2.0)), 2),
            Verb.AGREE,
            who,
            dice.choice(_CHANNELS),
            {},
        )
        for who in range(told.people)
        if dice.random() < 0.9
    ]


def _chance(dice: Random, told: Story, at: float) -> list[_Drawn]:
    return dice.choices([*_CHANCES], [*_CHANCES.values()])[0](dice, told, at)


def _pause(dice: Random, told: Story, at: float) -> list[_Drawn]:
    """Let an agent pause, resume after a while, and perhaps a fault meet one of the two."""
    agent = dice.randrange(2)
    steps: list[_Drawn] = [(at, Verb.PAUSE, agent, dice.choice(_CHANNELS), {})]
    if dice.random() < 0.5:
        steps += _fault(dice, told, at, "pause")
    if dice.random() < 0.7:
        until = round(at + dice.choice((0.1, 0.6, 1.5, 3.0)) * dice.uniform(0.5, 1.5), 2)
        force = {"force": True} if dice.random() < 0.15 else {}
        steps.append((until, Verb.RESUME, agent, dice.choice(_CHANNELS), force))
        if dice.random() < 0.4:
            steps += _fault(dice, told, until, "resume")
        if dice.random() < 0.3:
            again = round(until + dice.uniform(0.1, 2.0), 2)
            steps.append((again, Verb.PAUSE, agent, dice.choice(_CHANNELS), {}))
    return [step for step in steps if step[0] < told.length - 0.2]


def _seen_late(dice: Random, told: Story, at: float) -> list[_Drawn]:
    """Let a pause take effect after it is accepted, and the reading of it see that later still."""
    effect = _seconds(dice, 1.0)
    seen = {"effectAfter": round(effect + _seconds(dice, 0.5), 2), "seconds": _seconds(dice, 0.5)}
    late = {"operation": "pause", "kind": "late_effect", "effectAfter": effect}
    slow = {"operation": "state", "kind": "slow", "times": dice.choice((1, 2)), **seen}
    before = max(0.01, round(at - 0.02, 2))
    asks = Verb.PAUSE if told.policy == "none" or dice.random() < 0.5 else Verb.WITHDRAW
    return [
        (before, Verb.FAULT, 0, Channel.REST, late),
        (before, Verb.FAULT, 0, Channel.REST, slow),
        (at, asks, 0, dice.choice(_CHANNELS), {}),
    ]


def _stop(dice: Random, told: Story, at: float) -> list[_Drawn]:
    steps: list[_Drawn] = [(at, Verb.STOP, dice.randrange(2), dice.choice(_CHANNELS), {})]
    if dice.random() < 0.3:
        steps += _fault(dice, told, at, "stop")
    if dice.random() < 0.4 and at + 1.5 < told.length - 1:
        steps.append((round(at + 1.5, 2), Verb.START, 0, dice.choice(_CHANNELS[:8]), {}))
    return steps


def _start_fault(dice: Random, told: Story, at: float) -> list[_Drawn]:
    """Let a fault meet the first start."""
    return _fault(dice, told, 0.02, "start")


def _foreign(dice: Random, told: Story, at: float) -> list[_Drawn]:
    steps: list[_Drawn] = [(at, Verb.FOREIGN_RESUME, 0, Channel.REST, {})]
    if dice.random() < 0.4:
        later = round(at + dice.uniform(0.2, 2.0), 2)
        steps.append((later, Verb.FOREIGN_PAUSE, 0, Channel.REST, {}))
    return steps


def _false_callback(dice: Random, told: Story, at: float) -> list[_Drawn]:
    more = {"state": dice.choice(("active", "inactive")), "ahead": dice.choice((-300, -2, 0, 300))}
    return [(at, Verb.FALSE_CALLBACK, 0, Channel.REST, more)]


def _coming_and_going(dice: Random, told: Story, at: float) -> list[_Drawn]:
    """Let a guest come, agree perhaps, and leave perhaps; or somebody leave and come back."""
    guest = told.people + dice.randrange(GUESTS)
    steps: list[_Drawn] = [(at, Verb.JOIN, guest, Channel.REST, {})]
    if dice.random() < 0.6:
        agrees = round(at + dice.uniform(-0.5, 2.0), 2)
        steps.append((agrees, Verb.AGREE, guest, dice.choice(_CHANNELS), {}))
    if dice.random() < 0.5:
        leaves = round(at + dice.uniform(0.3, 3.0), 2)
        steps.append((leaves, Verb.LEAVE, guest, Channel.REST, {}))
    return [step for step in steps if 0 < step[0] < told.length - 0.2]


def _leave(dice: Random, told: Story, at: float) -> list[_Drawn]:
    return [(at, Verb.LEAVE, dice.randrange(told.people), Channel.REST, {})]


def _withdraw(dice: Random, told: Story, at: float) -> list[_Drawn]:
    if told.policy == "none":
        return _pause(dice, told, at)
    who = dice.randrange(told.people)
    steps: list[_Drawn] = [(at, Verb.WITHDRAW, who, dice.choice(_CHANNELS), {})]
    if dice.random() < 0.4:
        steps += _fault(dice, told, at, "pause")
        later = round(at + dice.uniform(0.1, 1.5), 2)
        steps.append((later, Verb.PAUSE, dice.randrange(2), dice.choice(_CHANNELS), {}))
    if dice.random() < 0.5:
        again = round(at + dice.uniform(0.2, 3.0), 2)
        steps.append((again, Verb.AGREE, who, dice.choice(_CHANNELS), {}))
    return [step for step in steps if step[0] < told.length - 0.2]


def _any_fault(dice: Random, told: Story, at: float) -> list[_Drawn]:
    return _fault(dice, told, at, dice.choice(("state", "state", "pause", "resume", "stop")))


_CHANCES: dict[Callable[[Random, Story, float], list[_Drawn]], int] = {
    _pause: 9,
    _seen_late: 2,
    _withdraw: 5,
    _coming_and_going: 3,
    _leave: 1,
    _foreign: 2,
    _false_callback: 1,
    _any_fault: 3,
    _start_fault: 1,
    _stop: 1,
}


def _fault(dice: Random, told: Story, at: float, operation: str) -> list[_Drawn]:
    """Let the next requests of an operation meet a fault."""
    kind = dice.choice(_KINDS[operation])
    rule = {"operation": operation, **kind(dice)}
    if told.length >= LONG[0] and "effectAfter" in rule:
        rule["effectAfter"] = round(3 * rule["effectAfter"], 2)
    return [(max(0.01, round(at - 0.02, 2)), Verb.FAULT, 0, Channel.REST, rule)]


def _seconds(dice: Random, most: float) -> float:
    return round(dice.uniform(0.05, most), 2)


def _unavailable(dice: Random) -> dict[str, Any]:
    return {"kind": "unavailable", "times": dice.choice((1, 2, 4, 12))}


def _hang(dice: Random) -> dict[str, Any]:
    return {"kind": "hang", "seconds": _seconds(dice, 8), "times": dice.choice((1, 1, 2))}


def _lost_answer(dice: Random) -> dict[str, Any]:
    more = {} if dice.random() < 0.5 else {"effectAfter": _seconds(dice, MAX_EFFECT_DELAY)}
    return {"kind": dice.choice(("reset", "unavailable")), "takesEffect": True, **more}


def _hanging_effect(dice: Random) -> dict[str, Any]:
    return {
        "kind": "hang",
        "seconds": _seconds(dice, 6),
        "takesEffect": True,
        "effectAfter": _seconds(dice, MAX_EFFECT_DELAY),
    }


def _slow(dice: Random) -> dict[str, Any]:
    return {
        "kind": "slow",
        "effectAfter": _seconds(dice, 1.5),
        "seconds": _seconds(dice, 1.5),
        "times": dice.choice((1, 1, 3)),
    }


def _late(dice: Random) -> dict[str, Any]:
    return {"kind": "late_effect", "effectAfter": _seconds(dice, MAX_EFFECT_DELAY)}


def _conflict(dice: Random) -> dict[str, Any]:
    return {"kind": "conflict_8573", "times": dice.choice((1, 2))}


def _without_effect(dice: Random) -> dict[str, Any]:
    return {"kind": "pause_not_effective", "times": dice.choice((1, 2))}


def _not_heeded(dice: Random) -> dict[str, Any]:
    return {"kind": "pause_on_start_ignored"}


_KINDS: dict[str, tuple[Callable[[Random], dict[str, Any]], ...]] = {
    "pause": (
        *(_unavailable, _hang, _lost_answer, _hanging_effect),
        *(_slow, _late, _conflict, _without_effect),
    ),
    "resume": (_unavailable, _hang, _lost_answer, _hanging_effect, _slow, _late, _conflict),
    "stop": (_unavailable, _lost_answer, _hanging_effect, _slow, _late),
    "state": (_unavailable, _hang, _slow, _slow),
    "start": (_unavailable, _lost_answer, _slow, _not_heeded, _not_heeded),
}
