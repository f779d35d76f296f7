"""Blocks of a file, and the memory and fairness of those who carry them."""

import threading
import time

import pytest

from callvault.archive import block_ids
from callvault.archive.plan import LARGEST_BLOCK, MOST_BLOCKS, Plan, block_size_for
from callvault.archive.transfer.buffers import FairPermits, Lanes
from callvault.errors import ConfigurationError, InvalidRequest

MEBIBYTE = 1024 * 1024
TEBIBYTE = 1024**4


@pytest.mark.parametrize(("size", "blocks", "last"), [(1, 1, 1), (8, 1, 8), (9, 2, 1), (17, 3, 1)])
def test_blocks_cover_the_file(size: int, blocks: int, last: int) -> None:
    plan = Plan.of(size, '"1"', 8)
    assert len(plan) == blocks
    assert sum(plan.length(index) for index in range(len(plan))) == size
    assert plan.length(blocks - 1) == last


@pytest.mark.parametrize("size", [1, 390 * 1024**3, 391 * 1024**3, 2 * TEBIBYTE, 190 * TEBIBYTE])
def test_blocks_stay_within_the_limits_of_the_service(size: int) -> None:
    block_size = block_size_for(size, 8 * MEBIBYTE)
    assert 8 * MEBIBYTE <= block_size <= LARGEST_BLOCK
    assert -(-size // block_size) <= MOST_BLOCKS


def test_file_beyond_every_archive_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        block_size_for(200 * TEBIBYTE, 8 * MEBIBYTE)


def test_same_file_has_the_same_plan_and_any_other_another() -> None:
    plan = Plan.of(100, '"1"', 8)
    assert Plan.of(100, '"1"', 8) == plan
    others = [Plan.of(101, '"1"', 8), Plan.of(100, '"2"', 8), Plan.of(100, '"1"', 9)]
    unknown = [Plan.of(100, None, 8), Plan.of(100, None, 8)]
    assert len({each.token for each in (plan, *others, *unknown)}) == 6


def test_id_of_a_block_tells_all_that_is_needed_to_trust_it() -> None:
    plan, sha256 = Plan.of(20, '"1"', 8), bytes(range(32))
    ids = [block_ids.block_id(plan.token, index, sha256) for index in range(3)]
    assert {len(each) for each in ids} == {57}
    assert block_ids.digest(ids[0]) == sha256
    sizes = dict(zip(ids, [8, 7, 4], strict=True))
    assert block_ids.of_plan(sizes, plan) == {0: ids[0], 2: ids[2]}
    assert block_ids.of_plan(sizes, Plan.of(20, '"2"', 8)) == {}
    assert block_ids.digest("of another program") is None


def test_buffers_are_as_many_as_announced_and_used_again() -> None:
    lanes, over = Lanes(2, 1024), threading.Event()
    taken = [lanes.take_buffer(1024, "copy", over) for _ in range(4)]
    assert all(buffer is not None and len(buffer) == 1024 for buffer in taken)
    threading.Timer(0.05, over.set).start()
    assert lanes.take_buffer(1024, "copy", over) is None
    for buffer in taken:
        assert buffer is not None
        lanes.give_buffer(buffer, "copy")
    again = lanes.take_buffers(9, 1024, "copy")
    assert {id(buffer) for buffer in again} == {id(buffer) for buffer in taken}


def test_whoever_holds_fewest_is_next() -> None:
    permits, over, order = FairPermits(2), threading.Event(), []
    assert permits.take("huge", over)
    assert permits.take("huge", over)

    def wait(holder: str) -> None:
        permits.take(holder, over)
        order.append(holder)

    waiting = [threading.Thread(target=wait, args=(name,)) for name in ("huge", "small")]
    for count, thread in enumerate(waiting, 1):
        thread.start()
        while len(permits._waiting) < count:
            time.sleep(0.001)
    permits.give("huge")
    while not order:
        time.sleep(0.001)
    assert order == ["small"]
    permits.give("huge")
    for thread in waiting:
        thread.join()


@pytest.mark.parametrize(("parallelism", "block_size"), [(0, 1), (1, 0)])
def test_lanes_that_carry_nothing_are_refused(parallelism: int, block_size: int) -> None:
    with pytest.raises(ConfigurationError):
        Lanes(parallelism, block_size)
