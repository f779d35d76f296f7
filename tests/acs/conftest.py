from collections.abc import Iterator

import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from tests.acs.service import KEY_TEXT, Service, serving


@pytest.fixture
def acs() -> Iterator[Service]:
    """The ACS resource itself."""
    with serving() as service:
        yield service


@pytest.fixture
def media() -> Iterator[Service]:
    """A media host that the client may call."""
    with serving() as service:
        yield service


@pytest.fixture
def stranger() -> Iterator[Service]:
    """A host that must not receive credentials."""
    with serving() as service:
        yield service


@pytest.fixture
def client(acs: Service, media: Service) -> Iterator[AcsClient]:
    with AcsClient(acs.url, AccessKey(KEY_TEXT), content_hosts=[media.host]) as client:
        yield client
