"""Are events CloudEvents that Standard Webhooks verify, and sent nowhere but to their receiver?"""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from cloudevents.http import from_http
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.recording_events import RecordingEventActivities, recording_event
from callvault.config.settings import Settings
from callvault.contracts.recording_events import (
    EventDelivery,
    EventKind,
    RecordingCloudEvent,
    RecordingEvent,
)
from callvault.contracts.states import RecordingState
from workers.clients import Connections

from .test_webhooks import Receiver, receiver  # noqa: F401 (a fixture)

OLD = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk"
NEW = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3"
EVENT = RecordingEvent(
    id="recording-1/archived/5f1c0a52d8b64c1b",
    kind=EventKind.ARCHIVED,
    at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    sequence="20260302T120000.000000Z",
    resource="default",
    server_call_id="call-1",
    workflow_id="recording-1",
    recording=1,
    recording_id="r1",
    origin="requested",
    state=RecordingState.ARCHIVED,
    is_final=True,
)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Return a file with the secret that is in use."""
    (tmp_path / "secret").write_text(OLD)
    return tmp_path / "secret"


class Deliverer:
    """A worker's activity with the settings of one resource."""

    def __init__(self, **resource: Any) -> None:
        own = {
            "endpoint": "https://contoso.communication.azure.com",
            "credential": {"entra": True},
            **resource,
        }
        archives = {"main": {"kind": "directory", "path": "/archive"}}
        settings = Settings.model_validate({"resources": {"default": own}, "archives": archives})
        self.connections = Connections(settings)

    def delivers(self, url: str | None = None) -> None:
        activities = RecordingEventActivities(self.connections.event_webhook)
        delivery = EventDelivery(event=EVENT, url=url, within=timedelta(days=1))
        ActivityEnvironment().run(activities.deliver_event, delivery)


@pytest.fixture
def webhook(
    receiver: Receiver,  # noqa: F811
    secrets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deliverer]:
    monkeypatch.setenv("HOOK", receiver.url)
    monkeypatch.setenv("NEXT", NEW)
    references = [f"file:{secrets}", "env:NEXT"]
    origin = receiver.url.partition("/hook")[0]
    deliverer = Deliverer(
        webhook_url="env:HOOK",
        webhook_secrets=references,
        webhook_allowed_urls=[f"{origin}/allowed"],
    )
    with closing(deliverer.connections):
        yield deliverer


def test_an_event_is_a_cloud_event_that_each_of_the_secrets_verifies(
    receiver: Receiver,  # noqa: F811
    webhook: Deliverer,
) -> None:
    webhook.delivers()
    headers, body = receiver.got[0]
    for secret in (OLD, NEW):
        assert standardwebhooks.Webhook(secret).verify(body, headers) == json.loads(body)
    event = from_http({name.lower(): value for name, value in headers.items()}, body)
    assert event["type"] == "callvault.recording.archived"
    assert (event["id"], event["sequence"]) == (EVENT.id, EVENT.sequence)
    assert event["source"] == "callvault/default"
    assert headers["webhook-id"] == EVENT.id
    assert RecordingEvent.model_validate(event.data) == EVENT


def test_a_body_that_was_changed_or_a_secret_that_is_another_does_not_verify(
    receiver: Receiver,  # noqa: F811
    webhook: Deliverer,
) -> None:
    webhook.delivers()
    headers, body = receiver.got[0]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD).verify(body + b" ", headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook("whsec_" + "YW5v" * 8).verify(body, headers)


def test_a_secret_that_is_replaced_signs_the_next_event(
    receiver: Receiver,  # noqa: F811
    webhook: Deliverer,
    secrets: Path,
) -> None:
    webhook.delivers()
    another = "whsec_" + "YW5v" * 8
    secrets.write_text(another)
    webhook.delivers()
    headers, body = receiver.got[1]
    standardwebhooks.Webhook(another).verify(body, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD).verify(body, headers)


def test_what_is_sent_has_the_shape_that_the_contract_tells() -> None:
    written = recording_event(EVENT)
    assert RecordingCloudEvent.model_validate(written).model_dump(mode="json").keys() == (
        written.keys()
    )


@pytest.mark.parametrize("answer", [301, 302, 307, 308, 400, 404, 410, 401, 429, 500, 503])
def test_whatever_is_no_2xx_is_tried_again_and_the_address_is_not_told(
    receiver: Receiver,  # noqa: F811
    webhook: Deliverer,
    answer: int,
) -> None:
    receiver.answer = answer
    with pytest.raises(ApplicationError, match=f"event webhook answered {answer}") as said:
        webhook.delivers()
    assert not said.value.non_retryable
    assert "token" not in str(said.value)
    assert len(receiver.got) == 1, "a redirect is not followed"


def test_a_url_of_a_request_gets_it_only_as_long_as_it_is_allowed(
    receiver: Receiver,  # noqa: F811
    webhook: Deliverer,
) -> None:
    origin = receiver.url.partition("/hook")[0]
    webhook.delivers(f"{origin}/allowed/calls/7")
    assert len(receiver.got) == 1
    with pytest.raises(ApplicationError, match="no such webhook on this worker") as said:
        webhook.delivers(f"{origin}/elsewhere")
    assert not said.value.non_retryable, "the setting may come back"
    assert len(receiver.got) == 1


def test_a_webhook_that_the_settings_do_not_name_any_more_gets_nothing() -> None:
    with pytest.raises(ApplicationError, match="configure all workers alike"):
        Deliverer().delivers()
