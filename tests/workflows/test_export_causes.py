"""Does the alarm about a late file, or a late manifest, say why, and whose fault it is?"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.archive.identity import IDENTITY_OBJECT
from callvault.causes import Cause
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.emulator.server import running
from tests.acs.service import KEY_TEXT

from .scene import Scene, chunk

AN_HOUR = timedelta(minutes=65)


@contextmanager
def files_of(endpoint: str) -> Iterator[Callable[[str], Any]]:
    """Yield what downloads from an endpoint, with a real client and a key that is wrong."""
    with AcsClient(endpoint, AccessKey(KEY_TEXT)) as client:
        yield lambda url: client.ranged_content(endpoint + url[url.index("/v1/") :])


@pytest.fixture
def away() -> Iterator[Callable[[str], Any]]:
    with files_of("http://127.0.0.1:1") as files:
        yield files


@pytest.fixture
def dead_key() -> Iterator[Callable[[str], Any]]:
    with running() as emulator, files_of(emulator.endpoint) as files:
        yield files


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """Yield a place of a few blocks, where nothing fits."""
    place = tmp_path / "full"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def late(scene: Scene, kind: AlarmKind = AlarmKind.EXPORT_LATE) -> Alarm:
    """Let an hour pass after the file was announced; return the first alarm of the kind."""
    await scene.passes(AN_HOUR)
    await scene.is_notified(1)
    alarm = next(alarm for alarm in scene.told() if alarm.kind is kind)
    # The call's status knows what was told, but for the time that was left just then.
    known = [record.alarm for record in (await scene.status()).alarms]
    assert alarm.model_copy(update={"seconds_left": None}) in known
    return alarm


async def stopped(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")


async def test_h20_acs_that_is_away_is_told(scene: Scene, away: Callable[[str], Any]) -> None:
    await stopped(scene)
    scene.service.ranged_content = away  # type: ignore[method-assign]
    await scene.announced(chunk())
    alarm = await late(scene)
    assert alarm.cause is Cause.UNREACHABLE
    assert "may be deleted in 46 h" in alarm.what
    assert "is at attempt" in alarm.what
    assert alarm.what.endswith("(docs/operations.md#cause-unreachable)")


async def test_h20_a_dead_key_is_told(scene: Scene, dead_key: Callable[[str], Any]) -> None:
    await stopped(scene)
    scene.service.ranged_content = dead_key  # type: ignore[method-assign]
    await scene.announced(chunk())
    alarm = await late(scene)
    assert alarm.cause is Cause.KEY, alarm.what
    assert "401" in alarm.what


async def test_h20_an_archive_that_is_full_is_told(scene: Scene, full: Path) -> None:
    await stopped(scene)
    place = Path(scene.archive.location(IDENTITY_OBJECT)).parent
    identity = full / IDENTITY_OBJECT
    identity.parent.mkdir(parents=True, exist_ok=True)
    identity.write_bytes((place / IDENTITY_OBJECT).read_bytes())
    with pytest.raises(OSError, match="space"):
        (full / "filler").write_bytes(bytes(65_536))
    place.rename(place.with_name(f"{place.name}-away"))
    place.symlink_to(full)
    await scene.announced(chunk())
    alarm = await late(scene)
    assert alarm.cause is Cause.FULL, alarm.what
    assert "No space left on device" in alarm.what
    assert "make room in the archive" in alarm.what


async def test_h20_a_signing_key_that_cannot_be_read_is_told_where_a_manifest_is_late(
    scene: Scene,
) -> None:
    scene.world.without_key.add(scene.resource)
    await stopped(scene)
    await scene.announced(chunk())
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    alarm = await late(scene, AlarmKind.NOT_SEALED)
    assert alarm.cause is Cause.SETTINGS
    assert "the signing key cannot be read" in alarm.what
    assert "is given up in 4" in alarm.what

    scene.world.without_key.discard(scene.resource)
    assert (await scene.result()).recordings[0].manifest is not None
