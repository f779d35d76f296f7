"""An answer that comes byte by byte ends with the deadline of the exchange, however long it is."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from activities import export
from callvault.acs.client import AcsClient, Timeouts
from callvault.acs.credentials import AccessKey
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.transfer.backoff import RetryLimits
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import Copy
from callvault.archive.transfer.watch import Watch
from callvault.errors import Unavailable
from tests.acs.dripping import ENDLESS, HEADERS, dripping
from tests.acs.service import KEY_TEXT

PATH = "/v1/objects/0-eus-d1-0123456789abcdef/content/"
TIMEOUTS = Timeouts(connect=0.2, control=0.2, content=3, exchange=0.4)
PATIENCE = 5.0

Read = Callable[[AcsClient, str], object]


def content(client: AcsClient, host: str) -> None:
    with client.open_content(f"http://{host}{PATH}video"):
        pass


def metadata(client: AcsClient, host: str) -> None:
    client.read_metadata(f"http://{host}{PATH}acsmetadata")


def deletion(client: AcsClient, host: str) -> None:
    client.delete_content(f"http://{host}/v1/objects/0-eus-d1-0123456789abcdef")


def state(client: AcsClient, host: str) -> None:
    client.get_state("recording", "call")


def ends(read: Read, answer: tuple[bytes, Iterable[bytes]]) -> None:
    with (
        dripping(*answer) as host,
        AcsClient(
            f"http://{host}", AccessKey(KEY_TEXT), content_hosts=[host], timeout=TIMEOUTS
        ) as client,
    ):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            read(client, host)
        assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("read", [content, metadata, deletion, state])
@pytest.mark.parametrize("answer", ["status line", "interim answers", "error"])
def test_an_answer_that_drips_ends_with_the_deadline(read: Read, answer: str) -> None:
    ends(read, ENDLESS[answer])


def test_metadata_that_drips_ends_with_the_deadline() -> None:
    ends(metadata, (HEADERS, itertools.repeat(b" ")))


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_copy_of_a_source_that_drips_ends_with_the_deadline(
    tmp_path: Path, answer: tuple[bytes, Iterable[bytes]], is_stream: bool
) -> None:
    archive = DirectoryArchive("main", tmp_path)
    buffers, limits = BufferPool(1, 4_096), RetryLimits(answer_timeout=0.3, max_attempts=1)

    def read(client: AcsClient, host: str) -> None:
        source = client.ranged_content(f"http://{host}{PATH}video")
        attempt = Copy(source, archive, "a.mp4", "video/mp4", {}, lambda *_: None, buffers, limits)
        attempt.run_as_stream() if is_stream else attempt.run()

    ends(read, answer)


def test_a_deadline_ends_nothing_that_is_in_time() -> None:
    watch, aborted, hold = Watch(), list[bool](), threading.Event()
    with watch.deadline(60, lambda: aborted.append(True)):
        pass
    with pytest.raises(Unavailable, match="did not answer within"), watch.deadline(0, hold.set):
        assert hold.wait(PATIENCE)
    with pytest.raises(Unavailable, match="the line broke"), watch.deadline(60, aborted.clear):
        raise Unavailable("the line broke")
    assert not aborted


def test_the_kind_of_a_source_that_drips_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = RetryLimits(answer_timeout=0.3)
    monkeypatch.setattr(export, "RetryLimits", lambda: quick)

    def read(client: AcsClient, host: str) -> None:
        export._kind_in(client.ranged_content(f"http://{host}{PATH}video"), Watch())

    ends(read, ENDLESS["headers"])
