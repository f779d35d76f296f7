"""Is nothing copied, and nothing had written by ACS, into an archive of another region?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.control import ControlActivities
from activities.export import ARCHIVE_REFUSED, ExportActivities
from callvault.contracts.activity_io import ExportInput, ExportProgress, StartInput
from callvault.contracts.base import Unreadable
from callvault.contracts.events import RecordingChunk
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.errors import ConfigurationError
from tests.policies import a_policy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def nothing(_: str) -> Any:
    raise AssertionError("no client and no archive is to be asked")


def refuse(resource: str, archive: str) -> None:
    assert (resource, archive) == ("bank", "asia")
    raise ConfigurationError("archive asia lies in Asia", owner="archive")


def exported(noted: list[Any], *, may_refuse: bool = False) -> ApplicationError:
    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        started_time=NOON,
        scheduled_time=NOON,
        schedule_to_close_timeout=timedelta(hours=48),
        heartbeat_details=noted,
    )
    asked = ExportInput(
        resource="bank",
        archive="asia",
        server_call_id="call-1",
        recorded_on=NOON,
        recording_format_type=FormatType.MP4,
        chunk=RecordingChunk(document_id="document"),
        expires_at=NOON + timedelta(hours=48),
        may_refuse=may_refuse,
    )
    export = ExportActivities(nothing, nothing, refuse_other_region=refuse)
    with pytest.raises(ApplicationError) as refused:
        environment.run(export.export_chunk, asked)
    return refused.value


def test_nothing_is_copied_into_an_archive_of_another_region() -> None:
    refused = exported([])
    assert (refused.type, refused.non_retryable) == ("ConfigurationError", False)
    assert "archive asia lies in Asia (fault: archive, cause: settings)" in refused.message


def test_a_recording_goes_to_its_fallback_archive_instead() -> None:
    long_ago = ExportProgress(phase="waiting", refused_since=NOON - timedelta(days=1))
    noted = [long_ago.model_dump(mode="json")]
    assert exported(noted, may_refuse=True).type == ARCHIVE_REFUSED


def test_acs_is_not_asked_to_write_into_another_region() -> None:
    acs: Any = SimpleNamespace(start=nothing)
    control = ControlActivities(
        lambda _: acs, lambda _: a_policy(), nothing, refuse_other_region=refuse
    )
    asked = StartInput(
        resource="bank",
        server_call_id="call-1",
        recording_content_type=ContentType.AUDIO,
        recording_channel_type=ChannelType.MIXED,
        recording_format_type=FormatType.MP3,
        pause_on_start=False,
        repeatability_request_id="1",
        repeatability_first_sent=NOON,
        own_storage="asia",
    )
    with pytest.raises(ApplicationError, match="asia lies in Asia"):
        ActivityEnvironment().run(control.start_recording, asked)


def test_a_note_that_nobody_can_read_fails_no_attempt() -> None:
    """A heartbeat that was changed, or encrypted with a key that is lost."""
    refused = exported([Unreadable("it is encrypted")], may_refuse=True)
    assert refused.type == "ConfigurationError"
