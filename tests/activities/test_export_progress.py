"""Does an export say when the last byte moved, and end when none moves any more?"""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import export
from callvault.contracts.activity_io import ExportProgress
from callvault.errors import Unavailable


def test_a_heartbeat_tells_when_the_last_byte_moved() -> None:
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


def test_a_copy_whose_bytes_do_not_move_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "STALLED_AFTER", timedelta())

    def copying() -> None:
        report = export._progress("copying")
        report(5, 10)
        report(5, 10)

    with pytest.raises(Unavailable, match="no byte has moved"):
        ActivityEnvironment().run(copying)
