"""Records of calls for tests of the laws, in seconds from `BEGAN`."""

from typing import Any

from bench.listen.hearing import TICK, Heard
from bench.listen.record import Deed, Interval, Played, Recording
from bench.listen.relay import Told
from bench.listen.story import Channel, Step, Story, Verb

BEGAN = 1_000_000.0


def call(policy: str = "none", people: int = 2, **more: Any) -> Played:
    """Make the record of a call of ten seconds in which everybody is there from the beginning."""
    played = Played(Story(0, 10.0, people, (), policy, **more), began=BEGAN)
    played.participants = {number: f"8:acs:{number}" for number in range(people + 2)}
    played.voices = {raw_id: number for number, raw_id in played.participants.items()}
    played.presence = {number: [(BEGAN, float("inf"))] for number in range(people)}
    played.listed = frozenset(range(people))
    said(played, Verb.START, 0.0, 0.1)
    return played


def said(
    played: Played,
    verb: Verb,
    sent: float,
    answered: float | None = None,
    who: int = 0,
    *,
    done: bool = True,
    answer: str = "",
    channel: Channel = Channel.REST,
    ahead: float | None = 0.0,
    **more: Any,
) -> Deed:
    """Add a request; it is done where it was answered and nothing else is said.

    A decision tells its time, by a clock that is ``ahead``; None tells none.
    """
    decided = None if ahead is None else BEGAN + sent + ahead
    step = Step(len(played.deeds), sent, verb, who, channel, more)
    at = None if answered is None else BEGAN + answered
    done = done and answered is not None
    deed = Deed(step, BEGAN + sent, at, decided, done, answer)
    played.deeds.append(deed)
    return deed


def fault(played: Played, **rule: Any) -> None:
    played.deeds.append(Deed(Step(len(played.deeds), 0.0, Verb.FAULT, more=rule), BEGAN))


def recorded(
    played: Played,
    *heard: tuple[float, float],
    voices: tuple[int, ...] = (0, 1),
    silent: tuple[tuple[float, float], ...] = (),
    marked: tuple[tuple[float, float], ...] = (),
) -> Recording:
    """Add a recording in which these voices are heard at these times."""
    ticks = [
        Heard(tick, frozenset(voices))
        for since, until in heard
        for tick in range(round(since / TICK), round(until / TICK))
    ]
    recording = Recording("r", BEGAN, BEGAN + 10, ticks, _times(silent), _times(marked))
    played.recordings.append(recording)
    return recording


def came(played: Played, who: int, at: float, told: float | None, ahead: float = 0.0) -> None:
    """Let somebody join; the gateway has the event at ``told``, by a clock that is ahead."""
    played.presence.setdefault(who, []).append((BEGAN + at, float("inf")))
    if told is not None:
        event = Told(played.participants[who], True, BEGAN + at + ahead, BEGAN + told)
        played.told.append(event)


def left(played: Played, who: int, at: float, told: float | None, ahead: float = 0.0) -> None:
    """Let somebody leave; the gateway has the event at ``told``, by a clock that is ahead."""
    since, _ = played.presence[who][-1]
    played.presence[who][-1] = (since, BEGAN + at)
    if told is not None:
        event = Told(played.participants[who], False, BEGAN + at + ahead, BEGAN + told)
        played.told.append(event)


def _times(spans: tuple[tuple[float, float], ...]) -> list[Interval]:
    return [Interval(BEGAN + since, BEGAN + until) for since, until in spans]
