"""The servers, gateways and scenes of other folders' tests, which the fuzz uses as they are."""

from collections.abc import Iterator

import pytest
from temporalio.client import Client

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
def guarded(gateway_of: GatewayOf, temporal: Client, issuer: Issuer) -> Gateway:
    """Return a gateway that takes callbacks with the issuer's tokens."""
    signed_by = {"issuer": issuer.issuer, "configuration_url": issuer.url}
    return gateway_of(temporal, callbacks=signed_by, callback_audience=AUDIENCE, rate_limit="none")
