"""A verification reads ahead, and judges as if it had not."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.seal import seal
from callvault.archive.names import link_object_name
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.read_ahead import MAX_AHEAD, ReadAhead
from callvault.archive.verify.verifier import verify_archive
from callvault.errors import Unavailable
from tests.archive.sealed import NOON, SIGNER, archived, recording, seal_input

COUNT = 24


class Distant(DirectoryArchive):
    """Takes its time for each answer, and notes how many were asked for at a time."""

    def __init__(self, root: Path, delay: float = 0.01) -> None:
        super().__init__("main", root)
        self.delay, self.busy, self.most, self.asked = delay, 0, 0, 0
        self.read_whole: list[str] = []
        self._counting = threading.Lock()

    def _wait(self) -> None:
        with self._counting:
            self.busy, self.asked = self.busy + 1, self.asked + 1
            self.most = max(self.most, self.busy)
        time.sleep(self.delay)
        with self._counting:
            self.busy -= 1

    def stat(self, object_name: str) -> Any:
        self._wait()
        return super().stat(object_name)

    def read(self, object_name: str, **bounds: Any) -> Iterator[bytes]:
        self._wait()
        if not bounds:
            self.read_whole.append(object_name)
        return super().read(object_name, **bounds)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    archive = DirectoryArchive("main", folder)
    for number in range(COUNT):
        ids = {"recording_id": f"rec-{number}", "call_id": f"call-{number}"}
        chunk = archived(archive, document=f"0-eus-d1-{number:032x}", **ids)
        of = recording(chunk, **ids)
        seal(archive, seal_input(archive, of), SIGNER, lambda: NOON)
    return folder


@pytest.mark.parametrize("quick", [True, False])
def test_many_links_are_looked_at_at_a_time(root: Path, quick: bool) -> None:
    archive = Distant(root)
    report = verify_archive(archive, Keyring([SIGNER.public]), quick=quick)
    assert (report.ok, report.manifests, report.objects) == (True, COUNT, 2 * COUNT)
    assert archive.most > 4
    whole = [name for name in archive.read_whole if name.endswith((".wav", ".metadata.json"))]
    assert len(whole) == len(set(whole)) == (0 if quick else 2 * COUNT), "each is read once"


def test_a_link_costs_seven_requests(root: Path) -> None:
    """Two documents, each with its properties, and the properties of two objects."""
    archive = Distant(root, delay=0)
    verify_archive(archive, Keyring([SIGNER.public]), quick=True)
    assert archive.asked <= 7 * COUNT


def test_no_more_is_read_ahead_than_memory_allows(root: Path) -> None:
    seen: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1, 10 * MAX_AHEAD):
            seen.append(number)
            yield number

    ahead = ReadAhead(Distant(root, delay=0), quick=True).of(numbers())
    assert next(ahead)[0] == 1
    assert len(seen) <= MAX_AHEAD
    ahead.close()


def test_a_verification_that_is_left_reads_no_further(root: Path) -> None:
    class Endless(Distant):
        def read(self, object_name: str, **bounds: Any) -> Iterator[bytes]:
            is_endless = object_name.endswith(".wav") and "call-1/" not in object_name
            while is_endless and not bounds:
                time.sleep(0.01)
                yield b"more"
            yield from super().read(object_name, **bounds)

    ahead = ReadAhead(Endless(root), quick=False).of(iter([2, *range(3, COUNT)]))
    numbers, _ = next(ahead)
    began = time.monotonic()
    ahead.close()
    assert numbers == 2
    assert time.monotonic() - began < 5


def test_a_store_that_fails_ends_the_verification_with_its_error(root: Path) -> None:
    class Failing(Distant):
        def stat(self, object_name: str) -> Any:
            if object_name == link_object_name(COUNT // 2):
                raise Unavailable("the store is away")
            return super().stat(object_name)

    with pytest.raises(Unavailable, match="the store is away"):
        verify_archive(Failing(root, delay=0), Keyring([SIGNER.public]), quick=True)


def test_what_changes_meanwhile_is_told(root: Path) -> None:
    names = [name for name in DirectoryArchive("main", root).names() if "metadata" in name]
    victim = sorted(names)[3]

    class Changed(Distant):
        def read(self, object_name: str, **bounds: Any) -> Iterator[bytes]:
            changed = iter([b"other bytes"])
            return changed if object_name == victim else super().read(object_name, **bounds)

    report = verify_archive(Changed(root, delay=0), Keyring([SIGNER.public]))
    assert [each.object_name for each in report.problems] == [victim]
    assert "it was changed" in report.problems[0].text
