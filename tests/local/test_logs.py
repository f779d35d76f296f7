"""Are logs of child processes kept, a few of them, and none without end?"""

from pathlib import Path

import pytest

from callvault.local import logs
from callvault.local.logs import KEPT_LOGS, bound, rotate


def kept(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_a_new_log_leaves_the_newest_of_the_earlier_ones(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    for life in range(KEPT_LOGS + 3):
        rotate(log)
        log.write_text(f"life {life}")
    assert kept(tmp_path) == {
        "worker.log": "life 5",
        "worker.1.log": "life 4",
        "worker.2.log": "life 3",
        "worker.3.log": "life 2",
    }


def test_a_log_that_grows_too_large_begins_anew_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 9)
    log = tmp_path / "worker.log"
    with log.open("a", buffering=1) as writing:
        writing.write("one\n")
        bound(log)
        writing.write("two, three\n")
        bound(log)
        writing.write("four\n")
    assert kept(tmp_path) == {"worker.log": "four\n", "worker.1.log": "one\ntwo, three\n"}
