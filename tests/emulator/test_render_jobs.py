"""Long renderings beside a server that has other things to do."""

import time
from pathlib import Path

import httpx

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall, eventually


def end_a_recording_of_an_hour(acs: Acs) -> StagedCall:
    call = StagedCall(acs)
    recording = call.is_recorded()
    call.lasts(3600)
    acs.stop(recording)
    return call


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.suffix in {".mp4", ".wav"}]


def test_the_server_answers_while_hours_are_rendered_and_stops_at_once(
    http: httpx.Client, tmp_path: Path
) -> None:
    with running(EmulatorSettings(state_dir=tmp_path)) as emulator:
        call = end_a_recording_of_an_hour(Acs(emulator, http))
        eventually(lambda: files_in(tmp_path))
        asked = time.monotonic()
        for _ in range(20):
            assert call.truth()["recordings"][0]["media"] == "rendering"
        assert time.monotonic() - asked < 2
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 3
    assert not files_in(tmp_path), "nothing unfinished is left"


def test_two_recordings_are_rendered_at_a_time(http: httpx.Client, tmp_path: Path) -> None:
    with running(EmulatorSettings(state_dir=tmp_path)) as emulator:
        acs = Acs(emulator, http)
        calls = [StagedCall(acs) for _ in range(4)]
        recordings = [call.is_recorded() for call in calls]
        calls[0].lasts(3600)
        for recording in recordings:
            acs.stop(recording)
        eventually(lambda: len(files_in(tmp_path)) == 2)
        time.sleep(0.2)
        assert len(files_in(tmp_path)) == 2
        assert {call.truth()["recordings"][0]["media"] for call in calls} == {"rendering"}
