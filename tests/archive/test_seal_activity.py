"""Sealing as an activity: its order and its answer cross Temporal, its errors are translated."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.seal import SealActivities
from activities.translate import FILES_GONE
from callvault.archive.identity import make_identity
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.manifest import SealInput
from tests.archive.sealed import SIGNER, archived, manifest_of, recording, seal_input


def activities(archive: Archive) -> SealActivities:
    make_identity(archive, None, datetime.now(UTC))
    return SealActivities(lambda name: archive, lambda name: SIGNER)


def test_an_order_that_crossed_temporal_is_sealed_once(archive: Archive) -> None:
    asked = seal_input(archive, recording(archived(archive)))
    environment, seal = ActivityEnvironment(), activities(archive).seal_recording
    found = environment.run(seal, asked)
    payloads = asyncio.run(pydantic_data_converter.encode([asked]))
    (again,) = asyncio.run(pydantic_data_converter.decode(payloads, [SealInput]))
    assert environment.run(seal, again) == found
    sealed_at = manifest_of(archive, found).sealed_at
    assert abs((sealed_at - environment.info.started_time).total_seconds()) < 60


def test_files_that_are_gone_are_named_so_that_they_are_copied_again(archive: Archive) -> None:
    """H7: sealing repeated "was archived and is gone" for two days, and nothing was copied."""
    chunk = archived(archive)
    assert chunk.archived
    gone = chunk.archived.model_copy(update={"object_name": "recordings/elsewhere.wav"})
    asked = seal_input(archive, recording(chunk.model_copy(update={"archived": gone})))
    with pytest.raises(ApplicationError, match="is gone") as refused:
        ActivityEnvironment().run(activities(archive).seal_recording, asked)
    assert (refused.value.type, refused.value.non_retryable) == (FILES_GONE, True)
    assert refused.value.details == ((chunk.chunk.document_id, chunk.chunk.index),)


def test_a_file_of_another_size_is_named_too(archive: Archive) -> None:
    """H7, by a change instead of a loss."""
    chunk = archived(archive)
    assert chunk.archived
    changed = chunk.archived.model_copy(update={"size": chunk.archived.size + 1})
    asked = seal_input(archive, recording(chunk.model_copy(update={"archived": changed})))
    with pytest.raises(ApplicationError, match="not what was verified") as refused:
        ActivityEnvironment().run(activities(archive).seal_recording, asked)
    assert refused.value.type == FILES_GONE


def test_files_of_another_place_by_the_same_name_are_not_sealed(
    archive: Archive, tmp_path: Path
) -> None:
    """H9: two workers that meant different places by one name scattered a call over both."""
    other = DirectoryArchive("main", tmp_path / "other")
    elsewhere = make_identity(other, None, datetime.now(UTC)).id
    chunk = archived(archive)
    assert chunk.archived
    there = chunk.archived.model_copy(update={"archive_id": elsewhere})
    asked = seal_input(archive, recording(chunk.model_copy(update={"archived": there})))
    with pytest.raises(ApplicationError, match="give all workers the same place") as refused:
        ActivityEnvironment().run(activities(archive).seal_recording, asked)
    assert (refused.value.type, refused.value.non_retryable) == ("WrongArchive", False)
    assert not list(archive.names("manifests/"))
