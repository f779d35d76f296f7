"""What does a run hand to the next one when there is too much?"""

from workflows.loops.continue_as_new import (
    MAX_CARRIED_BYTES,
    MAX_CARRIED_REQUESTS,
    MAX_CARRIED_TIMELINE,
    CarriedState,
)

from .call import recording_call


def carried_after(requests: int) -> CarriedState:
    """A recording that was paused once, and again and again by somebody who does not look."""
    call = recording_call()
    for number in range(requests):
        call.asks("pause", request_id=f"r{number}", reason="x" * 1000)
        if number == 0:
            call.confirms("pause")
    return CarriedState(status=call.life.status)


def test_what_fits_is_carried_whole() -> None:
    carried = carried_after(20)
    assert carried.bounded() == carried_after(20)


def test_more_requests_than_a_call_can_remember_are_given_up_oldest_first() -> None:
    carried = carried_after(2_000).bounded()
    assert len(carried.model_dump_json()) < MAX_CARRIED_BYTES
    assert [*carried.status.requests] == [
        f"r{2_000 - n}" for n in range(MAX_CARRIED_REQUESTS, 0, -1)
    ]
    assert len(carried.status.timeline) == MAX_CARRIED_TIMELINE + 2
    assert "old requests were given up" in carried.status.timeline[-1].what
    assert len(carried.status.recordings[0].pauses) == 1
