"""Numbered objects: the end of a row is found, and a writer takes the next free place."""

import pytest

from callvault.archive.manifests.numbered import Numbered
from callvault.contracts.manifest import LinkReference
from tests.archive.memory import MemoryArchive


class Counting(MemoryArchive):
    """An archive that counts the requests for an object's existence."""

    asked = 0

    def stat(self, object_name: str):
        self.asked += 1
        return super().stat(object_name)


def name_of(number: int) -> str:
    return f"n/{number}"


def a_row(length: int) -> tuple[Counting, Numbered]:
    archive = Counting()
    for number in range(1, length + 1):
        archive.objects[name_of(number)] = str(number).encode()
    return archive, Numbered(archive, name_of)


def link(number: int) -> LinkReference:
    return Numbered.reference(number, str(number).encode())


@pytest.mark.parametrize("length", [*range(10), 15, 16, 17, 100])
@pytest.mark.parametrize("known", [None, 1, 2, 7, 16])
def test_the_end_of_a_row_is_found_from_any_place_within_it(length: int, known: int | None) -> None:
    archive, row = a_row(length)
    if known is not None and known > length:
        return
    before = dict(archive.objects)
    found = row.head(link(known) if known else None)
    assert found == (link(length) if length else None)
    assert archive.asked <= 2 * max(1, length - (known or 0)).bit_length() + 2
    assert archive.objects == before


def test_what_was_seen_as_the_end_and_still_is_it_is_returned_as_it_was_seen() -> None:
    _, row = a_row(3)
    seen = LinkReference(sequence=3, sha256="f" * 64)
    assert row.head(seen) is seen, "it is not read again"


@pytest.mark.parametrize("length", [0, 1, 4])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_writer_takes_the_first_free_place_behind_the_one_it_knows(
    length: int, after: int
) -> None:
    if after > length:
        return
    archive, row = a_row(length)
    built: list[tuple[int, LinkReference | None]] = []

    def build(number: int, previous: LinkReference | None) -> bytes:
        built.append((number, previous))
        return b"new"

    found = row.append(link(after) if after else None, build, lambda _: False)
    assert built == [(length + 1, link(length) if length else None)]
    assert found == Numbered.reference(length + 1, b"new")
    assert archive.objects[name_of(length + 1)] == b"new"


def test_what_is_there_already_is_written_no_second_time() -> None:
    archive, row = a_row(4)
    found = row.append(link(1), lambda *_: b"never", lambda data: data == b"3")
    assert found == link(3)
    assert len(archive.objects) == 4


def test_who_loses_a_race_looks_at_what_has_won_it() -> None:
    archive, row = a_row(1)

    def build(number: int, previous: LinkReference | None) -> bytes:
        archive.objects.setdefault(name_of(2), b"2")
        assert previous == link(number - 1)
        return f"mine behind {number - 1}".encode()

    assert row.append(link(1), build, lambda _: False).sequence == 3
    assert archive.objects[name_of(3)] == b"mine behind 2"
