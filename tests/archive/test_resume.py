"""A copy that was ended in the middle goes on where it was, and believes only what it can prove."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import Copied, copy
from callvault.archive.transfer.readback import read_back
from callvault.errors import BrokenContent
from callvault.local.azurite import Azurite

NAME = "recordings/0000-document.mp4"
ROOT = Path(__file__).parents[2]
MEDIA = random.Random(11).randbytes(20_000)
BLOCK = 1024
MEBIBYTE = 1024 * 1024


class Ended(Exception):
    """Stands for a cancelled activity."""


def fetch(archive: Archive, source: Any, ends_at: int | None = None) -> Copied:
    """Copy, one block at a time; report raises once ``ends_at`` bytes were read."""

    def report(done: int, total: int | None) -> None:
        """Nothing to see."""

    if ends_at is not None:
        source.spoil = _breaks_after(ends_at // BLOCK)
    return copy(
        source,
        archive,
        NAME,
        content_type="video/mp4",
        metadata={"document_id": "1"},
        on_progress=report,
        buffers=BufferPool(1, BLOCK),
        limits=RetryLimits(max_attempts=1),
    )


def _breaks_after(requests: int) -> Callable[[Any, int], Any]:
    def spoil(part: Any, number: int) -> Any:
        if number > requests:
            raise BrokenContent("the line broke")
        return part

    return spoil


def halfway(archive: Archive, source: Any) -> None:
    with pytest.raises(BrokenContent, match="the line broke"):
        fetch(archive, source, ends_at=10 * BLOCK)


def test_second_attempt_fetches_only_the_rest(archive: Archive, ranged: Callable[..., Any]) -> None:
    halfway(archive, ranged(MEDIA))
    again = ranged(MEDIA)
    copied = fetch(archive, again)
    assert copied.reused >= 9 * BLOCK
    assert again.fetched <= len(MEDIA) - copied.reused + BLOCK
    assert b"".join(archive.read(NAME)) == MEDIA
    digest = read_back(archive, NAME, lambda *_: None)
    assert digest.is_compared
    assert digest.sha256 == hashlib.sha256(MEDIA).hexdigest()


def test_blocks_of_another_version_are_not_used(
    archive: Archive, ranged: Callable[..., Any]
) -> None:
    halfway(archive, ranged(MEDIA))
    copied = fetch(archive, ranged(MEDIA[::-1], etag='"2"'))
    assert copied.reused == 0
    assert b"".join(archive.read(NAME)) == MEDIA[::-1]


def test_file_that_nobody_can_tell_from_another_is_not_resumed(
    archive: Archive, ranged: Callable[..., Any]
) -> None:
    with pytest.raises(BrokenContent, match="the line broke"):
        fetch(archive, ranged(MEDIA, etag=None), ends_at=BLOCK)
    assert fetch(archive, ranged(MEDIA[::-1], etag=None)).reused == 0
    assert b"".join(archive.read(NAME)) == MEDIA[::-1]


def test_damaged_draft_is_fetched_again(
    directory_archive: DirectoryArchive, ranged: Callable[..., Any]
) -> None:
    halfway(directory_archive, ranged(MEDIA))
    folder = Path(directory_archive.location(NAME)).parent
    (draft,) = (path for path in folder.glob(".*.part") if "blocks" not in path.name)
    with draft.open("r+b") as file:
        file.seek(3 * BLOCK + 5)
        file.write(b"\x00\x01\x02")
    assert fetch(directory_archive, ranged(MEDIA)).reused in (8 * BLOCK, 9 * BLOCK)
    assert b"".join(directory_archive.read(NAME)) == MEDIA


def test_two_attempts_at_one_time_do_not_share_a_draft(
    directory_archive: DirectoryArchive, ranged: Callable[..., Any]
) -> None:
    with directory_archive.begin(NAME, block_size=4, token="0123abcd") as first:
        first.put(0, b"abcd")
        with directory_archive.begin(NAME, block_size=4, token="0123abcd") as second:
            second.put(0, b"wxyz")
            second.put(1, b"!")
            second.commit(size=5, content_type="a/b", metadata={})
        assert b"".join(directory_archive.read(NAME)) == b"wxyz!"


def test_nothing_stays_beside_a_resumed_object(
    directory_archive: DirectoryArchive, ranged: Callable[..., Any]
) -> None:
    halfway(directory_archive, ranged(MEDIA))
    fetch(directory_archive, ranged(MEDIA))
    folder = Path(directory_archive.location(NAME)).parent
    assert [path.name for path in folder.glob(".*")] == [".0000-document.mp4.json"]


COPY = """
import sys
from pathlib import Path
from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.archive.stores.blob import BlobArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.archive.transfer.copier import copy
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.buffers import BufferPool

source, url, archive = sys.argv[1:]
if archive.startswith("/"):
    archive = DirectoryArchive("main", Path(archive))
else:
    archive = BlobArchive.open("main", StorageAccess(connection_string=archive), "killed")
archive.make()
client = AcsClient(source, AccessKey("c2VjcmV0"))
copied = copy(
    client.ranged_content(url), archive, "killed.mp4", content_type="video/mp4",
    metadata={"document_id": "1"}, on_progress=lambda *_: None, buffers=BufferPool(2, 512 * 1024),
)
print(copied.reused)
"""


@pytest.fixture
def slow_source() -> Iterator[str]:
    """A real server that serves ranges, at 20 MiB/s on each connection."""
    command = [sys.executable, "-m", "bench.source", "--rate", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
        server.terminate()


@pytest.mark.parametrize("kind", ["blob", "directory"])
def test_killed_process_is_followed_by_one_that_fetches_the_rest(
    kind: str, slow_source: str, azurite: Azurite, tmp_path: Path
) -> None:
    size = 24 * MEBIBYTE
    archive = azurite.connection_string if kind == "blob" else str(tmp_path)
    url = f"{slow_source}/v1/objects/{size}/content/video"
    command = [sys.executable, "-c", COPY, slow_source, url, archive]
    with subprocess.Popen(command, cwd=ROOT) as copying:
        until = time.monotonic() + 20
        while served(slow_source) < size / 2 and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(copying.pid, signal.SIGKILL)
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(again.stdout) > size / 3
    assert served(slow_source) - size <= size * 0.05 + 2 * MEBIBYTE
    assert digest_in(kind, archive, slow_source, size)


def served(source: str) -> int:
    with urlopen(f"{source}/served") as answer:
        return int(answer.read())


def digest_in(kind: str, where: str, source: str, size: int) -> bool:
    """Tell if the archive holds what the source serves, byte for byte."""
    from callvault.archive.stores.blob import BlobArchive
    from callvault.azure_storage.clients import StorageAccess

    archive: Archive = (
        DirectoryArchive("main", Path(where))
        if kind == "directory"
        else BlobArchive.open("main", StorageAccess(connection_string=where), "killed")
    )
    with urlopen(f"{source}/{size}") as answer:
        expected = answer.read()
    equal = b"".join(archive.read("killed.mp4")) == expected
    archive.close()
    return equal
