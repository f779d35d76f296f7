"""Does a seed say everything about a life, and do lives differ?"""

from bench.chaos.generator import Channel, DeliveryMode, scenario

LIVES = [scenario(3, number, of=1000) for number in range(1, 1001)]


def test_the_same_seed_gives_the_same_life() -> None:
    assert scenario(3, 17, of=1000) == LIVES[16]
    assert scenario(4, 17, of=1000) != LIVES[16]


def test_a_thousand_lives_meet_every_way_every_fate_and_every_verb() -> None:
    recordings = [recording for each in LIVES for recording in each.recordings]
    steps = [step for recording in recordings for step in recording.steps]
    assert {step.channel for step in steps} == {*Channel}
    assert {step.operation for step in steps} == {"pause", "resume", "stop"}
    assert {each.files for each in LIVES} == {*DeliveryMode}
    assert {each.people for each in LIVES} == {1, 2, 3, 4}
    assert {len(each.recordings) for each in LIVES} == {1, 2}
    assert any(each.deleted_early for each in LIVES)


def test_a_recording_that_another_follows_is_stopped() -> None:
    firsts = [each.recordings[0] for each in LIVES if len(each.recordings) == 2]
    assert all(first.steps[-1].operation == "stop" for first in firsts)
