"""Does the simulation's own truth follow what the workflow was told?"""

from bench.simulation import messages
from bench.simulation.delivered import Delivered
from callvault.contracts import names
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import StartRequest


def test_who_is_in_the_call_is_learned_in_the_order_in_which_it_was_told() -> None:
    """Who is named by a start after their leaving was known is in the call."""
    left = ParticipantChanged(participant="a" * 64, joined=False)
    start = StartRequest(participants=("a" * 64,))
    jobs = [
        messages.signal(names.PARTICIPANT_CHANGED, left),
        messages.signal(names.START, start),
    ]
    assert Delivered(jobs).about_presence == [left, start]
