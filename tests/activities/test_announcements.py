"""Is a recording announced to its resource's webhook, signed, and only a 2xx answer good enough?"""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import httpx
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.announcements import AnnouncementActivities
from activities.webhooks import Webhook
from callvault.contracts.activity_io import AnnouncementOrder

from .test_alerts import KEY, Receiver, receiver  # noqa: F401 (a fixture)

ORDER = AnnouncementOrder(
    id="recording-1/announcement/1",
    resource="default",
    server_call_id="call-1",
    workflow_id="recording-1",
    recording=1,
    requested_by="crm",
    consent_policy="all_parties",
    within=timedelta(seconds=5),
)


def announce(url: str | None) -> None:
    webhook = None
    if url is not None:
        http = httpx.Client(trust_env=False)
        webhook = Webhook(lambda: url, lambda: KEY, http, what="announcement")
    activities = AnnouncementActivities({"default": webhook}.get)
    ActivityEnvironment().run(activities.announce_recording, ORDER)


def test_it_arrives_as_a_cloud_event_that_its_signature_proves(
    receiver: Receiver,  # noqa: F811
) -> None:
    announce(receiver.url)
    headers, body = receiver.got[0]
    event = json.loads(body)
    assert (event["type"], event["id"]) == ("callvault.recording.announced", ORDER.id)
    assert event["data"]["serverCallId"] == "call-1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = hmac.new(b"a shared secret", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(proof).decode()}"


@pytest.mark.parametrize(("answer", "is_final"), [(404, True), (410, True), (503, False)])
def test_an_answer_that_is_not_2xx_is_no_leave_to_record(
    receiver: Receiver,  # noqa: F811
    answer: int,
    is_final: bool,
) -> None:
    receiver.answer = answer
    with pytest.raises(ApplicationError, match=f"announcement webhook answered {answer}") as said:
        announce(receiver.url)
    assert said.value.non_retryable is is_final
    assert "token" not in str(said.value)


def test_a_worker_that_knows_no_webhook_says_so_and_lets_nothing_begin() -> None:
    with pytest.raises(ApplicationError, match="no announcement_url on this worker") as said:
        announce(None)
    assert said.value.non_retryable
