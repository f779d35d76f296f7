"""Is recording bounded, and does what it keeps tell nothing of a machine, and no secret?"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import recorder
from .calls import plain_life
from .recorded import Recorded, all_recorded, replay
from .recorder import MAX_EVENTS, TooMuch, packed, played, replace_histories
from .studio import IDENTITY, Studio, open_studio

MAX_FILE = 64 * 1024
MAX_FOLDER = 1024 * 1024
"""Bytes of one history, and of those of a version."""

OF_A_MACHINE = re.compile(
    r"(?<![\w.:/])/(home|root|tmp|var|usr|opt|mnt|private|Users|work|srv|build)/|[A-Z]:\\|\d+@\w"
)
SECRETS = re.compile(
    r"sig=|accesskey|accountkey|sharedaccess|bearer |password|BEGIN [A-Z ]*KEY", re.IGNORECASE
)


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text of a history, and of each payload what is in it."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from texts(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, key)
    elif isinstance(value, str):
        yield base64.b64decode(value).decode() if key == "data" else value


@pytest.mark.parametrize("recorded", [pytest.param(e, id=e.name) for e in all_recorded()])
def test_a_history_is_small_and_tells_nothing_of_a_machine_and_no_secret(
    recorded: Recorded,
) -> None:
    assert recorded.path.stat().st_size <= MAX_FILE
    assert len(recorded.history().events) <= MAX_EVENTS
    for text in texts(json.loads(recorded.text)):
        assert OF_A_MACHINE.search(text) is None, text
        assert SECRETS.search(text) is None, text


@pytest.mark.parametrize("recorded", [pytest.param(e, id=e.name) for e in all_recorded()])
def test_nobody_in_a_history_is_named_after_a_process_or_a_host(recorded: Recorded) -> None:
    found = set(re.findall(r'"identity":"([^"]*)"', recorded.text))
    ours = {who for who in found if not who.startswith("temporal-") and who != "history-service"}
    assert ours <= {IDENTITY}


def test_the_histories_of_a_version_are_small() -> None:
    sizes: dict[str, int] = {}
    for each in all_recorded():
        sizes[each.version] = sizes.get(each.version, 0) + each.path.stat().st_size
    assert all(size <= MAX_FOLDER for size in sizes.values()), sizes


def test_the_checks_find_what_they_look_for() -> None:
    for text in ("/var/tmp/x", 'at "/tmp/pytest-1"', "4711@host", "C:\\Users"):
        assert OF_A_MACHINE.search(text)
    assert not OF_A_MACHINE.search("https://storage.example/v1/objects/home/x")
    for text in ("?sv=1&sig=abc", "AccountKey=x", "Authorization: Bearer x"):
        assert SECRETS.search(text)


@pytest.mark.slow("starts a server of its own, and plays a call")
async def test_a_story_is_recorded_and_what_is_recorded_replays(
    tmp_path: Path, temporal_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lasts_for_ever(studio: Studio) -> list[str]:
        scene = studio.scene()
        await scene.recorded()
        await scene.handle.result()
        return []

    folder = tmp_path / "0.0.1"
    async with open_studio() as studio:
        files = await played(studio, [plain_life])
        replace_histories(folder, {"of-before.json.gz": b""})
        replace_histories(folder, files)
        [recorded] = all_recorded(tmp_path)
        assert (recorded.name, recorded.version) == ("plain-life", "0.0.1")
        await replay(recorded)
        assert packed(recorded.history(), str(studio.root)) == files["plain-life.json.gz"]

        with pytest.raises(ExceptionGroup) as failed:
            await played(studio, [lasts_for_ever], within=3)
        assert failed.group_contains(TooMuch, match="lasts-for-ever is not over within 3 s")
        monkeypatch.setattr(recorder, "MAX_EVENTS", 10)
        with pytest.raises(ExceptionGroup) as failed:
            await played(studio, [plain_life])
        assert failed.group_contains(TooMuch, match=r"plain-life has \d+ events in one run")
