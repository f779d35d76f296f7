"""Is a clock that Azure Storage refuses told by its name?"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.archive.stores.blob import BlobArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.causes import Cause
from callvault.config.storage import AzureBlobSettings
from callvault.errors import AccessDenied
from callvault.probes import probe_archive
from tests.acs.service import KEY_TEXT, Answer, Service, serving

REFUSED = b'<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>'


@pytest.fixture
def storage() -> Iterator[Service]:
    """Yield a storage account that refuses every request, as Azure does for 15 minutes."""
    with serving() as service:
        service.answers = [Answer(403, REFUSED, {"x-ms-error-code": "AuthenticationFailed"})]
        yield service


def connection_string(storage: Service) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName=vault;AccountKey={KEY_TEXT};"
        f"BlobEndpoint={storage.url}/vault"
    )


@pytest.mark.parametrize(
    ("ahead", "cause", "text"),
    [
        (20 * 60, Cause.CLOCK, "clock is 20 min ahead of the service's"),
        (-20 * 60, Cause.CLOCK, "clock is 20 min behind the service's"),
        (60, Cause.KEY, "renew the SAS or key"),
    ],
)
def test_a_request_that_is_refused_for_its_time_is_told_from_a_wrong_key(
    storage: Service, monkeypatch: pytest.MonkeyPatch, ahead: int, cause: Cause, text: str
) -> None:
    clock = "azure.storage.blob._shared.policies.time"
    monkeypatch.setattr(clock, lambda: time.time() + ahead)
    access = StorageAccess(connection_string=connection_string(storage))
    archive = BlobArchive.open("main", access, "recordings")
    with pytest.raises(AccessDenied, match=text) as caught:
        list(archive.names())
    assert caught.value.cause is cause
    archive.close()


def test_the_time_of_a_refusal_is_compared(storage: Service, monkeypatch: Any) -> None:
    monkeypatch.setenv("STORAGE", connection_string(storage))
    settings = AzureBlobSettings.model_validate(
        {"kind": "azure_blob", "container": "recordings", "connection_string": "env:STORAGE"}
    )
    answer = probe_archive("main", settings)
    assert answer.problem
    assert answer.time is not None
    assert abs(answer.time - datetime.now(UTC)) < timedelta(seconds=5)
