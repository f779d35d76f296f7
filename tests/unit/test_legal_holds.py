"""Legal holds of a call, as its workflow remembers them."""

from datetime import timedelta

from callvault.contracts.hold_messages import (
    CallHold,
    HoldOrder,
    HoldRequest,
    ReleaseOrder,
    ReleaseRequest,
    WrittenHold,
)
from callvault.contracts.status import CallStatus
from workflows.call import legal_holds

from .call import NOON

CASE = HoldRequest(requested_by="counsel-1", authenticated_as="key legal", reason="case 7")
ID = "4dc6fac55f8b05f7"


def call(server_call_id: str = "call-1") -> CallStatus:
    return CallStatus(server_call_id=server_call_id, resource="europe")


def held(status: CallStatus, hold_id: str = ID) -> CallHold:
    """Place a hold, and write it."""
    legal_holds.place(status, CASE, NOON)
    hold = legal_holds.to_write(status)
    assert hold is not None
    legal_holds.written(hold, WrittenHold(id=hold_id, archives=("main", "spare")), NOON)
    return hold


def test_a_hold_is_written_and_then_its_release() -> None:
    status = call()
    legal_holds.place(status, CASE, NOON)
    hold = legal_holds.to_write(status)
    assert hold is not None
    order = legal_holds.order(status, hold)
    assert isinstance(order, HoldOrder)
    assert (order.target.server_call_id, order.resource) == ("call-1", "europe")
    assert (order.requested_by, order.authenticated_as) == ("counsel-1", "key legal")
    legal_holds.written(hold, WrittenHold(id=ID, archives=("main",)), NOON)
    assert legal_holds.to_write(status) is None
    said = legal_holds.release(status, ReleaseRequest(hold=ID, reason="settled"))
    assert said == f"hold {ID} is released by unknown: settled"
    assert legal_holds.to_write(status) is hold
    release = legal_holds.order(status, hold)
    assert isinstance(release, ReleaseOrder)
    assert (release.hold, release.reason) == (ID, "settled")
    later = NOON + timedelta(minutes=1)
    legal_holds.written(hold, WrittenHold(id=ID, archives=("main",)), later)
    assert (hold.released_at, legal_holds.to_write(status)) == (later, None)


def test_the_same_hold_is_one_until_it_is_released() -> None:
    status = call()
    held(status)
    assert "placed already" in legal_holds.place(status, CASE, NOON)
    legal_holds.release(status, ReleaseRequest(hold=ID, reason="settled"))
    assert "released already" in legal_holds.release(
        status, ReleaseRequest(hold=ID, reason="settled")
    )
    legal_holds.place(status, CASE, NOON)
    other = CASE.model_copy(update={"recording_id": "rec-1"})
    assert "on recording rec-1" in legal_holds.place(status, other, NOON)
    assert len(status.legal_holds) == 3


def test_a_hold_that_the_archives_have_is_not_written_again() -> None:
    status = call()
    placed = CASE.model_copy(update={"hold": ID})
    legal_holds.place(status, placed, NOON)
    assert legal_holds.to_write(status) is None, "released meanwhile, it would be another one"
    assert "placed already" in legal_holds.place(status, placed, NOON)
    legal_holds.release(status, ReleaseRequest(hold=ID, reason="settled"))
    legal_holds.place(status, placed.model_copy(update={"hold": "0" * 16}), NOON)
    assert [each.id for each in status.legal_holds] == [ID, "0" * 16]


def test_what_would_lie_on_nothing_is_refused() -> None:
    orphan = call("12345678-1234-1234-1234-123456789abc")
    assert "name the recording" in legal_holds.place(orphan, CASE, NOON)
    assert orphan.legal_holds == []
    named = CASE.model_copy(update={"recording_id": "rec-1"})
    legal_holds.place(orphan, named, NOON)
    order = legal_holds.order(orphan, orphan.legal_holds[0])
    assert isinstance(order, HoldOrder)
    assert order.target.recording_id == "rec-1"
    unknown = legal_holds.release(orphan, ReleaseRequest(hold=ID, reason="settled"))
    assert "none of this call" in unknown


def test_a_call_remembers_so_many_holds_and_no_more() -> None:
    status = call()
    for number in range(legal_holds.MAX_HOLDS + 1):
        said = legal_holds.place(status, CASE.model_copy(update={"reason": f"{number}"}), NOON)
    assert "is refused" in said
    assert len(status.legal_holds) == legal_holds.MAX_HOLDS


def test_who_names_nobody_is_unknown() -> None:
    status = call()
    legal_holds.place(status, HoldRequest(requested_by="", reason="case 7"), NOON)
    order = legal_holds.order(status, status.legal_holds[0])
    assert order.requested_by == "unknown"


def test_what_a_dead_run_knew_of_holds_is_not_forgotten() -> None:
    mine, theirs = call(), call()
    held(theirs)
    legal_holds.release(theirs, ReleaseRequest(hold=ID, reason="settled"))
    legal_holds.place(mine, CASE, NOON)
    legal_holds.join(mine.legal_holds, theirs.legal_holds)
    (hold,) = mine.legal_holds
    assert (hold.id, hold.release is not None) == (ID, True), "the same hold, written by then"
    legal_holds.join(mine.legal_holds, theirs.legal_holds)
    assert len(mine.legal_holds) == 1
