"""What only a quarantine in a directory can meet: links, pipes, file systems of all kinds."""

import asyncio
import errno
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest

from callvault.errors import InvalidRequest
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.quarantine_directory import QuarantineDirectory
from callvault.ingest.undelivered import DeadLetter
from tests.ingest.quarantine_places import Directory, opened


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_nothing_but_a_file_of_the_directory_is_read(kind: str, tmp_path: Path) -> None:
    """A link may lead anywhere, and a pipe never ends."""
    (tmp_path / "elsewhere").write_bytes(b"{}\n[]")
    directory = tmp_path / "quarantine"
    planted = directory / "x.event"
    directory.mkdir()
    if kind == "link":
        planted.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(planted)
    else:
        planted.mkdir()
    with closing(opened(Directory(directory))) as quarantine:
        async with asyncio.timeout(5):
            with pytest.raises(InvalidRequest):
                await asyncio.to_thread(quarantine.read, DeadLetter("x.event"))


async def test_a_file_system_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SMB share, for one."""

    def refuse(*paths: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    place = Directory(tmp_path / "quarantine")
    with closing(opened(place)) as quarantine:
        name = await quarantine.store("odd", {}, b"?")
        assert quarantine.read(DeadLetter(name)).body == b"?"
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == [name]


async def test_whoever_asks_if_it_is_ready_shares_one_check(tmp_path: Path) -> None:
    """Anybody may ask, and must not take the threads that store deliveries."""
    checked, go_on = list[int](), threading.Event()

    class Hanging(QuarantineDirectory):
        def check(self) -> None:
            checked.append(1)
            go_on.wait()

    with closing(Quarantine(Hanging(tmp_path))) as quarantine:
        asking = [asyncio.create_task(quarantine.check()) for _ in range(50)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await quarantine.store("odd", {}, b"?")
        go_on.set()
        await asyncio.gather(*asking)
        await quarantine.check()
    assert len(checked) == 2
