"""Do the pauses that were confirmed stand beside those that the files tell of?"""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from callvault.cli.actions.evidence import evidence_tables
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.states import ChunkState
from callvault.contracts.status import ChunkStatus, PauseRecord
from callvault.evidence.account import evidence_of

from .call import NOON, Call, archived, chunk, hashed

PAUSED = NOON + timedelta(minutes=1)


def paused_call(*told: RecordedPause, metadata: str | None = "m.json") -> Call:
    call = Call()
    recording = call.recording
    recording.pauses.append(
        PauseRecord(
            requested_by="agent-7",
            reason="card",
            requested_at=PAUSED - timedelta(seconds=1),
            received_at=PAUSED - timedelta(seconds=1),
            confirmed_at=PAUSED,
            resumed_at=PAUSED + timedelta(seconds=20),
        )
    )
    file = archived().model_copy(update={"pauses": told, "metadata_object_name": metadata})
    recording.chunks.append(
        ChunkStatus(
            chunk=chunk(),
            state=ChunkState.ARCHIVED,
            announced_at=NOON,
            retention_starts_at=NOON,
            archived=file,
        )
    )
    return call


def told(at: datetime, seconds: float) -> RecordedPause:
    return RecordedPause(start_time=at, duration_ms=seconds * 1000)


def test_a_pause_that_the_file_confirms_agrees() -> None:
    call = paused_call(told(PAUSED + timedelta(seconds=1), 19.5))
    (pause,) = evidence_of(call.life.status)[0].pauses
    assert pause.agree is True


def after(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def asked(
    by: str,
    requested: float,
    confirmed: float | None,
    released: float | None,
    resumed: float | None = None,
) -> PauseRecord:
    """Make a pause, of seconds after noon."""
    at = NOON + timedelta(seconds=requested)
    facts = {"requested_by": by, "reason": "", "requested_at": at, "received_at": at}
    times = {"confirmed_at": confirmed, "released_at": released, "resumed_at": resumed}
    return PauseRecord(**facts, **{name: after(moment) for name, moment in times.items()})


def compared(
    pauses: list[PauseRecord], *spans: tuple[float, float]
) -> list[tuple[str | None, bool, bool | None]]:
    """Return who asked for each pause, if the file has it, and if both agree."""
    call = paused_call(
        *(told(NOON + timedelta(seconds=begin), end - begin) for begin, end in spans)
    )
    call.recording.pauses = pauses
    return [
        (p.asked_for and p.asked_for.requested_by, p.in_the_file is not None, p.agree)
        for p in evidence_of(call.life.status)[0].pauses
    ]


NOBODYS = (None, True, False)


@pytest.mark.parametrize(
    ("pauses", "file", "found"),
    [
        # It begins paused: that is proven half a minute later, or never where consent came before.
        ([asked("gate", 0, 33, 60, 60)], (0.5, 60), [("gate", True, True)]),
        ([asked("gate", 0, None, 10)], (0.5, 10.1), [("gate", True, True)]),
        ([asked("gate", 0, None, 10), asked("a", 8, 33, 40, 40)], (0.5, 40), [("a", True, True)]),
        # It is proven late, as by a reading that was long on its way.
        ([asked("a", 20, 30, 60, 60)], (20.1, 60), [("a", True, True)]),
        ([asked("a", 20, 30, None)], (20.1, 90), [("a", True, True)]),
        # The edges.
        ([asked("a", 20, 30, 60, 60)], (15, 65), [("a", True, True)]),
        ([asked("a", 20, 30, 60, 60)], (35, 55), [("a", True, True)]),
        ([asked("a", 20, 30, 60, 60)], (14.9, 60), [("a", False, False), NOBODYS]),
        ([asked("a", 20, 30, 60, 60)], (35.1, 60), [("a", False, False), NOBODYS]),
        ([asked("a", 20, 30, 60, 60)], (20, 65.1), [("a", False, False), NOBODYS]),
        ([asked("a", 20, None, 25)], (20.1, 30.1), [NOBODYS]),
        ([asked("a", 20, None, 25)], (14.9, 25), [NOBODYS]),
        # Somebody who came later asked for no pause before, nor for one that had ended.
        ([asked("a", 0, 1, 9, 9), asked("b", 20, 21, 30, 30)], (0, 30), [
            ("a", False, False), ("b", False, False), NOBODYS,
        ]),
    ],
)  # fmt: skip
def test_a_pause_began_between_the_request_for_it_and_its_proof(
    pauses: list[PauseRecord],
    file: tuple[float, float],
    found: list[tuple[str | None, bool, bool | None]],
) -> None:
    assert compared(pauses, file) == found


def test_a_pause_that_was_taken_back_and_never_proven_is_not_missing() -> None:
    assert compared([asked("a", 20, None, 25)]) == []


def test_a_pause_that_the_file_does_not_have_is_missing() -> None:
    (pause,) = evidence_of(paused_call().life.status)[0].pauses
    assert (pause.agree, pause.in_the_file) == (False, None)


def test_a_pause_that_nobody_asked_for_here_is_shown() -> None:
    other = told(PAUSED + timedelta(minutes=5), 3)
    first, second = evidence_of(paused_call(told(PAUSED, 20), other).life.status)[0].pauses
    assert (first.agree, second.agree, second.asked_for) == (True, False, None)


@pytest.mark.parametrize("never", [datetime.min, datetime.max])
def test_a_pause_whose_time_cannot_be_right_is_nobodys(never: datetime) -> None:
    odd = told(never.replace(tzinfo=UTC), 20)
    first, second = evidence_of(paused_call(odd).life.status)[0].pauses
    assert (first.agree, second.in_the_file) == (False, odd)


def test_nothing_is_said_before_the_metadata_is_there() -> None:
    (pause,) = evidence_of(paused_call(metadata=None).life.status)[0].pauses
    assert pause.agree is None


def test_no_pause_is_called_missing_where_the_metadata_does_not_tell_everything() -> None:
    call = paused_call()
    [file] = call.recording.chunks
    assert file.archived is not None
    file.archived = file.archived.model_copy(update={"metadata_problem": "it cannot be read"})
    (pause,) = evidence_of(call.life.status)[0].pauses
    assert pause.agree is None


def test_a_pause_that_is_found_agrees_though_another_one_is_told_by_half() -> None:
    call = paused_call(told(PAUSED, 20))
    [file] = call.recording.chunks
    assert file.archived is not None
    file.archived = file.archived.model_copy(update={"metadata_problem": "1 pause is left out"})
    (pause,) = evidence_of(call.life.status)[0].pauses
    assert pause.agree is True


def consented_call() -> Call:
    call = Call(consent_policy="all_parties", participants=[hashed("ana"), hashed("ben")])
    call.confirms("start")
    call.agrees("ana", method="spoken", evidence="transcript/7", jurisdiction="DE")
    call.agrees("ben")
    call.confirms("resume")
    return call


def test_consent_is_shown_with_who_how_and_where_the_proof_is() -> None:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as shown:
        console.print(evidence_tables(evidence_of(consented_call().life.status)))
    for words in ("all_parties, met first at", hashed("ana")[:16], "transcript/7", "Held back:"):
        assert words in shown.get()


def test_the_evidence_of_one_participant_is_theirs_alone() -> None:
    status = consented_call().life.status
    assert {d.participant for d in evidence_of(status)[0].consent.decisions} == {
        hashed("ana"),
        hashed("ben"),
    }
    [theirs] = evidence_of(status, participant=hashed("ana"))
    assert [d.participant for d in theirs.consent.decisions] == [hashed("ana")]
    assert [p.participant for p in theirs.consent.participants] == [hashed("ana")]


def test_without_any_consent_nothing_is_said_of_it() -> None:
    console = Console(width=160, file=io.StringIO())
    with console.capture() as shown:
        console.print(evidence_tables(evidence_of(paused_call().life.status)))
    assert "Consent" not in shown.get()


def test_the_evidence_can_be_read_and_names_who_asked() -> None:
    console = Console(width=160, file=io.StringIO())
    with console.capture() as shown:
        console.print(evidence_tables(evidence_of(paused_call().life.status)))
    assert "agent-7" in shown.get()
    assert "MISSING" in shown.get()


def test_how_long_acs_took_is_shown_beside_each_request() -> None:
    call = Call(requested_by="crm")
    record = next(iter(call.life.status.requests.values()))
    record.accepted_at = record.requested_at + timedelta(milliseconds=12)
    record.notified_at = record.requested_at + timedelta(milliseconds=340)
    record.settled_at = record.requested_at + timedelta(milliseconds=25)
    output = io.StringIO()
    console = Console(file=output, width=200)
    console.print(evidence_tables(evidence_of(call.life.status)))
    assert "+0.012 s  +0.340 s  +0.025 s" in output.getvalue()
