"""Does the checker of `make chaos` notice each promise that is broken?"""

from dataclasses import replace

import pytest

from bench.chaos.checker import SLOW_TASK
from bench.chaos.generator import DeliveryMode
from bench.chaos.objects import Object
from bench.chaos.parts import Fault, Outage, Part
from bench.chaos.world import Restore

from .case import BEGAN, DOCUMENT, ENDED, MEDIA, METADATA, Trial

SET_BACK = Restore(BEGAN - 5, BEGAN + 5, True, frozenset())


@pytest.fixture
def trial() -> Trial:
    return Trial()


def test_a_run_in_which_all_went_well_breaks_nothing(trial: Trial) -> None:
    assert trial.violations() == []


def test_a_file_without_a_trace_is_noticed(trial: Trial) -> None:
    trial.objects.clear()
    assert trial.violations() == [f"{DOCUMENT} is neither archived nor lost"]


@pytest.mark.parametrize(("media", "metadata"), [("other", METADATA), (MEDIA, "other")])
def test_another_byte_is_noticed(trial: Trial, media: str, metadata: str) -> None:
    trial.objects[0] = Object("recordings/1.wav", DOCUMENT, media, metadata)
    (what,) = trial.violations()
    assert "not what the service had" in what


def test_a_file_that_is_archived_twice_is_noticed(trial: Trial) -> None:
    trial.objects.append(Object("recordings/2.wav", DOCUMENT, MEDIA, METADATA))
    assert trial.violations() == [f"{DOCUMENT} is archived 2 times"]


def test_an_object_that_nobody_made_is_noticed(trial: Trial) -> None:
    trial.objects.append(Object("recordings/2.wav", "document-2", MEDIA, METADATA))
    assert trial.violations() == ["recordings/2.wav is archived, and nobody made it"]


@pytest.mark.parametrize("mode", [DeliveryMode.LOST, DeliveryMode.TOO_LATE])
def test_a_loss_that_the_seed_explains_is_none_of_callvaults(
    trial: Trial, mode: DeliveryMode
) -> None:
    trial.loses_the_file(mode)
    assert trial.violations() == []
    assert trial.causes() == [f"event {mode}"]


def test_a_lost_event_is_no_cause_where_acs_may_be_asked(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.LOST)
    trial.polls_result = True
    assert trial.violations() == [f"{DOCUMENT} is lost, and need not be"]


def test_what_the_gateway_has_taken_may_not_be_lost(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.TOO_LATE, accepted_at=ENDED + 1)
    assert trial.violations() == [f"{DOCUMENT} is lost, and need not be"]


def test_a_loss_without_a_cause_is_noticed(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.ON_TIME)
    assert trial.violations() == [f"{DOCUMENT} is lost, and need not be"]


def test_an_event_grid_that_died_in_time_is_a_cause(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.ON_TIME)
    trial.outages.append(Outage(Part.EMULATOR, Fault.KILL, ENDED - 9, ENDED - 5))
    assert trial.causes() == [""]
    trial.outages.append(Outage(Part.EMULATOR, Fault.KILL, ENDED + 1, ENDED + 5))
    assert trial.violations() == []


def test_a_twin_that_nobody_announced_is_safe_with_the_file_it_repeats(trial: Trial) -> None:
    twin = replace(trial.chunk, document_id="0-eus-twin")
    trial.twins.append(twin)
    assert trial.violations() == []
    trial.twins[0] = replace(twin, index=1)
    assert trial.violations() == ["0-eus-twin is neither archived nor lost"]


def test_a_twin_that_nobody_announced_is_lost_as_the_file_that_it_repeats(trial: Trial) -> None:
    trial.loses_the_file(accepted_at=ENDED + 1)
    trial.twins.append(replace(trial.chunk, document_id="0-eus-twin"))
    assert trial.violations() == [f"{DOCUMENT} is lost, and need not be"]


def test_a_twin_that_the_gateway_has_taken_may_not_be_missing(trial: Trial) -> None:
    trial.twins.append(replace(trial.chunk, document_id="0-eus-twin"))
    trial.sent_event.documents = frozenset({DOCUMENT, "0-eus-twin"})
    assert trial.violations() == ["0-eus-twin is neither archived nor lost"]


def test_a_dead_letter_may_be_lost_only_if_event_grid_died_before_it_was_written(
    trial: Trial,
) -> None:
    trial.loses_the_file(DeliveryMode.REFUSED)
    assert trial.causes() == [""]
    trial.outages.append(Outage(Part.EMULATOR, Fault.KILL, ENDED + 60, ENDED + 65))
    assert trial.violations() == [f"{DOCUMENT} is lost, and need not be"]
    trial.outages.append(Outage(Part.EMULATOR, Fault.KILL, ENDED + 2, ENDED + 5))
    assert trial.violations() == []


def test_a_file_that_the_service_deleted_is_a_cause(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.ON_TIME, accepted_at=ENDED + 1)
    trial.early_deletions.add(DOCUMENT)
    assert trial.violations() == []


def test_a_loss_that_nobody_was_told_of_is_noticed(trial: Trial) -> None:
    trial.loses_the_file(DeliveryMode.LOST)
    trial.alarms.clear()
    assert trial.violations() == [f"{DOCUMENT} is lost, and nobody was told"]


def test_a_recording_too_many_is_noticed(trial: Trial) -> None:
    trial.made = 2
    assert trial.violations() == ["2 recordings began for 1 starts"]


def test_a_start_of_which_nothing_is_known_is_noticed(trial: Trial) -> None:
    trial.starts = 2
    (what,) = trial.violations()
    assert what.startswith("2 starts, and 1 records of them")
    # It met the recording before, whose stop nothing had taken.
    trial.unstopped = 1
    assert trial.violations() == []


def test_a_call_that_the_operator_had_to_end_need_not_answer(trial: Trial) -> None:
    trial.starts, trial.status = 2, "TERMINATED"
    assert [what for what in trial.violations() if what.startswith("2 starts")]
    trial.world.restores.append(replace(SET_BACK, to=ENDED + 50, at=ENDED + 60))
    assert not [what for what in trial.violations() if what.startswith("2 starts")]


def test_a_start_that_was_accepted_and_stands_as_failed_is_noticed(trial: Trial) -> None:
    trial.told_more.append({"recordingId": None, "state": "failed_to_start", "chunks": []})
    assert trial.violations() == ["a start that ACS accepted stands as failed"]


def test_a_start_that_was_forgotten_may_be_refused_when_it_is_tried_again(trial: Trial) -> None:
    trial.told_more.append({"recordingId": None, "state": "failed_to_start", "chunks": []})
    trial.world.restores.append(SET_BACK)
    assert trial.violations() == []
    trial.recording["recordingId"] = "of-somebody-else"
    assert trial.violations() == ["a start that ACS accepted stands as failed"]


def test_a_start_may_be_refused_that_was_under_way_as_the_operator_reset_its_call(
    trial: Trial,
) -> None:
    trial.told_more.append({"recordingId": None, "state": "failed_to_start", "chunks": []})
    trial.world.ended_runs.add("run-1")
    assert trial.violations() == []
    trial.recording["recordingId"] = "of-somebody-else"
    assert trial.violations() == ["a start that ACS accepted stands as failed"]


def test_of_a_recording_whose_start_was_forgotten_and_event_lost_nobody_knows(
    trial: Trial,
) -> None:
    trial.loses_the_file(DeliveryMode.LOST)
    trial.recording["recordingId"] = "of-somebody-else"
    unknown = [f"{DOCUMENT} is neither archived nor lost"]
    assert trial.violations() == unknown
    trial.world.restores.append(replace(SET_BACK, to=BEGAN + 1))
    assert trial.violations() == unknown
    trial.world.restores.append(SET_BACK)
    assert trial.violations() == []


def test_an_event_that_was_accepted_is_known_whatever_was_forgotten(trial: Trial) -> None:
    trial.loses_the_file(accepted_at=ENDED)
    trial.recording["recordingId"] = "of-somebody-else"
    trial.world.restores.append(SET_BACK)
    assert trial.violations() == [f"{DOCUMENT} is neither archived nor lost"]


def test_a_workflow_that_does_not_end_is_noticed(trial: Trial) -> None:
    trial.status = "RUNNING"
    (what,) = trial.violations()
    assert what.endswith("is RUNNING")


def test_a_task_that_fails_is_noticed(trial: Trial) -> None:
    trial.failed_tasks.append("NON_DETERMINISTIC_ERROR: another command")
    (what,) = trial.violations()
    assert "failed a task: NON_DETERMINISTIC_ERROR" in what


def test_a_task_that_a_frozen_worker_did_not_finish_in_time_is_no_fault(trial: Trial) -> None:
    trial.failed_tasks.append(f"UNHANDLED_FAILURE: {SLOW_TASK} Potential deadlock detected")
    assert trial.violations() == []


def test_a_backend_that_was_not_heard_is_noticed(trial: Trial) -> None:
    trial.problem = "no answer within 300 s"
    (what,) = trial.violations()
    assert what.startswith("the backend was not heard")
