"""Blocks of a file, and the memory and fairness of those who carry them."""

import threading
import time

import pytest

from callvault.archive.blocks import (
    MAX_BLOCK_SIZE,
    MAX_BLOCKS,
    Layout,
    block_id,
    block_size_for,
    sha256_in,
    staged_blocks,
)
from callvault.archive.transfer.buffers import BufferPool, FairSemaphore
from callvault.errors import ConfigurationError, InvalidRequest

MEBIBYTE = 1024 * 1024
TEBIBYTE = 1024**4


@pytest.mark.parametrize(("size", "blocks", "last"), [(1, 1, 1), (8, 1, 8), (9, 2, 1), (17, 3, 1)])
def test_blocks_cover_the_file(size: int, blocks: int, last: int) -> None:
    layout = Layout.of(size, '"1"', 8)
    assert len(layout) == blocks
    assert sum(layout.length(index) for index in range(len(layout))) == size
    assert layout.length(blocks - 1) == last


@pytest.mark.parametrize("size", [1, 390 * 1024**3, 391 * 1024**3, 2 * TEBIBYTE, 190 * TEBIBYTE])
def test_blocks_stay_within_the_limits_of_the_service(size: int) -> None:
    block_size = block_size_for(size, 8 * MEBIBYTE)
    assert 8 * MEBIBYTE <= block_size <= MAX_BLOCK_SIZE
    assert -(-size // block_size) <= MAX_BLOCKS


def test_file_beyond_every_archive_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        block_size_for(200 * TEBIBYTE, 8 * MEBIBYTE)


def test_same_file_has_the_same_layout_and_any_other_another() -> None:
    layout = Layout.of(100, '"1"', 8)
    assert Layout.of(100, '"1"', 8) == layout
    others = [Layout.of(101, '"1"', 8), Layout.of(100, '"2"', 8), Layout.of(100, '"1"', 9)]
    unknown = [Layout.of(100, None, 8), Layout.of(100, None, 8)]
    assert len({each.token for each in (layout, *others, *unknown)}) == 6


def test_id_of_a_block_tells_all_that_is_needed_to_trust_it() -> None:
    layout, sha256 = Layout.of(20, '"1"', 8), bytes(range(32))
    ids = [block_id(layout.token, index, sha256) for index in range(3)]
    assert {len(each) for each in ids} == {57}
    assert sha256_in(ids[0]) == sha256
    sizes = dict(zip(ids, [8, 7, 4], strict=True))
    assert staged_blocks(sizes, layout) == {0: ids[0], 2: ids[2]}
    assert staged_blocks(sizes, Layout.of(20, '"2"', 8)) == {}
    assert sha256_in("of another program") is None


def test_buffers_are_as_many_as_announced_and_used_again() -> None:
    buffers, over = BufferPool(2, 1024), threading.Event()
    taken = [buffers.acquire(1024, "copy", over) for _ in range(4)]
    assert all(buffer is not None and len(buffer) == 1024 for buffer in taken)
    threading.Timer(0.05, over.set).start()
    assert buffers.acquire(1024, "copy", over) is None
    for buffer in taken:
        assert buffer is not None
        buffers.release(buffer, "copy")
    again = buffers.acquire_many(9, 1024, "copy")
    assert {id(buffer) for buffer in again} == {id(buffer) for buffer in taken}


def test_whoever_holds_fewest_is_next() -> None:
    permits, over, order = FairSemaphore(2), threading.Event(), []
    assert permits.acquire("huge", over)
    assert permits.acquire("huge", over)

    def wait(holder: str) -> None:
        permits.acquire(holder, over)
        order.append(holder)

    waiting = [threading.Thread(target=wait, args=(name,)) for name in ("huge", "small")]
    for count, thread in enumerate(waiting, 1):
        thread.start()
        while len(permits._waiting) < count:
            time.sleep(0.001)
    permits.release("huge")
    while not order:
        time.sleep(0.001)
    assert order == ["small"]
    permits.release("huge")
    for thread in waiting:
        thread.join()


@pytest.mark.parametrize(("parallelism", "block_size"), [(0, 1), (1, 0)])
def test_lanes_that_carry_nothing_are_refused(parallelism: int, block_size: int) -> None:
    with pytest.raises(ConfigurationError):
        BufferPool(parallelism, block_size)
