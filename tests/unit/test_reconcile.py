"""The join of a reconciliation: every witness, every gap, none invented."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.contracts import names
from callvault.contracts.reconciliation import CallSeen, Reconciliation, Verdict
from callvault.contracts.states import RecordingState
from callvault.reconcile.join import MOST_GAPS, Evidence, bounded, join
from callvault.reconcile.records import Account, Claim
from callvault.reconcile.verdicts import Amiss, judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GONE = Amiss("it is not there")
AWAY = Amiss("the archive does not answer", is_unknown=True)


def told(call: str = "call", **facts: Any) -> Account:
    """A recording with one file and its manifest, archived unless the facts say otherwise."""
    archive = facts.pop("archive", "main")
    manifest = Claim(archive, f"{call}/manifest.json", sha256="f", is_manifest=True)
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
        "files": (Claim(archive, f"{call}/0.mp4", 100),),
        "others": (manifest,),
    }
    return Account(**{**whole, **facts})


def seen(call: str, *, all_recorded: bool = False, what: Any = "began", ago: int = 60) -> CallSeen:
    return CallSeen(
        server_call_id=call,
        resource="default",
        what=what,
        at=NOON - timedelta(minutes=ago),
        all_recorded=all_recorded,
    )


def report(*accounts: Account, target: float = 100, **facts: Any) -> Reconciliation:
    kept = frozenset(account.workflow_id for account in accounts)
    whole: dict[str, Any] = {
        "since": NOON - timedelta(hours=24),
        "until": NOON,
        "told": accounts,
        "kept": kept | facts.pop("kept", frozenset()),
        "seen": (),
        "sealed": (),
        "amiss": {},
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
    assert judge(told(**facts), {}).verdict is verdict


@pytest.mark.parametrize("state", RecordingState)
def test_no_state_of_a_recording_is_judged_unknown(state: RecordingState) -> None:
    assert judge(told(state=state), {}).verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("part", ["0.mp4", "manifest.json"])
@pytest.mark.parametrize("state", ["archived", "lost", "archiving"])
def test_what_is_said_to_be_archived_and_is_not_there_is_missing(part: str, state: str) -> None:
    account = told(state=state, is_over=state != "archiving")
    claim = next(claim for claim in account.claims if claim.object_name.endswith(part))
    found = judge(account, {claim: GONE})
    assert found.verdict is Verdict.MISSING
    assert found.objects == (f"main/call/{part}",)
    assert "it is not there" in found.what


def test_an_archive_that_does_not_answer_makes_nothing_missing() -> None:
    account = told()
    assert judge(account, dict.fromkeys(account.claims, AWAY)).verdict is Verdict.UNKNOWN


def test_exactly_what_is_amiss_is_named_and_the_percentage_counts_it() -> None:
    good = [told(f"good-{n}") for n in range(8)]
    gone, lost = told("gone"), told("lost", **NOTHING, state="lost", problem="no file came")
    of = report(*good, gone, lost, amiss={gone.files[0]: GONE})
    assert counts(of) == {"complete": 8, "missing": 1, "lost": 1}
    assert [(gap.verdict, gap.workflow_id) for gap in of.gaps] == [
        (Verdict.MISSING, names.workflow_id("gone")),
        (Verdict.LOST, names.workflow_id("lost")),
    ]
    assert of.gaps[1].what == "no file came; 0 of 0 announced files are archived"
    assert (of.percentage, of.is_met) == (80, False)
    assert (of.calls_seen, of.recordings_asked, of.recordings_started) == (10, 10, 10)
    assert (of.files_announced, of.files_archived) == (9, 8)


def test_a_target_forgives_what_is_lost_but_nothing_that_is_missing() -> None:
    lost = told("lost", **NOTHING, state="lost")
    assert report(told(), lost, target=50).is_met
    assert not report(told(), lost, target=50.1).is_met
    gone = told("gone")
    assert not report(told(), gone, target=50, amiss={gone.files[0]: GONE}).is_met


def test_what_is_open_empty_or_declined_does_not_count() -> None:
    others = [
        told("open", state="recording", is_over=False),
        told("empty", **NOTHING, state="empty"),
        told("declined", **NOTHING, state="declined", problem="no consent"),
    ]
    of = report(told(), *others)
    assert (of.percentage, of.is_met) == (100, True)
    assert [gap.verdict for gap in of.gaps] == [Verdict.DECLINED]


def test_nothing_at_all_is_complete() -> None:
    assert report().is_met


@pytest.mark.parametrize(
    ("all_recorded", "verdict"), [(True, Verdict.MISSING), (False, Verdict.NOT_ASKED)]
)
def test_a_call_that_nobody_recorded_is_missing_where_all_are_recorded(
    all_recorded: bool, verdict: Verdict
) -> None:
    traces = (seen("unheard", all_recorded=all_recorded),)
    of = report(told(), seen=traces)
    assert counts(of) == {"complete": 1, verdict: 1}
    assert of.calls_seen == 2
    assert of.is_met is not all_recorded


def test_a_call_that_only_its_end_told_of_is_missing_once() -> None:
    traces = [seen("unheard", what=what, all_recorded=True) for what in ("ended", "began")]
    assert counts(report(seen=traces[:1])) == {"missing": 1}
    assert counts(report(seen=traces)) == {"missing": 1}


def test_a_call_whose_workflow_has_no_recording_is_missing() -> None:
    kept = frozenset({names.workflow_id("unheard")})
    of = report(seen=[seen("unheard", all_recorded=True)], kept=kept)
    assert counts(of) == {"missing": 1}
    assert "kept without a recording" in of.gaps[0].what


def test_a_call_that_was_just_seen_is_not_judged_yet() -> None:
    assert counts(report(seen=[seen("new", all_recorded=True, ago=0)])) == {"open": 1}


def test_a_call_that_was_seen_and_recorded_counts_once() -> None:
    traces = [seen("call", all_recorded=True), seen("call", what="ended", all_recorded=True)]
    of = report(told(), seen=traces)
    assert (of.calls_seen, counts(of)) == (1, {"complete": 1})


def test_a_later_run_of_a_call_completes_what_an_earlier_one_told() -> None:
    first = told(state="lost", announced=2)
    late = Claim("main", "call/1.mp4", 5)
    second = told(origin="announced", files=(late,))
    of = report(first, second)
    assert counts(of) == {"complete": 1}
    assert of.files_archived == 2
    assert counts(report(first, second, amiss={first.files[0]: GONE})) == {"missing": 1}


def test_beyond_what_temporal_keeps_manifests_tell() -> None:
    of = report(sealed=[told("old"), told("older", state="lost", announced=2)])
    assert counts(of) == {"complete": 1, "partial": 1}
    assert of.calls_seen == 2


def test_what_was_brought_to_another_archive_is_not_missing() -> None:
    account, home = told(), told(archive="home")
    amiss = dict.fromkeys(account.claims, GONE)
    assert counts(report(account, amiss=amiss, sealed=[home])) == {"complete": 1}
    assert counts(report(account, amiss=amiss)) == {"missing": 1}


def test_an_older_manifest_beside_it_does_not_excuse_a_missing_one() -> None:
    account = told(others=(Claim("main", "call/manifest-2.json", is_manifest=True),))
    older = told()
    amiss = {account.others[0]: GONE}
    assert counts(report(account, amiss=amiss, sealed=[older])) == {"missing": 1}


def test_remarks_of_a_manifest_are_counted_apart() -> None:
    of = report(told(findings=("plays 3 s shorter",)), told("other"))
    assert (of.with_findings, of.is_met) == (1, True)


def test_a_percentage_is_never_rounded_up() -> None:
    assert report().model_copy(update={"percentage": 99.999}).shown_percentage == "99.99 %"


def test_a_report_for_a_history_is_bounded_and_says_so() -> None:
    many = [told(f"c{n}", others=()) for n in range(MOST_GAPS + 7)]
    whole = report(*many)
    assert (len(whole.gaps), whole.gaps_left_out) == (MOST_GAPS + 7, 0)
    cut = bounded(whole)
    assert (len(cut.gaps), cut.gaps_left_out) == (MOST_GAPS, 7)
    assert cut.verdicts == whole.verdicts
