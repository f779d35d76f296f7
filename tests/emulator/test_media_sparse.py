"""Files whose bytes are a function of seed and offset."""

import hashlib
import random
import shutil
import subprocess
import time

import pytest

from callvault.emulator.media import sparse
from callvault.emulator.media.render import ChunkTooSmall, chunks
from callvault.emulator.media.sparse import Share
from tests.emulator.timelines import recorded

GIB = 1 << 30


def test_any_range_is_part_of_the_same_file() -> None:
    whole = sparse.read("seed", 0, 100_000)
    pick = random.Random(1)
    for _ in range(50):
        first = pick.randrange(100_000)
        length = pick.randrange(100_000 - first)
        assert sparse.read("seed", first, length) == whole[first : first + length]


def test_offsets_of_many_gigabytes_are_reached_at_once() -> None:
    far = 40 * GIB + 5
    assert sparse.read("seed", far, 1000)[100:200] == sparse.read("seed", far + 100, 100)
    assert sparse.read("seed", far, 1000) != sparse.read("seed", 5, 1000)


def test_another_seed_is_another_file() -> None:
    assert sparse.read("one", 0, 64) != sparse.read("two", 0, 64)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (3 << 20) + 7])
def test_the_digest_is_that_of_the_bytes(size: int) -> None:
    content = b"".join(sparse.pieces("seed", size))
    assert len(content) == size
    assert sparse.sha256("seed", size) == hashlib.sha256(content).hexdigest()
    assert content == sparse.read("seed", 0, size)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_bytes_are_those_that_openssl_computes() -> None:
    key = hashlib.sha256(b"seed").hexdigest()[:32]
    answer = subprocess.run(
        ["openssl", "enc", "-aes-128-ctr", "-K", key, "-iv", "0" * 32],
        input=bytes(4096),
        capture_output=True,
        check=True,
    )
    assert sparse.read("seed", 0, 4096) == answer.stdout


def test_they_come_faster_than_any_network() -> None:
    started = time.process_time()
    for offset in range(0, GIB // 4, 1 << 20):
        sparse.read("seed", offset, 1 << 20)
    assert time.process_time() - started < 0.5, "500 MB/s on one core"


@pytest.mark.parametrize("total", [0, 1, 999_983, 7 * GIB + 1])
def test_the_bytes_of_chunks_add_up(total: int) -> None:
    timeline = recorded(100, paused=((3, 7.125),))
    share = Share(total, timeline.length, limit=max(1, total // 3))
    parts = list(chunks(timeline, 100, lambda _, part: share.fitting(part)))
    sizes = [share.size(part.timeline) for part in parts]
    assert sum(sizes) == total
    assert sum(part.timeline.length for part in parts) == timeline.length
    assert all(size <= max(1, total // 3) for size in sizes)


def test_a_call_too_short_for_its_bytes_is_refused_with_the_way_out() -> None:
    with pytest.raises(ChunkTooSmall, match="let the call last longer"):
        Share(total=1000, length=8, limit=100).fitting(recorded(1))


def test_the_usual_size_is_that_of_the_services_table() -> None:
    hour = recorded(3600)
    assert sparse.default_size(hour, "mp4", 1) == 450_000_000
    assert sparse.default_size(hour, "mp3", 1) == 21_600_000
    assert sparse.default_size(hour, "wav", 5) == 5 * 115_200_000
