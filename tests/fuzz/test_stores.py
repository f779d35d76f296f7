"""A poison item of a queue, a dead-letter container or the quarantine never stops the others."""

import base64
import gzip
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import Client

from callvault.config.storage import DeadLetterSettings
from callvault.contracts import names
from callvault.errors import InvalidRequest
from callvault.ingest import deliveries, formats
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.quarantine_directory import QuarantineDirectory
from callvault.ingest.sweep import Sweep
from callvault.ingest.undelivered import UndeliveredStore
from callvault.local.azurite import Azurite
from tests.fuzz.hostile import CHEAP, hostile_bytes, is_read_or_refused, written
from tests.fuzz.profile import fuzz
from tests.fuzz.samples import dead_letters, events
from tests.fuzz.test_webhook import some_call
from tests.gateway.conftest import Call
from tests.ingest.conftest import IntakeOf, until
from tests.ingest.test_queue import Post, configured, post, reading

__all__ = ["post"]

BODIES = st.sampled_from([*events(), *dead_letters()]).flatmap(
    lambda document: hostile_bytes(document, CHEAP)
)
MAX_MESSAGE = 48 * 1024
"""Bytes that a queue takes once they are in base64."""


def _message(body: bytes, how: str) -> str:
    text = base64.b64encode(body).decode()
    match how:
        case "lines":
            return "\r\n".join(text[start : start + 60] for start in range(0, len(text), 60))
        case "unpadded":
            return text.rstrip("=").translate(str.maketrans("+/", "-_"))
        case "cut":
            return text[: len(text) // 2 + 1]
        case "twice":
            return base64.b64encode(text.encode()).decode()
        case "plain":
            # What the service's XML can carry at all.
            shown = body.decode("utf-8", "replace")
            return "".join(each if each.isprintable() else " " for each in shown)
    return text


MESSAGES = st.builds(
    _message,
    BODIES.filter(lambda body: len(body) < MAX_MESSAGE // 2),
    st.sampled_from(["", "", "lines", "unpadded", "cut", "twice", "plain"]),
)


@given(content=st.one_of(MESSAGES, st.text(max_size=40)))
@fuzz(80)
def test_a_message_is_read_or_refused(content: str) -> None:
    assert is_read_or_refused(InvalidRequest, formats.read_message, content)


@given(content=st.one_of(BODIES, BODIES.map(lambda body: b"{}\n" + body), st.binary(max_size=40)))
@fuzz(80)
def test_a_file_of_events_is_read_or_refused(content: bytes) -> None:
    for read in (formats.read_events, formats.read_kept, deliveries.read_delivery):
        assert is_read_or_refused(InvalidRequest, read, content)


@pytest.mark.server
@given(messages=st.lists(MESSAGES, min_size=12, max_size=12))
@fuzz(2)
async def test_a_queue_is_read_to_its_end(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, messages: list[str]
) -> None:
    call = some_call(temporal)
    for content in messages:
        post.holds(content)
    post.brings(call.recorded())
    async with reading(configured(post, storage_secret), intake_of(temporal)):
        await until(post.is_empty)
    assert names.FILE_STATUS_UPDATED in await call.names_received()


async def _sweep(store: UndeliveredStore, intake_of: IntakeOf, call: Call, letters: int) -> None:
    report = await Sweep(store, intake_of(call.client)).run()
    assert report.dead_letters == letters
    assert "Callvault's own" not in str(report.problems)
    assert names.FILE_STATUS_UPDATED in await call.names_received()


LETTERS = st.lists(
    st.one_of(BODIES, BODIES.map(lambda body: gzip.compress(body, 1, mtime=0))),
    min_size=12,
    max_size=12,
)


@given(letters=LETTERS)
@fuzz(2)
async def test_dead_letters_are_swept_to_the_last(
    container: ContainerClient,
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
    intake_of: IntakeOf,
    temporal: Client,
    letters: Sequence[bytes],
) -> None:
    monkeypatch.setenv("TEST_LETTERS", azurite.connection_string)
    settings = DeadLetterSettings.model_validate(
        {"container": container.container_name, "connection_string": "env:TEST_LETTERS"}
    )
    call = some_call(temporal)
    for blob in list(container.list_blob_names()):
        container.delete_blob(blob)
    for number, letter in enumerate(letters):
        container.upload_blob(f"{number:03}.json", letter)
    container.upload_blob("999.json", written([call.recorded()]))
    with closing(DeadLetterContainer.open("grid", settings)) as store:
        await _sweep(store, intake_of, call, len(letters) + 1)


FIRST_LINES = st.sampled_from(
    [
        b'{"reason": "r", "receivedAt": "x", "headers": {}}',
        b'{"reason": "r", "receivedAt": "x", "headers": {"content-encoding": "gzip"}}',
        b'{"reason": "r", "receivedAt": "x", "headers": {"ce-type": "\\ud83d", "ce-x": "%ff"}}',
        b'{"reason": 1, "receivedAt": [], "headers": 7}',
        b"[" * 100_000,
        b"9" * 5_000,
        b"",
    ]
)


@given(kept=st.lists(st.tuples(FIRST_LINES, BODIES), min_size=8, max_size=8))
@fuzz(4)
async def test_the_quarantine_is_swept_to_the_last(
    tmp_path: Path, intake_of: IntakeOf, temporal: Client, kept: list[tuple[bytes, bytes]]
) -> None:
    call = some_call(temporal)
    directory = tmp_path / call.call_id
    quarantine = Quarantine(QuarantineDirectory(directory))
    await quarantine.check()
    for number, lines in enumerate(kept):
        (directory / f"{number:03}.event").write_bytes(b"\n".join(lines))
    await quarantine.store("odd", {}, written(call.recorded()))
    await _sweep(quarantine, intake_of, call, len(kept) + 1)
