"""The servers, gateways and scenes of other folders' tests, which the fuzz uses as they are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from callvault.gateway import erasures_api
from tests.gateway.conftest import (
    Gateway,
    GatewayOf,
    call,
    gateway,
    gateway_of,
    temporal,
    temporal_away,
)
from tests.gateway.issuer import AUDIENCE, Issuer, issuing
from tests.ingest.conftest import (
    container,
    intake_of,
    known,
    queue_name,
    storage,
    storage_secret,
)
from tests.workflows.conftest import skipping, world

__all__ = [
    "call",
    "container",
    "gateway",
    "gateway_of",
    "intake_of",
    "known",
    "queue_name",
    "skipping",
    "storage",
    "storage_secret",
    "temporal",
    "temporal_away",
    "world",
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def named(gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Return a gateway with a key for all that is asked about people."""
    monkeypatch.setenv("ANNA", "anna-key")
    monkeypatch.setattr(erasures_api, "PLAN_WAIT", timedelta(milliseconds=20))
    keys = {"anna": {"secret": "env:ANNA", "roles": ["privacy", "hold", "erase"]}}
    return gateway_of(temporal, keys=keys, rate_limit="none")


@pytest.fixture
def guarded(gateway_of: GatewayOf, temporal: Client, issuer: Issuer) -> Gateway:
    """Return a gateway that takes callbacks with the issuer's tokens."""
    signed_by = {"issuer": issuer.issuer, "configuration_url": issuer.url}
    return gateway_of(temporal, callbacks=signed_by, callback_audience=AUDIENCE, rate_limit="none")
