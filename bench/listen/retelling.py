"""A call that was played, told: what was sent and answered, and what the manifests claim of it."""

from collections.abc import Iterator, Sequence

from bench.listen.laws import Broken
from bench.listen.record import Played, Recording


def lines_of(played: Played, found: Sequence[Broken]) -> list[str]:
    """Tell a call, by the seconds since it began, and the laws that it broke."""
    lines = [f"\n{played.workflow_id} {played.problem}"]
    for deed in sorted(played.deeds, key=lambda each: each.sent):
        answered = f"{deed.answered - played.began:6.2f}" if deed.answered else "   -  "
        lines.append(f"  {deed.sent - played.began:6.2f} -> {answered} {deed.step} {deed.answer}")
    for recording in played.recordings:
        lines += _recording(recording, played.began)
    return [*lines, *(f"  LAW {each.law} BROKEN: {each.sentence}" for each in found)]


def _recording(recording: Recording, began: float) -> Iterator[str]:
    yield f"  recording from {recording.active_at - began:.2f} {recording.problem}"
    for name, claims in (("silent", recording.silent), ("marked", recording.marked)):
        for claim in claims:
            yield f"    {name} {claim.since - began:.2f} to {claim.until - began:.2f} {claim.why}"
