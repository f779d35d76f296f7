"""The voices of the participants, told apart by their fundamental frequency.

Participant ``n`` of a call (0 is the first who joined) speaks at ``150 + (17 * n) % 149`` Hz:
150, 167, 184, 201, 218, 235, 252, 269, 286, … All lie within one octave, so no overtone of one
voice falls on the fundamental of another: one look at one frequency tells whether they speak.
"""

_LOWEST = 150.0
_STEP, _PRIME = 17, 149


def fundamental(voice: int) -> float:
    """The fundamental frequency of a voice, in Hz."""
    return _LOWEST + (_STEP * voice) % _PRIME
