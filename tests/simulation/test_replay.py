"""Does a worker that has lost a run decide the same again, from what its history holds?

An update that is rejected leaves nothing in it, and yet makes the SDK check conditions once more,
before it applies the timer or the result of the same workflow task.
"""

from datetime import timedelta

from bench.simulation import protocol
from bench.simulation.server import Server

from .calls import answer, recorded, stops

SOON = timedelta(minutes=1)


def test_an_update_that_is_rejected_as_a_timer_fires_changes_no_command() -> None:
    server = recorded(event_expected_within=SOON)
    stops(server)
    server.hold(protocol.update("unknown", "1", []))
    server.pass_time(2 * SOON)
    assert server.answers == {"1": "rejected"}
    server.replay()


def test_an_update_that_is_rejected_as_a_history_has_grown_long_changes_no_command() -> None:
    length = sending_an_alarm(max_history_events=10_000).run.history_length
    server = sending_an_alarm(max_history_events=length)
    server.hold(protocol.update("unknown", "1", []))
    run = server.run
    answer(server, "raise_alarm", None)
    assert server.answers == {"1": "rejected"}
    assert server.runs == 2, "it hands over in that very activation"
    run.replay()


def sending_an_alarm(max_history_events: int) -> Server:
    server = recorded(event_expected_within=SOON, max_history_events=max_history_events)
    stops(server)
    server.pass_time(2 * SOON)
    return server
