"""Stories are drawn from a seed, and every step and fault is among them."""

from bench.listen.run import scene
from bench.listen.story import Callbacks, Channel, Verb
from bench.listen.storyteller import _KINDS, LENGTH, LONG, OFFSETS, WAVE, story
from callvault.emulator.faults import ScriptedFault

STORIES = [scene(1, number) for number in range(600)]


def test_a_seed_tells_the_same_stories_again() -> None:
    assert [scene(1, number) for number in range(20)] == STORIES[:20]
    assert [scene(2, number) for number in range(20)] != STORIES[:20]


def test_a_story_is_the_same_with_and_without_its_wave() -> None:
    told = story(1, WAVE + 3)
    left_out = {step.index for step in scene(1, WAVE + 3).worker_steps}
    assert scene(1, WAVE + 3).without(left_out) == told


def test_everything_that_can_happen_happens() -> None:
    steps = [step for told in STORIES for step in told.steps]
    assert {step.verb for step in steps} == {*Verb}
    assert {step.channel for step in steps} == {*Channel}
    assert {told.callbacks for told in STORIES} == {*Callbacks}
    assert {told.clocks.service for told in STORIES} == {*OFFSETS}
    assert {told.clocks.event_grid for told in STORIES} == {*OFFSETS}
    assert {told.clocks.reporters for told in STORIES} == {*OFFSETS}
    assert {told.policy for told in STORIES} == {"none", "any_party", "all_parties", "named"}


def test_every_fault_is_one_that_the_emulator_knows() -> None:
    rules = [step.more for told in STORIES for step in told.steps if step.verb is Verb.FAULT]
    assert {rule["operation"] for rule in rules} == {*_KINDS}
    for rule in rules:
        ScriptedFault.model_validate(rule)


def test_everything_happens_within_the_call() -> None:
    for told in STORIES:
        assert LENGTH[0] <= told.length <= LONG[1]
        calls = [step for step in told.steps if step not in told.worker_steps]
        assert all(0 < step.at < told.length for step in calls)
        assert sum(step.verb is Verb.START for step in told.steps) >= 1


def test_steps_can_be_left_out_by_their_index() -> None:
    told = STORIES[0]
    first, *others = told.steps
    assert told.without({first.index}).steps == tuple(others)
    assert str(first.index) in told.told()
