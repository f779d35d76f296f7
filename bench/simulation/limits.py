"""Limits of a call's state that are so low that a short life reaches them."""

from collections.abc import Iterator
from contextlib import contextmanager

from workflows.call import state_limits


@contextmanager
def limits(max_size: int | None) -> Iterator[None]:
    """Let calls have no more than this many bytes of state; None for as many as ever."""
    if max_size is None:
        yield
        return
    before = state_limits.MAX_SIZE, state_limits.LEAST_ROOM
    state_limits.MAX_SIZE, state_limits.LEAST_ROOM = max_size, 0
    try:
        yield
    finally:
        state_limits.MAX_SIZE, state_limits.LEAST_ROOM = before
