"""Sealing as an activity: its order and its answer cross Temporal, its errors are translated."""

import asyncio

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.seal import SealActivities
from callvault.archive.store import Archive
from callvault.contracts.manifest import SealInput
from tests.archive.sealed import SIGNER, archived, manifest_of, recording, seal_input


def activities(archive: Archive) -> SealActivities:
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


def test_what_hinders_it_is_said_and_tried_again(archive: Archive) -> None:
    chunk = archived(archive)
    assert chunk.archived
    gone = chunk.archived.model_copy(update={"object_name": "recordings/elsewhere.wav"})
    asked = seal_input(archive, recording(chunk.model_copy(update={"archived": gone})))
    with pytest.raises(ApplicationError, match=r"is gone.*fault: archive") as refused:
        ActivityEnvironment().run(activities(archive).seal_recording, asked)
    assert refused.value.type == "ContentMissing"
    assert not refused.value.non_retryable
