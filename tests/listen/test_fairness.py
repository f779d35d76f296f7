"""Fair calls show an account that claims nothing."""

import pytest

from bench.listen.fairness import fair_share, fair_story
from bench.listen.story import Verb
from tests.listen.calls import BEGAN, call, recorded, said


@pytest.mark.parametrize(("silent", "share"), [(((2.2, 4),), 1.0), (((2.2, 3),), 0.0), ((), 0.0)])
def test_a_confirmed_pause_is_to_be_silent_by_the_manifest(
    silent: tuple[tuple[float, float], ...], share: float
) -> None:
    played = call()
    played.ended = BEGAN + 10
    said(played, Verb.PAUSE, 2, 2.2)
    said(played, Verb.RESUME, 4, 4.2)
    recorded(played, (0, 2), silent=silent)
    assert fair_share([played]) == share


def test_a_pause_that_is_not_confirmed_is_none() -> None:
    played = call()
    said(played, Verb.PAUSE, 2, 2.2)
    said(played, Verb.PAUSE, 2, 2.2, done=False)
    recorded(played, silent=((0, float("inf")),))
    assert fair_share([played]) == 0.5


def test_nothing_goes_wrong_in_a_fair_story() -> None:
    for number in range(4):
        verbs = {step.verb for step in fair_story(number).steps}
        assert verbs <= {Verb.START, Verb.AGREE, Verb.PAUSE, Verb.RESUME}
