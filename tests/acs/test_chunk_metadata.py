"""Is the service's metadata file read however it is spelt?"""

import pytest

from callvault.acs.chunk_metadata import parse_chunk_metadata
from callvault.errors import BrokenContent


def test_pauses_that_are_null_are_none() -> None:
    metadata = parse_chunk_metadata(b'{"chunkDuration": 5000, "pauseResumeIntervals": null}')
    assert (metadata.chunk_duration, metadata.pause_resume_intervals) == (5000, ())


def test_a_pause_may_come_without_its_length() -> None:
    [pause] = parse_chunk_metadata(
        b'{"pauseResumeIntervals": [{"startTime": "2026-01-02T03:04:05.1234567Z"}]}'
    ).pause_resume_intervals
    assert pause.duration is None


def test_what_is_no_metadata_file_is_broken_content() -> None:
    with pytest.raises(BrokenContent, match="cannot be read"):
        parse_chunk_metadata(b"<html>sorry</html>")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_length_that_is_no_number_of_milliseconds_is_broken_content(number: str) -> None:
    pause = f'{{"startTime": "2026-01-02T03:04:05Z", "duration": {number}}}'
    with pytest.raises(BrokenContent, match="duration"):
        parse_chunk_metadata(f'{{"pauseResumeIntervals": [{pause}]}}'.encode())
