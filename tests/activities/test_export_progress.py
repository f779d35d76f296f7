"""Does an export say when the last byte moved, and end when none moves any more?"""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import export
from callvault.contracts.activity_io import ExportProgress
from callvault.errors import Unavailable


def test_a_heartbeat_tells_when_the_last_byte_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "QUIET_TIME", timedelta())
    beats: list[ExportProgress] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = beats.append

    def copying() -> None:
        report = export._progress("copying")
        report(0, 10)
        report(5, 10)
        report(5, 10)

    environment.run(copying)
    assert [beat.bytes_done for beat in beats] == [0, 5, 5]
    assert beats[0].moved_at != beats[1].moved_at == beats[2].moved_at


def test_a_copy_of_a_moment_needs_no_heartbeat() -> None:
    beats: list[ExportProgress] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = beats.append

    def copying() -> None:
        report = export._progress("copying")
        report(0, 10)
        report(10, 10)

    environment.run(copying)
    assert beats == []


def test_a_longer_copy_tells_of_its_progress_by_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 100, 2))
    began = datetime.now(UTC)
    monkeypatch.setattr(
        export, "server_clock", lambda: lambda: began + timedelta(seconds=next(seconds))
    )
    beats: list[ExportProgress] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = beats.append
    environment.run(lambda: export._progress("copying")(5, 10))
    assert [beat.bytes_done for beat in beats] == [5]


def test_a_copy_whose_bytes_do_not_move_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "STALLED_AFTER", timedelta())

    def copying() -> None:
        report = export._progress("copying")
        report(5, 10)
        report(5, 10)

    with pytest.raises(Unavailable, match="no byte has moved"):
        ActivityEnvironment().run(copying)
