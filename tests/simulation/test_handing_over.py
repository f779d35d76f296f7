"""Does a run that hands over leave everything else to the next one?"""

from datetime import timedelta
from typing import Any

from bench.simulation import protocol
from bench.simulation.server import Activity, Server
from callvault.contracts import names
from tests.unit.call import archived, chunk, event

from .calls import answer, has_handed_over, recorded, stops

LONGEST = timedelta(minutes=1)
LONG = 60
"""Events of a history that a call without trouble does not have, up to its manifest."""


def test_what_falls_due_as_a_run_hands_over_is_asked_of_acs_by_the_next_one() -> None:
    """The run asked for it itself, though its other loops had ended: until ACS answered, perhaps
    for hours, no file was copied, no alarm sent and no other request made."""
    length = recorded_briefly().run.history_length
    server = recorded_briefly(max_history_events=length)
    server.pass_time(LONGEST)
    has_handed_over(server)
    assert under_way(server, "stop_recording")


def test_i3_an_alarm_that_is_called_off_as_a_run_hands_over_is_sent_by_the_next_one() -> None:
    """It was given up for good: its receiver was away just then, and nobody was told."""
    server = recorded(max_history_events=LONG)
    stops(server)
    server.pass_time(timedelta(minutes=11))
    [sending] = under_way(server, "raise_alarm")
    grows_long(server)
    assert sending.is_cancelled
    server.resolve(sending, protocol.cancelled())
    has_handed_over(server)
    assert [each.input.id for each in under_way(server, "raise_alarm")] == [sending.input.id]


def test_i8_no_run_hands_over_while_a_manifest_is_being_written() -> None:
    """It would wait for the archive, perhaps for hours, and every pause with it."""
    server = recorded(max_history_events=LONG)
    stops(server)
    tells(server, names.FILE_STATUS_UPDATED, event(chunk(), of="r"))
    answer(server, "export_chunk", archived())
    assert under_way(server, "seal_recording")
    # A late file: what is being sealed is not to be sealed any more.
    tells(server, names.FILE_STATUS_UPDATED, event(chunk(1), of="r"))
    grows_long(server)
    [export] = under_way(server, "export_chunk")
    assert not export.is_cancelled, "nothing is called off before the run is to hand over"
    tells(server, names.START)
    assert under_way(server, "start_recording")


def test_a_cancellation_that_comes_as_a_run_hands_over_is_known_to_the_next_one() -> None:
    """The run never hears of it: the next one asks Temporal, whose part the simulation plays."""
    server = recorded(max_history_events=LONG)
    while server.run.seen_history_length < LONG - 4:
        tells(server, names.ACKNOWLEDGE)
    while server.runs == 1:
        server.hold(protocol.cancellation())
        tells(server, names.ACKNOWLEDGE)
    [begins] = under_way(server, "begin_run")
    assert begins.input.unheard_run in server.cancelled_runs


def under_way(server: Server, kind: str) -> list[Activity]:
    return [each for each in server.activities.values() if each.kind == kind]


def tells(server: Server, name: str, what: object = None) -> None:
    server.deliver(protocol.signal(name, [protocol.payload(what or {})]))


def grows_long(server: Server) -> None:
    """Deliver signals that change nothing, until the run is to hand over."""
    while server.runs == 1 and server.run.seen_history_length < LONG:
        tells(server, names.ACKNOWLEDGE)


def recorded_briefly(**policy: Any) -> Server:
    return recorded({"max_duration": LONGEST}, **policy)
