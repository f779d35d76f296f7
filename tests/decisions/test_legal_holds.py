"""Legal holds: which are placed, released, and to be written, and what of them a dead run knew."""

from typing import Any

import pytest

from callvault.contracts.hold_messages import (
    CallHold,
    HoldOrder,
    HoldRequest,
    HoldTarget,
    ReleaseOrder,
    ReleaseRequest,
    WrittenHold,
)
from workflows.call import legal_holds
from workflows.call.legal_holds import MAX_HOLDS

from .facts import a_call, at

ID, OTHER = "a" * 16, "b" * 16
CALL_ID = "12345678-1234-1234-1234-123456789abc"
SETTLED = ReleaseRequest(requested_by="ben", hold=ID, reason="settled")
AGAIN = ReleaseRequest(requested_by="ben", hold=ID, reason="again")


def a_hold(hold_id: str = "", **facts: Any) -> CallHold:
    """Make a hold on the call, which Ana asked for; with an id it is written."""
    known = {"requested_by": "ana", "reason": "case 7", "placed_at": at(1)}
    return CallHold(**{**known, **facts}, id=hold_id)


def a_request(**facts: Any) -> HoldRequest:
    return HoldRequest(**{"requested_by": "ana", "reason": "case 7", **facts})


# Placed.


@pytest.mark.parametrize(
    ("known", "request_facts", "is_new"),
    [
        (a_hold(), {}, False),
        (a_hold(ID), {}, False),
        (a_hold(ID, release=SETTLED), {}, True),
        (a_hold(recording_id="r"), {}, True),
        (a_hold(recording_id="r"), {"recording_id": "r"}, False),
        (a_hold(requested_by="ben"), {}, True),
        (a_hold(requested_by="unknown"), {"requested_by": ""}, False),
        (a_hold(reason="case 8"), {}, True),
        (a_hold(ID), {"hold": ID}, False),
        (a_hold(ID, reason="case 8"), {"hold": ID}, False),
        (a_hold(ID, release=SETTLED), {"hold": ID}, False),
        (a_hold(ID), {"hold": OTHER}, True),
        (a_hold(), {"hold": ID}, True),
    ],
)
def test_a_hold_is_placed_once_until_it_is_released(
    known: CallHold, request_facts: dict[str, Any], is_new: bool
) -> None:
    status, request = a_call(legal_holds=[known]), a_request(**request_facts)
    said = legal_holds.place(status, request, at(9))
    assert ("is placed already" in said) is not is_new
    assert len(status.legal_holds) == 1 + is_new


@pytest.mark.parametrize(
    ("count", "request_facts", "said"),
    [
        (MAX_HOLDS - 1, {}, "a legal hold is placed by ana on the call: case 7"),
        (MAX_HOLDS, {}, f"the legal hold of ana is refused: the call has {MAX_HOLDS} already"),
        (MAX_HOLDS, {"reason": "0"}, "the legal hold of ana is placed already"),
    ],
)
def test_a_call_has_so_many_holds(count: int, request_facts: dict[str, Any], said: str) -> None:
    status = a_call(legal_holds=[a_hold(reason=f"{number}") for number in range(count)])
    assert legal_holds.place(status, a_request(**request_facts), at(9)) == said
    assert len(status.legal_holds) == MAX_HOLDS


@pytest.mark.parametrize(
    ("server_call_id", "recording_id", "may_be"),
    [
        ("call", None, True),
        ("call", "r", True),
        (CALL_ID, None, False),
        (CALL_ID, "r", True),
        (f"recording-{'0' * 32}", None, False),
        ("", None, False),
        ("", "r", True),
    ],
)
def test_a_hold_lies_on_the_call_only_if_its_server_call_id_is_known(
    server_call_id: str, recording_id: str | None, may_be: bool
) -> None:
    status = a_call()
    status.server_call_id = server_call_id
    said = legal_holds.place(status, a_request(recording_id=recording_id), at(9))
    assert len(status.legal_holds) == may_be
    assert ("so name the recording" in said) is not may_be


@pytest.mark.parametrize(
    ("request_facts", "hold_facts", "said"),
    [
        ({}, {}, "ana on the call: case 7"),
        ({"recording_id": "r"}, {"recording_id": "r"}, "ana on recording r: case 7"),
        ({"authenticated_as": "key"}, {"authenticated_as": "key"}, "ana (key) on the call: case 7"),
        ({"hold": ID}, {"hold_id": ID}, "ana on the call: case 7"),
        ({"requested_by": ""}, {"requested_by": "unknown"}, " on the call: case 7"),
    ],
)
def test_a_hold_is_remembered_as_it_was_asked_for(
    request_facts: dict[str, Any], hold_facts: dict[str, Any], said: str
) -> None:
    status = a_call()
    placed = legal_holds.place(status, a_request(**request_facts), at(9))
    assert placed == f"a legal hold is placed by {said}"
    assert status.legal_holds == [a_hold(**hold_facts, placed_at=at(9))]


# Released.


@pytest.mark.parametrize(
    ("known", "said", "release"),
    [
        ([], f"hold '{ID}' is none of this call: nothing is released", None),
        ([a_hold(OTHER)], f"hold '{ID}' is none of this call: nothing is released", None),
        ([a_hold(ID)], f"hold {ID} is released by ben: settled", SETTLED),
        ([a_hold(OTHER), a_hold(ID)], f"hold {ID} is released by ben: settled", SETTLED),
        ([a_hold(ID, release=AGAIN)], f"hold {ID} is released already", AGAIN),
    ],
)
def test_a_hold_of_the_call_is_released_once(
    known: list[CallHold], said: str, release: ReleaseRequest | None
) -> None:
    status = a_call(legal_holds=[hold.model_copy() for hold in known])
    assert legal_holds.release(status, SETTLED) == said
    assert {hold.id: hold.release for hold in status.legal_holds} == {
        hold.id: release if hold.id == ID else None for hold in known
    }


# Written.


@pytest.mark.parametrize(
    ("hold", "is_to_write"),
    [
        (a_hold(), True),
        (a_hold(ID), False),
        (a_hold(ID, release=SETTLED), True),
        (a_hold(ID, release=SETTLED, released_at=at(9)), False),
    ],
)
def test_a_hold_is_to_be_written_and_its_release_the_first_one_first(
    hold: CallHold, is_to_write: bool
) -> None:
    status = a_call(legal_holds=[a_hold(OTHER), hold])
    assert legal_holds.to_write(status) == (hold if is_to_write else None)
    status.legal_holds.append(a_hold(reason="later"))
    assert legal_holds.to_write(status) == (hold if is_to_write else status.legal_holds[-1])


@pytest.mark.parametrize("recording_id", [None, "r"])
def test_a_hold_is_written_for_what_it_lies_on(recording_id: str | None) -> None:
    hold = a_hold(recording_id=recording_id, authenticated_as="key")
    call = None if recording_id else "call"
    assert legal_holds.order(a_call(), hold) == HoldOrder(
        target=HoldTarget(server_call_id=call, recording_id=recording_id),
        resource="default",
        requested_by="ana",
        authenticated_as="key",
        reason="case 7",
        asked_at=at(1),
    )


@pytest.mark.parametrize(("asked_by", "said"), [("ben", "ben"), ("", "unknown")])
def test_the_release_of_a_hold_is_written_in_the_name_of_who_asked_for_it(
    asked_by: str, said: str
) -> None:
    facts = {"requested_by": asked_by, "authenticated_as": "key"}
    hold = a_hold(ID, release=SETTLED.model_copy(update=facts))
    assert legal_holds.order(a_call(), hold) == ReleaseOrder(
        hold=ID, requested_by=said, authenticated_as="key", reason="settled"
    )


def test_what_is_written_is_noted_a_hold_with_its_id_and_a_release_with_its_time() -> None:
    hold = a_hold()
    said = legal_holds.written(hold, WrittenHold(id=ID, archives=("main", "spare")), at(9))
    assert said == f"hold {ID} is in the archives main, spare"
    assert hold == a_hold(ID, archives=["main", "spare"])
    hold.release = SETTLED
    said = legal_holds.written(hold, WrittenHold(id=ID, archives=("main",)), at(12))
    assert said == f"the release of hold {ID} is in the archives"
    released = {"release": SETTLED, "released_at": at(12)}
    assert hold == a_hold(ID, archives=["main", "spare"], **released)


# Taken over.


@pytest.mark.parametrize(
    ("mine", "theirs", "joined"),
    [
        ([], [], []),
        ([], [a_hold()], [a_hold()]),
        ([a_hold(reason="x")], [a_hold()], [a_hold(reason="x"), a_hold()]),
        ([a_hold(reason="x")], [a_hold(ID)], [a_hold(reason="x"), a_hold(ID)]),
        ([a_hold()], [a_hold()], [a_hold()]),
        ([a_hold()], [a_hold(ID)], [a_hold(ID)]),
        ([a_hold(ID)], [a_hold()], [a_hold(ID)]),
        ([a_hold()], [a_hold(ID, release=SETTLED)], [a_hold(ID, release=SETTLED)]),
        ([a_hold(ID, release=SETTLED)], [a_hold()], [a_hold(ID, release=SETTLED), a_hold()]),
        ([a_hold(release=SETTLED)], [a_hold(ID, release=SETTLED)], [a_hold(ID, release=SETTLED)]),
        ([a_hold(ID)], [a_hold(release=SETTLED)], [a_hold(ID, release=SETTLED)]),
        ([a_hold()], [a_hold(release=SETTLED)], [a_hold(release=SETTLED)]),
        ([a_hold(ID)], [a_hold(ID, release=SETTLED)], [a_hold(ID, release=SETTLED)]),
        ([a_hold(ID, release=SETTLED)], [a_hold(ID)], [a_hold(ID, release=SETTLED)]),
        ([a_hold(ID)], [a_hold(OTHER)], [a_hold(ID), a_hold(OTHER)]),
        ([a_hold(ID)], [a_hold(ID)], [a_hold(ID)]),
        ([a_hold(ID), a_hold(OTHER)], [a_hold(ID)], [a_hold(ID), a_hold(OTHER)]),
        ([a_hold()], [a_hold(ID), a_hold(OTHER)], [a_hold(ID), a_hold(OTHER)]),
    ],
)
def test_the_holds_of_both_are_kept_and_of_one_that_only_theirs_has_written_theirs(
    mine: list[CallHold], theirs: list[CallHold], joined: list[CallHold]
) -> None:
    held = list(mine)
    legal_holds.join(held, theirs)
    assert held == joined


def test_of_a_hold_that_both_know_each_keeps_what_the_other_has_seen() -> None:
    """A release that only the dead run knew, and had not written, was lost."""
    mine, theirs = [a_hold(ID, archives=["main"])], [a_hold(ID, release=SETTLED)]
    theirs[0].released_at = at(9)
    legal_holds.join(mine, theirs)
    [hold] = mine
    assert (hold.archives, hold.release, hold.released_at) == (["main"], SETTLED, at(9))
    late = [a_hold(archives=["other"])]
    legal_holds.join(late, [a_hold(ID, archives=["main"])])
    assert (late[0].id, late[0].archives) == (ID, ["other"])
