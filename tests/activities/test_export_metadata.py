"""Whose word counts when a file is missing, and what is kept of a chunk's metadata?"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.export import ARCHIVE_REFUSED, ExportActivities
from activities.export_metadata import (
    GIVE_UP_AFTER,
    MARGIN,
    MAX_WAIT,
    Archived,
    export_metadata,
    reader_of,
)
from activities.export_names import object_name
from activities.translate import PERMANENT_RETRY_INTERVAL
from callvault.acs.client import MAX_METADATA
from callvault.archive.identity import make_identity
from callvault.archive.names import metadata_object_name
from callvault.archive.store import put_bytes
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.stores.directory_files import sidecar_path
from callvault.contracts.activity_io import ExportInput, ExportProgress
from callvault.contracts.base import MAX_TEXT
from callvault.contracts.events import RecordingChunk
from callvault.contracts.media import FormatType
from callvault.errors import (
    BrokenContent,
    CallvaultError,
    ContentMissing,
    Throttled,
    Unavailable,
    UrlNotAllowed,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = NOON - GIVE_UP_AFTER
VERIFIED = ExportProgress(phase="verifying")
CONTENT = "https://acs.example/v1/objects/document/content/video"
CHUNK = "recordings/2026/03/02/call/recording/0-document.mp4"


def input(*, may_refuse: bool) -> ExportInput:
    return ExportInput(
        resource="default",
        archive="main",
        server_call_id="call-1",
        call_id="c1",
        recording_id="recording-1",
        recorded_on=NOON,
        recording_format_type=FormatType.MP4,
        chunk=RecordingChunk(document_id="document", content_location=CONTENT),
        expires_at=NOON + timedelta(hours=48),
        may_refuse=may_refuse,
    )


def after(noted: ExportProgress) -> ActivityEnvironment:
    """An attempt at noon, with two days to go; the attempt before has noted this."""
    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        started_time=NOON,
        scheduled_time=NOON,
        schedule_to_close_timeout=timedelta(hours=48),
        heartbeat_details=[noted.model_dump(mode="json")],
    )
    return environment


def denied_by(owner: Any) -> Callable[[str], Any]:
    """A client or an archive that answers 404."""

    def deny(_: str) -> Any:
        raise ContentMissing("404", owner=owner, status=404)

    return deny


def that_denies_all(name: str) -> Any:
    """An archive whose container is gone."""
    denied = denied_by("archive")
    return SimpleNamespace(name=name, stat=denied, recover=denied)


def refused(
    noted: ExportProgress, archive_of: Callable[[str], Any], *, may_refuse: bool = False
) -> ApplicationError:
    media = SimpleNamespace(reader=lambda: denied_by("service")(""))
    client = SimpleNamespace(ranged_content=lambda _: media)
    export = ExportActivities(lambda _: client, archive_of)  # type: ignore[arg-type,return-value]
    with pytest.raises(ApplicationError) as refusal:
        after(noted).run(export.export_chunk, input(may_refuse=may_refuse))
    return refusal.value


def test_what_the_service_denies_for_long_is_gone(tmp_path: Path) -> None:
    noted = ExportProgress(phase="waiting", missing_since=LONG_AGO)
    refusal = refused(noted, lambda name: DirectoryArchive(name, tmp_path))
    assert (refusal.type, refusal.non_retryable) == ("ContentGone", True)


def bare(folder: Path, asked: ExportInput) -> DirectoryArchive:
    """An archive that was set back to a backup without hidden files."""
    archive = DirectoryArchive(asked.archive, folder)
    make_identity(archive, None, NOON)
    name = object_name(asked, FormatType.MP4)
    put_bytes(archive, name, b"sound", content_type="video/mp4", metadata={"document_id": "d"})
    sidecar_path(Path(archive.location(name))).unlink()
    return archive


def exported_bare(archive: DirectoryArchive, asked: ExportInput, noted: ExportProgress) -> Any:
    media = SimpleNamespace(reader=lambda: denied_by("service")(""))
    client = SimpleNamespace(ranged_content=lambda _: media, read_metadata=denied_by("service"))
    export = ExportActivities(lambda _: client, lambda _: archive)  # type: ignore[arg-type,return-value]
    return after(noted).run(export.export_chunk, asked)


@pytest.mark.parametrize("is_last_look", [False, True])
def test_what_lies_in_the_archive_without_its_properties_is_taken_once_the_service_has_it_no_more(
    tmp_path: Path, is_last_look: bool
) -> None:
    """A backup of a directory had the file and not the hidden one beside it: it counted as lost."""
    told = input(may_refuse=False).chunk.model_copy(update={"metadata_location": CONTENT})
    facts = {"chunk": told, "is_archived_alone": is_last_look}
    asked = input(may_refuse=False).model_copy(update=facts)
    missing_since = None if is_last_look else LONG_AGO
    noted = ExportProgress(phase="waiting", missing_since=missing_since)
    found = exported_bare(bare(tmp_path, asked), asked, noted)
    assert found.sha256 == hashlib.sha256(b"sound").hexdigest()
    assert "without its properties" in found.metadata_problem
    assert "its metadata file is not archived" in found.metadata_problem


def test_what_lies_there_without_its_properties_waits_for_what_the_service_may_still_have(
    tmp_path: Path,
) -> None:
    asked = input(may_refuse=False)
    with pytest.raises(ApplicationError) as refusal:
        exported_bare(bare(tmp_path, asked), asked, ExportProgress(phase="waiting"))
    assert (refusal.value.type, refusal.value.non_retryable) == ("ContentMissing", False)


def test_what_an_archive_does_not_hold_is_not_gone() -> None:
    noted = ExportProgress(phase="waiting", missing_since=LONG_AGO)
    refusal = refused(noted, that_denies_all)
    assert (refusal.type, refusal.non_retryable) == ("ContentMissing", False)


def test_an_archive_that_denies_for_long_is_given_up_where_there_is_another() -> None:
    noted = ExportProgress(phase="waiting", refused_since=LONG_AGO)
    refusal = refused(noted, that_denies_all, may_refuse=True)
    assert refusal.type == ARCHIVE_REFUSED


def told(
    tmp_path: Path, content: bytes, noted: ExportProgress = VERIFIED
) -> tuple[Archived, bytes]:
    archive = DirectoryArchive("main", tmp_path)
    found = after(noted).run(export_metadata, lambda: content, archive, CHUNK, lambda: NOON)
    return found, b"".join(archive.read(metadata_object_name(CHUNK)))


def test_a_pause_of_unknown_length_is_said_to_be_left_out(tmp_path: Path) -> None:
    content = b'{"pauseResumeIntervals":[{"startTime":"2026-03-02T12:00:00Z"}]}'
    found, kept = told(tmp_path, content)
    assert kept == content
    assert "how long 1 of its pauses" in found.problem


def test_what_is_noted_of_metadata_is_bounded(tmp_path: Path) -> None:
    pause = b'{"startTime":"never"}'
    content = b'{"pauseResumeIntervals":[%b]}' % b",".join([pause] * 1_000)
    found, _ = told(tmp_path, content, ExportProgress(phase="waiting", no_metadata_since=LONG_AGO))
    assert 0 < len(found.problem) <= MAX_TEXT


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'\xef\xbb\xbf{"chunkDuration":5000,"version":"\\ud83d"}\0\0\0', ""),
        (b'{"chunkDuration":5000,"participants":["Ana"]}', "participants (1 of 1)"),
        (
            b'{"chunkDuration":5000,"pauseResumeIntervals":[{"duration":1}]}',
            "0.startTime",
        ),
        (b'{"chunkDuration":5000,"chunkStartTime":"unknown"}', "chunkStartTime"),
    ],
)
def test_d5_one_odd_field_costs_neither_time_nor_the_other_facts(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    """At the first attempt: no other one is asked for."""
    found, kept = told(tmp_path, content)
    assert kept == content
    assert found.facts.chunk_duration == 5000
    assert problem in found.problem
    assert bool(found.problem) is bool(problem)


def test_metadata_that_is_archived_already_is_not_asked_for_again(tmp_path: Path) -> None:
    told(tmp_path, b'{"chunkDuration":5000}')
    archive = DirectoryArchive("main", tmp_path)
    found = after(VERIFIED).run(
        export_metadata, lambda: denied_by("service")(""), archive, CHUNK, lambda: NOON
    )
    assert found.facts.chunk_duration == 5000


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Unavailable("away"), MAX_WAIT),
        (Throttled("busy", retry_after=timedelta(minutes=4)), timedelta(minutes=4)),
        (ContentMissing("404"), MAX_WAIT),
        (BrokenContent("a page came in place of the file"), MAX_WAIT),
        (UrlNotAllowed("a foreign host"), PERMANENT_RETRY_INTERVAL),
    ],
)
def test_metadata_is_waited_for_as_long_as_another_attempt_has_time(
    tmp_path: Path, error: CallvaultError, wait: timedelta
) -> None:
    took = timedelta(seconds=20)
    least = took + wait + took + MARGIN

    def fail() -> bytes:
        raise error

    def attempt(time: timedelta) -> Archived:
        environment = after(VERIFIED)
        environment.info = replace(environment.info, schedule_to_close_timeout=time)
        archive = DirectoryArchive("main", tmp_path)
        found: Archived = environment.run(
            export_metadata, fail, archive, CHUNK, lambda: NOON + took
        )
        return found

    assert attempt(least).problem == f"its metadata file is not archived: {error}"
    with pytest.raises(CallvaultError):
        attempt(least + timedelta(seconds=1))


def test_a_metadata_file_without_end_in_own_storage_is_not_read_whole(tmp_path: Path) -> None:
    """It was read into memory, whatever its size; the archive of the copy is not to blame."""
    own = DirectoryArchive("own", tmp_path)
    name = "20260302/call/0-acsmetadata.document.json"
    path = Path(own.location(name))
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    read = reader_of(own, name)
    assert read
    with pytest.raises(BrokenContent, match=f"more than {MAX_METADATA} bytes") as caught:
        read()
    assert caught.value.owner == "service"
    assert reader_of(own, None) is None


@pytest.mark.parametrize("may_wait", [True, False])
def test_an_empty_metadata_file_is_done_without_in_the_end(tmp_path: Path, may_wait: bool) -> None:
    """It kept its chunk from being told as archived; at last it was told as lost."""
    archive = DirectoryArchive("main", tmp_path)

    def attempt(noted: ExportProgress) -> Archived:
        found: Archived = after(noted).run(
            partial(export_metadata, may_wait=may_wait), lambda: b"", archive, CHUNK, lambda: NOON
        )
        return found

    if may_wait:
        with pytest.raises(Unavailable):
            attempt(VERIFIED)
    found = attempt(ExportProgress(phase="waiting", no_metadata_since=LONG_AGO))
    assert found == Archived(problem="its metadata file is not archived: it is empty")
    assert list(archive.names()) == []


def test_an_archived_metadata_file_without_end_is_said_to_be_changed(tmp_path: Path) -> None:
    archive = DirectoryArchive("main", tmp_path)
    path = Path(archive.location(metadata_object_name(CHUNK)))
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    found = export_metadata(lambda: b"{}", archive, CHUNK, lambda: NOON)
    assert found.is_unreadable
    assert "it was changed" in found.problem
