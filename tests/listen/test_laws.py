"""Each law: what breaks it, and what does not."""

from math import inf

import pytest

from bench.listen import laws
from bench.listen.record import Played
from bench.listen.story import Channel, Verb
from tests.listen.calls import call, fault, recorded, said


def broken(played: Played) -> list[int]:
    return [each.law for each in laws.broken(played)]


def test_a_voice_in_an_interval_that_is_called_silent_breaks_the_first_law() -> None:
    played = call()
    recorded(played, (0, 4), (4.5, 4.75), silent=((4, 5),))

    (found,) = laws.broken(played)
    assert (found.law, found.heard) == (1, 0.25)
    assert "4.50 to 4.75" in found.sentence


def test_an_open_interval_is_silent_until_the_end() -> None:
    played = call()
    recorded(played, (9, 9.5), silent=((4, inf),))
    assert broken(played) == [1]


def test_what_is_heard_beside_silence_breaks_nothing() -> None:
    played = call()
    recorded(played, (0, 4.05), (4.95, 10), silent=((4, 5),))
    assert broken(played) == []


@pytest.mark.parametrize(
    ("resumed", "heard", "is_broken"),
    [
        (4.5, 0.5, False),
        (4.5, 0.7, True),
        (9, 0.5, True),
        # As the reading was under way that proved the silence; and before it was sent.
        (3, 0.5, False),
        (2, 0.5, True),
    ],
)
def test_a_sound_of_somebody_else_breaks_the_first_law_once_it_can_be_told(
    resumed: float, heard: float, is_broken: bool
) -> None:
    played = call()
    said(played, Verb.FOREIGN_RESUME, resumed, resumed + 0.1)
    recorded(played, (4.6, 4.6 + heard), silent=((4, 8),))
    assert broken(played) == ([1] if is_broken else [])


def test_what_nobody_can_tell_of_a_silence_breaks_the_second_law_as_little() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 0.0, 0.1)
    said(played, Verb.WITHDRAW, 3.0, channel=Channel.SIGNAL)
    recorded(played, (4.6, 5), silent=((4, 8),), marked=((3, 4),))
    assert broken(played) == [1, 2]
    said(played, Verb.FOREIGN_RESUME, 4.5, 4.6)
    assert broken(played) == []


def test_a_foreign_resume_that_is_unanswered_makes_a_promise_unsure() -> None:
    played = call()
    said(played, Verb.FOREIGN_RESUME, 1.0, 4.0)
    said(played, Verb.PAUSE, 2.0, 2.5)
    recorded(played, (3, 5))
    assert broken(played) == []


def test_a_start_that_is_unanswered_may_come_after_a_withdrawal() -> None:
    played = call("named", named=(1,))
    said(played, Verb.START, 1.0, 4.0)
    said(played, Verb.WITHDRAW, 2.0, 2.5, who=1)
    recorded(played, (3, 5), marked=((3, 5),))
    assert broken(played) == []


@pytest.mark.parametrize("operation", ["state", "pause"])
def test_a_stop_that_is_late_and_cannot_be_read_is_not_judged(operation: str) -> None:
    played = call()
    fault(played, operation="stop", kind="late_effect", effectAfter=2)
    fault(played, operation=operation, kind="unavailable")
    said(played, Verb.STOP, 2.0, 2.5)
    recorded(played, (3, 4))
    assert broken(played) == ([] if operation == "state" else [3])


def test_an_unmarked_voice_without_consent_breaks_the_second_law() -> None:
    played = call("named", named=(1,))
    recorded(played, (0, 3))
    said(played, Verb.AGREE, 2.0, 2.1, who=1)
    (found,) = laws.broken(played)
    assert found.law == 2
    assert 1.9 <= found.heard <= 2.0


def test_a_marked_voice_without_consent_does_not() -> None:
    played = call("named", named=(1,))
    recorded(played, (0, 2), marked=((0, 1), (1, 2)))
    assert broken(played) == []


def test_only_the_voice_of_who_has_not_agreed_counts() -> None:
    played = call("all_parties")
    said(played, Verb.AGREE, 0.0, 0.1, who=0)
    recorded(played, (1, 3), voices=(0,))
    assert broken(played) == []


def test_sound_after_a_confirmed_pause_breaks_the_third_law() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5)
    recorded(played, (0, 2.4), (6, 7))
    assert broken(played) == [3]


def test_a_pause_holds_until_its_own_resume_is_sent() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5, who=0)
    said(played, Verb.RESUME, 4.0, 4.2, who=1)
    said(played, Verb.RESUME, 6.0, 6.2, who=0)
    recorded(played, (6, 10))
    assert broken(played) == []
    recorded(played, (4.5, 5))
    assert broken(played) == [3]


def test_a_resume_that_is_forced_releases_all() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5, who=0)
    said(played, Verb.RESUME, 4.0, 4.2, who=1, force=True)
    recorded(played, (4, 10))
    assert broken(played) == []


def test_a_pause_that_was_not_confirmed_claims_nothing() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5, done=False, answer="HTTP 502 not_done")
    said(played, Verb.PAUSE, 2.0, 2.5, channel=Channel.SIGNAL)
    said(played, Verb.PAUSE, 2.0)
    recorded(played, (0, 10))
    assert broken(played) == []


def test_an_error_that_says_stopped_claims_silence() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5, done=False, answer="HTTP 502 the recording is stopped")
    recorded(played, (0, 10))
    assert broken(played) == [3]


def test_a_stop_holds_until_another_start() -> None:
    played = call()
    said(played, Verb.STOP, 2.0, 2.5)
    said(played, Verb.START, 5.0, 5.2)
    recorded(played, (5.1, 10))
    assert broken(played) == []
    recorded(played, (3, 4))
    assert broken(played) == [3]


def test_a_withdrawal_holds_until_an_agreement() -> None:
    played = call("named", named=(0, 1))
    for who in (0, 1):
        said(played, Verb.AGREE, 0.0, 0.1, who=who)
    said(played, Verb.WITHDRAW, 3.0, 3.5, who=1)
    said(played, Verb.AGREE, 5.0, 5.1, who=1)
    recorded(played, (1, 3.4), (5, 10), marked=((3, 3.5),))
    assert broken(played) == []
    recorded(played, (4, 4.5), marked=((3, 5),))
    assert broken(played) == [3]


def test_what_was_sent_before_the_answer_may_come_after_the_request() -> None:
    played = call()
    said(played, Verb.RESUME, 1.9, 2.2)
    said(played, Verb.PAUSE, 2.0, 2.5)
    recorded(played, (3, 4))
    assert broken(played) == []


def test_a_resume_that_was_answered_before_the_pause_is_no_excuse() -> None:
    played = call()
    said(played, Verb.RESUME, 1.0, 1.5)
    said(played, Verb.PAUSE, 2.0, 2.5)
    recorded(played, (3, 4))
    assert broken(played) == [3]


def test_somebody_else_may_resume_at_the_service() -> None:
    played = call()
    said(played, Verb.PAUSE, 2.0, 2.5)
    said(played, Verb.FOREIGN_RESUME, 5.0, 5.1)
    recorded(played, (5.1, 6))
    assert broken(played) == []
    recorded(played, (4, 4.9))
    assert broken(played) == [3]


def test_a_foreign_resume_whose_effect_is_late_is_not_held_against_the_answer() -> None:
    played = call()
    said(played, Verb.FOREIGN_RESUME, 1.0, 1.1)
    said(played, Verb.PAUSE, 2.0, 2.5)
    recorded(played, (4, 5))
    assert broken(played) == [3]
    fault(played, operation="resume", kind="late_effect", effectAfter=3)
    assert broken(played) == []


def test_a_pause_during_a_start_that_is_not_answered_is_held_to_its_word() -> None:
    played = call()
    played.deeds.clear()
    said(played, Verb.START, 0.0, 3.0)
    said(played, Verb.PAUSE, 1.0, 1.5)
    recorded(played, (3, 4))
    assert broken(played) == [3]
