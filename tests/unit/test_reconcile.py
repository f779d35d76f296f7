"""The join of a reconciliation: every witness, every gap, none invented."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.causes import Cause, tag
from callvault.contracts import names
from callvault.contracts.reconciliation import CallSeen, Reconciliation, Source, Verdict
from callvault.contracts.states import RecordingState
from callvault.reconcile.join import MAX_GAPS, Evidence, bounded, join
from callvault.reconcile.records import ExpectedObject, Record
from callvault.reconcile.verdicts import Discrepancy, judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GONE = Discrepancy("it is not there")
AWAY = Discrepancy("the archive does not answer", is_unknown=True)


def workflow_records(call: str = "call", **facts: Any) -> Record:
    """A recording with one file and its manifest, archived unless the facts say otherwise."""
    archive = facts.pop("archive", "main")
    manifest = ExpectedObject(archive, f"{call}/manifest.json", sha256="f", is_manifest=True)
    whole: dict[str, Any] = {
        "workflow_id": names.workflow_id(call),
        "server_call_id": call,
        "resource": "default",
        "number": 1,
        "recording_id": f"{call}-recording",
        "state": "archived",
        "is_over": True,
        "origin": "requested",
        "announced": 1,
        "files": (ExpectedObject(archive, f"{call}/0.mp4", 100),),
        "others": (manifest,),
    }
    return Record(**{**whole, **facts})


def seen(call: str, *, all_recorded: bool = False, what: Any = "began", ago: int = 60) -> CallSeen:
    return CallSeen(
        server_call_id=call,
        resource="default",
        what=what,
        at=NOON - timedelta(minutes=ago),
        all_recorded=all_recorded,
    )


def report(*records: Record, target: float = 100, **facts: Any) -> Reconciliation:
    workflow_ids = frozenset(record.workflow_id for record in records)
    whole: dict[str, Any] = {
        "since": NOON - timedelta(hours=24),
        "until": NOON,
        "workflow_records": records,
        "workflow_ids": workflow_ids | facts.pop("workflow_ids", frozenset()),
        "seen": (),
        "sealed": (),
        "discrepancies": {},
    }
    return join(Evidence(**{**whole, **facts}), target)


def counts(of: Reconciliation) -> dict[str, int]:
    return {verdict: count for verdict, count in of.verdicts.items() if count}


NOTHING: dict[str, Any] = {"files": (), "others": (), "announced": 0}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, Verdict.COMPLETE),
        ({"others": ()}, Verdict.MISSING),
        ({"others": (), "is_over": False}, Verdict.OPEN),
        ({"others": (), "is_over": False, "unsealed": "no key"}, Verdict.MISSING),
        ({"state": "lost", "announced": 2}, Verdict.PARTIAL),
        ({**NOTHING, "state": "lost"}, Verdict.LOST),
        ({**NOTHING, "state": "failed_to_start"}, Verdict.MISSING),
        ({**NOTHING, "state": "declined"}, Verdict.DECLINED),
        ({**NOTHING, "state": "empty"}, Verdict.EMPTY),
        ({**NOTHING, "state": ""}, Verdict.UNKNOWN),
        ({**NOTHING, "state": "recording", "is_over": False}, Verdict.OPEN),
        ({**NOTHING, "state": "recording"}, Verdict.MISSING),
        ({**NOTHING, "state": "archiving"}, Verdict.MISSING),
        ({**NOTHING, "state": "added_later", "is_over": False}, Verdict.OPEN),
    ],
)
def test_a_recording_is_judged_by_its_state(facts: dict[str, Any], verdict: Verdict) -> None:
    assert judge(workflow_records(**facts), {}).verdict is verdict


@pytest.mark.parametrize("state", RecordingState)
def test_no_state_of_a_recording_is_judged_unknown(state: RecordingState) -> None:
    assert judge(workflow_records(state=state), {}).verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("part", ["0.mp4", "manifest.json"])
@pytest.mark.parametrize("state", ["archived", "lost", "archiving"])
def test_what_is_said_to_be_archived_and_is_not_there_is_missing(part: str, state: str) -> None:
    record = workflow_records(state=state, is_over=state != "archiving")
    expected = next(
        expected for expected in record.expected_objects if expected.object_name.endswith(part)
    )
    found = judge(record, {expected: GONE})
    assert found.verdict is Verdict.MISSING
    assert found.objects == (f"main/call/{part}",)
    assert "it is not there" in found.what


def test_an_archive_that_does_not_answer_makes_nothing_missing() -> None:
    record = workflow_records()
    assert judge(record, dict.fromkeys(record.expected_objects, AWAY)).verdict is Verdict.UNKNOWN


def test_exactly_what_is_amiss_is_named_and_the_percentage_counts_it() -> None:
    good = [workflow_records(f"good-{n}") for n in range(8)]
    gone, lost = (
        workflow_records("gone"),
        workflow_records("lost", **NOTHING, state="lost", problem="no file came"),
    )
    of = report(*good, gone, lost, discrepancies={gone.files[0]: GONE})
    assert counts(of) == {"complete": 8, "missing": 1, "lost": 1}
    assert [(gap.verdict, gap.workflow_id) for gap in of.gaps] == [
        (Verdict.MISSING, names.workflow_id("gone")),
        (Verdict.LOST, names.workflow_id("lost")),
    ]
    assert of.gaps[1].what == "no file came; 0 of 0 announced files are archived"
    assert (of.percentage, of.is_met) == (80, False)
    assert (of.calls_seen, of.recordings_requested, of.recordings_started) == (10, 10, 10)
    assert (of.files_announced, of.files_archived) == (9, 8)


MISTYPED: dict[str, Any] = {
    **NOTHING,
    "state": "failed_to_start",
    "recording_id": None,
    "problem": f"start failed: ACS answered 400 8527{tag('caller', Cause.UNKNOWN_CALL)}",
}


def test_a_mistyped_id_is_named_and_no_recording_that_is_missing() -> None:
    of = report(workflow_records("mistyped", **MISTYPED))
    assert (of.percentage, of.is_met) == (100, True)
    assert [(gap.verdict, gap.workflow_id) for gap in of.gaps] == [
        (Verdict.NO_SUCH_CALL, names.workflow_id("mistyped"))
    ]


def test_a_call_that_event_grid_told_of_is_missing_whatever_acs_says_of_its_id() -> None:
    of = report(workflow_records("call", **MISTYPED), seen=(seen("call"),))
    assert (counts(of), of.percentage, of.is_met) == ({"missing": 1}, 0, False)


def test_a_target_forgives_what_is_lost_but_nothing_that_is_missing() -> None:
    lost = workflow_records("lost", **NOTHING, state="lost")
    assert report(workflow_records(), lost, target=50).is_met
    assert not report(workflow_records(), lost, target=50.1).is_met
    gone = workflow_records("gone")
    assert not report(
        workflow_records(), gone, target=50, discrepancies={gone.files[0]: GONE}
    ).is_met


def test_what_is_open_empty_or_declined_does_not_count() -> None:
    others = [
        workflow_records("open", state="recording", is_over=False),
        workflow_records("empty", **NOTHING, state="empty"),
        workflow_records("declined", **NOTHING, state="declined", problem="no consent"),
    ]
    of = report(workflow_records(), *others)
    assert (of.percentage, of.is_met) == (100, True)
    assert [gap.verdict for gap in of.gaps] == [Verdict.DECLINED]


def test_a_source_that_could_not_be_read_is_no_success() -> None:
    away = Source(name="archive spare", summary="nothing", problem="away", is_unread=True)
    odd = Source(name="archive main", summary="3 manifests", problem="one is odd")
    assert report(workflow_records(), sources=(odd,)).is_met
    of = report(workflow_records(), sources=(odd, away), target=0)
    assert (of.percentage, of.is_met, of.unread) == (100, False, (away,))


def test_nothing_at_all_is_complete() -> None:
    assert report().is_met


@pytest.mark.parametrize(
    ("all_recorded", "verdict"), [(True, Verdict.MISSING), (False, Verdict.NOT_ASKED)]
)
def test_a_call_that_nobody_recorded_is_missing_where_all_are_recorded(
    all_recorded: bool, verdict: Verdict
) -> None:
    traces = (seen("unheard", all_recorded=all_recorded),)
    of = report(workflow_records(), seen=traces)
    assert counts(of) == {"complete": 1, verdict: 1}
    assert of.calls_seen == 2
    assert of.is_met is not all_recorded


def test_a_call_that_only_its_end_told_of_is_missing_once() -> None:
    traces = [seen("unheard", what=what, all_recorded=True) for what in ("ended", "began")]
    assert counts(report(seen=traces[:1])) == {"missing": 1}
    assert counts(report(seen=traces)) == {"missing": 1}


def test_a_call_whose_workflow_has_no_recording_is_missing() -> None:
    workflow_ids = frozenset({names.workflow_id("unheard")})
    of = report(seen=[seen("unheard", all_recorded=True)], workflow_ids=workflow_ids)
    assert counts(of) == {"missing": 1}
    assert "kept without a recording" in of.gaps[0].what


def test_a_call_that_was_just_seen_is_not_judged_yet() -> None:
    assert counts(report(seen=[seen("new", all_recorded=True, ago=0)])) == {"open": 1}


def test_a_call_that_was_seen_and_recorded_counts_once() -> None:
    traces = [seen("call", all_recorded=True), seen("call", what="ended", all_recorded=True)]
    of = report(workflow_records(), seen=traces)
    assert (of.calls_seen, counts(of)) == (1, {"complete": 1})


def test_sources_that_spell_the_call_differently_tell_of_one_recording() -> None:
    """A9: padding and alphabet make no other recording."""
    padded, plain = (
        workflow_records(call, recording_id="one") for call in ("Y2FsbD8/aQ==", "Y2FsbD8_aQ")
    )
    of = report(padded, plain, sealed=[plain, padded], seen=[seen("Y2FsbD8/aQ")])
    assert counts(of) == {"complete": 1}
    assert of.calls_seen == 1


def test_a_later_run_of_a_call_completes_what_an_earlier_one_told() -> None:
    first = workflow_records(state="lost", announced=2)
    late = ExpectedObject("main", "call/1.mp4", 5)
    second = workflow_records(origin="announced", files=(late,))
    of = report(first, second)
    assert counts(of) == {"complete": 1}
    assert of.files_archived == 2
    assert counts(report(first, second, discrepancies={first.files[0]: GONE})) == {"missing": 1}


def test_beyond_what_temporal_keeps_manifests_tell() -> None:
    of = report(
        sealed=[workflow_records("old"), workflow_records("older", state="lost", announced=2)]
    )
    assert counts(of) == {"complete": 1, "partial": 1}
    assert of.calls_seen == 2


def test_what_was_brought_to_another_archive_is_not_missing() -> None:
    record, home = workflow_records(), workflow_records(archive="home")
    discrepancies = dict.fromkeys(record.expected_objects, GONE)
    assert counts(report(record, discrepancies=discrepancies, sealed=[home])) == {"complete": 1}
    assert counts(report(record, discrepancies=discrepancies)) == {"missing": 1}


def test_an_older_manifest_beside_it_does_not_excuse_a_missing_one() -> None:
    record = workflow_records(
        others=(ExpectedObject("main", "call/manifest-2.json", is_manifest=True),)
    )
    older = workflow_records()
    discrepancies = {record.others[0]: GONE}
    assert counts(report(record, discrepancies=discrepancies, sealed=[older])) == {"missing": 1}


def test_remarks_of_a_manifest_are_counted_apart() -> None:
    of = report(workflow_records(findings=("plays 3 s shorter",)), workflow_records("other"))
    assert (of.with_findings, of.is_met) == (1, True)


def test_a_percentage_is_never_rounded_up() -> None:
    assert report().model_copy(update={"percentage": 99.999}).shown_percentage == "99.99 %"


def test_a_report_for_a_history_is_bounded_and_says_so() -> None:
    many = [workflow_records(f"c{n}", others=()) for n in range(MAX_GAPS + 7)]
    whole = report(*many)
    assert (len(whole.gaps), whole.gaps_left_out) == (MAX_GAPS + 7, 0)
    cut = bounded(whole)
    assert (len(cut.gaps), cut.gaps_left_out) == (MAX_GAPS, 7)
    assert cut.verdicts == whole.verdicts
