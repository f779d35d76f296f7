"""The collector of circular garbage, kept from standing in the way of a pause.

A full collection looks through every object of the process while nothing else runs: 0.1 s and more
where hundreds of calls are open, and Python's defaults begin one after some 50 calls.
"""

import gc

NEW_OBJECTS = 10_000
"""New objects after which the young ones are looked through; Python's default is 700. Then most of
them are gone by themselves, and what is left takes less than a millisecond or two."""

ROUNDS = 10
"""Such rounds until those are looked through that have outlasted one; as many of these until all
are. So a million objects come and stay until then, some 100 MiB of them garbage at most."""


def collect_rarely() -> None:
    """Collect seldom from now on, and never again what is loaded; call it before work begins."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, ROUNDS, ROUNDS)
