"""A file's sound stands on the clock where it was recorded, with its pauses in it or left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.manifest import ManifestChunk, ManifestRecording
from callvault.evidence.placing import pieces
from tests.archive.sealed import NOON

from .calls import at


def chunk(
    told: float | None, *pauses: tuple[float, float], start: float | None = 0
) -> ManifestChunk:
    facts: dict[str, Any] = {
        "duration_ms": None if told is None else told * 1000,
        "service_start_time": None if start is None else at(start),
        "service_pauses": tuple(
            RecordedPause(start_time=at(since), duration_ms=length * 1000)
            for since, length in pauses
        ),
    }
    return ManifestChunk.model_construct(**facts)


FIRST, LAST = (each.replace(tzinfo=UTC) for each in (datetime.min, datetime.max))


def begun(told: float, start: datetime, *pauses: datetime) -> ManifestChunk:
    paused = tuple(RecordedPause(start_time=each, duration_ms=2_000) for each in pauses)
    return chunk(told).model_copy(update={"service_start_time": start, "service_pauses": paused})


TOLD: dict[str, Any] = {"recording_start_time": NOON, "started_at": None, "requested_at": NOON}
RECORDING = ManifestRecording.model_construct(**TOLD)


@pytest.mark.parametrize(
    ("of", "plays", "expected"),
    [
        (chunk(20), 20, [(0, 20, 0)]),
        (chunk(20, (5, 8)), 12, [(0, 5, 0), (13, 20, 5)]),
        (chunk(20, (5, 8)), 20, [(0, 20, 0)]),
        # both lengths are within the tolerance: the nearer one counts
        (chunk(20, (5, 0.8)), 19.2, [(0, 5, 0), (5.8, 20, 5)]),
        (chunk(20, (5, 0.8)), 20, [(0, 20, 0)]),
        (chunk(None, (5, 8)), 12, [(0, 5, 0), (13, 20, 5)]),
        (chunk(20, (0, 8)), 12, [(8, 20, 0)]),
        (chunk(20, (12, 8)), 12, [(0, 12, 0)]),
        (chunk(30, (15, 8), (5, 2)), 20, [(0, 5, 0), (7, 15, 5), (23, 30, 13)]),
        # pauses that overlap, and one behind the end, as a damaged file may tell them
        (chunk(20, (5, 8), (6, 2)), 12, [(0, 5, 0), (13, 20, 5)]),
        (chunk(20, (500, 8)), 12, [(0, 12, 0)]),
        (chunk(10, start=40), 10, [(40, 50, 0)]),
        (chunk(10, start=None), 10, [(60, 70, 0)]),
        # .NET's first and last time, as manifests of before have them: they have no place
        (begun(10, FIRST), 10, [(60, 70, 0)]),
        (begun(10, LAST), 10, [(60, 70, 0)]),
        (begun(10, NOON, FIRST, LAST), 10, [(0, 10, 0)]),
    ],
)
def test_pieces_stand_where_they_were_recorded(
    of: ManifestChunk, plays: float, expected: list[tuple[float, float, float]]
) -> None:
    found = pieces(RECORDING, of, plays, before=60)
    assert [(each.since, each.until) for each in found] == [
        (at(since), at(until)) for since, until, _ in expected
    ]
    assert [each.first for each in found] == pytest.approx([first for *_, first in expected])
    assert sum(each.end - each.first for each in found) == pytest.approx(plays)
    assert all(each.until - each.since > timedelta(0) for each in found)
