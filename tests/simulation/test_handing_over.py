"""Does a run that hands over leave everything else to the next one?"""

from datetime import timedelta
from typing import Any

from bench.simulation.server import Server

from .calls import answer, recorded

LONGEST = timedelta(minutes=1)


def test_what_falls_due_as_a_run_hands_over_is_asked_of_acs_by_the_next_one() -> None:
    """The run asked for it itself, though its other loops had ended: until ACS answered, perhaps
    for hours, no file was copied, no alarm sent and no other request made."""
    length = recorded_briefly().run.history_length
    server = recorded_briefly(max_history_events=length)
    server.pass_time(LONGEST)
    assert server.runs == 2
    answer(server, "was_reset", False)
    assert "stop_recording" in {activity.kind for activity in server.activities.values()}


def recorded_briefly(**policy: Any) -> Server:
    return recorded({"max_duration": LONGEST}, **policy)
