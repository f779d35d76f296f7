"""Is a file found again that an earlier attempt has archived under another name?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.export_names import object_name, possible_names
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.activity_io import ExportInput
from callvault.contracts.media import FormatType
from tests.activities.test_export_metadata import input

EVENING = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)


def asked(**changes: Any) -> ExportInput:
    told = input(may_refuse=False)
    return told.model_copy(update={"recorded_on": EVENING, **changes})


@pytest.mark.parametrize(
    ("later", "is_found"),
    [
        (timedelta(), True),
        (timedelta(minutes=20), True),
        (timedelta(hours=72), True),
        (timedelta(hours=97), False),
    ],
)
def test_what_an_event_had_archived_is_found_by_a_result_that_is_polled_days_later(
    tmp_path: Path, later: timedelta, is_found: bool
) -> None:
    """Beyond midnight it lay in another day's folder, and was archived twice."""
    archive = DirectoryArchive("main", tmp_path)
    name = object_name(asked(), FormatType.MP4)
    put_bytes(archive, name, b"media", content_type="video/mp4", metadata={})
    polled = asked(call_id=None, recorded_on=EVENING + later)
    assert (name in possible_names(archive, polled)) is is_found
