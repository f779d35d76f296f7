"""What an operator sees of a call in the Web UI."""

from datetime import timedelta

from activities.alarm_causes import with_cause
from callvault.causes import Cause
from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge, AlarmKind, Severity
from callvault.temporal.pending_activities import PendingActivity
from workflows import display, page
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey

from .call import NOON, WINDOW, Call, chunk, hashed, stopped_call

FULL = PendingActivity(
    id="export",
    type="export_chunk",
    state="waiting",
    attempt=10,
    task_queue="recordings-export",
    last_failure="no space left on | device",
    fault="archive",
    cause=Cause.FULL,
)


def details(call: Call) -> str:
    return page.of(call.life.status)


def test_what_is_missing_and_who_has_decided_is_shown_without_a_name() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana"), hashed("ben")])
    call.agrees("ana", method="spoken", evidence="line 1\nline 2 | column")
    shown = details(call)
    assert "awaiting consent" in shown
    assert f"1 of 2 in the call have not agreed: {hashed('ben')[:8]}" in shown
    assert f"| {hashed('ana')[:8]}… | given | spoken | line 1 line 2 / column |" in shown


def test_what_is_to_be_deleted_and_what_was_declined_is_shown() -> None:
    call = Call(
        consent_policy="any_party",
        participants=[hashed("ana")],
        on_withdrawal="pause_and_mark",
    )
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    assert "**to be deleted by you**" in details(call)
    declined = Call(consent_policy="any_party")
    declined.confirms("start")
    declined.ends()
    declined.confirms("stop")
    assert "declined | it ended without consent: nobody who is known" in details(declined)


def call_at_risk() -> tuple[Call, Alarms]:
    """A call with a file that is not archived nine minutes before it may be deleted."""
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    alarms = Alarms(call.life.status, "recording-1")
    expires_at = call.recording.chunks[0].expires_at
    assert expires_at is not None
    alarms.raise_due(expires_at - timedelta(minutes=9))
    return call, alarms


def test_the_first_line_tells_what_is_at_risk_why_and_whose_fault_it_is() -> None:
    call, _ = call_at_risk()
    [record] = call.life.status.alarms
    assert details(call).startswith("**AT RISK: 9 min left at ")
    assert "no error is known" in details(call).splitlines()[0]
    record.alarm = with_cause(record.alarm, FULL)
    first, *others = details(call).splitlines()
    assert first.endswith("archive main: no space left on / device, attempt 10, yours**")
    assert "| 0 | announced | no space left on / device, attempt 10 | yours |" in others
    assert "- runbook: `docs/operations.md#cause-full`" in others


def test_the_page_names_alarms_who_has_seen_them_the_next_one_and_the_commands_that_help() -> None:
    call, alarms = call_at_risk()
    [record] = call.life.status.alarms
    record.sent_at = NOON
    workflow_id = names.workflow_id(call.life.status.server_call_id)
    assert "| nobody |" in details(call)
    assert f"- `callvault recordings acknowledge {workflow_id}`" in details(call)
    assert f"- `callvault recordings export-now {workflow_id}`" in details(call)
    alarms.acknowledge(Acknowledge(requested_by="Olga"), NOON)
    assert "| critical: export late |" in details(call)
    assert "| Olga |" in details(call)
    assert "- runbook: `docs/operations.md#export_late`" in details(call)
    assert "recordings acknowledge" not in details(call)
    early, _ = fresh_call()
    assert "Next alarm, if nothing changes: 2026-03-0" in details(early)


def fresh_call() -> tuple[Call, Alarms]:
    """A call whose file has just been announced."""
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    return call, Alarms(call.life.status, "recording-1")


def test_a_healthy_call_says_so_first_and_a_lost_one_says_that() -> None:
    call, alarms = fresh_call()
    assert details(call).startswith("Nothing is at risk.")
    [file] = call.recording.chunks
    key = ChunkKey(file.chunk.document_id, file.chunk.index)
    call.life.chunk_lost(key, "it is gone", NOON + WINDOW)
    alarms.add(AlarmKind.LOST, Severity.CRITICAL, "lost", call.recording, NOON + WINDOW)
    assert details(call).startswith("**LOST: recording 1: it is gone**")


def test_a_recording_without_files_is_told_as_such() -> None:
    call = stopped_call()
    Alarms(call.life.status, "recording-1").raise_due(NOON + WINDOW / 2)
    assert "no file of it is announced**" in details(call).splitlines()[0]


def test_the_memo_holds_short_forms_of_the_ids_that_people_have() -> None:
    call, _ = fresh_call()
    call.life.status.server_call_id = "aHR0cHM6Ly9jb252LmV4YW1wbGUuY29tL2NvbnYvMTIzNDU2Nzg5MA"
    shown = dict(display.of(call.life.status).memo)
    assert shown["serverCallId"] == "aHR0cHM6…YvMTIzNDU2Nzg5MA"
    assert shown["recordingId"] == call.recording.recording_id
