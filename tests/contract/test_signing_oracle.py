"""Microsoft's HMAC policy as oracle: it, our client's signer and the emulator's verifier agree."""

import base64
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from callvault.acs.signing import signed_headers
from callvault.emulator.errors import ServiceError
from callvault.emulator.http.signing import SignedRequest, authenticate
from tests.contract.sdks import VERSIONS, importable

SIGNED = ("x-ms-date", "x-ms-content-sha256", "Authorization")

keys = st.binary(min_size=1, max_size=64)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
hosts = st.from_regex(
    r"[a-z][a-z0-9-]{0,20}\.communication\.azure\.com(:[1-9][0-9]{0,4})?", fullmatch=True
)
segments = st.lists(
    st.text(min_size=1, max_size=20).map(lambda text: quote(text, safe=":")), max_size=4
)
queries = st.dictionaries(
    st.text(string.ascii_letters + "-", min_size=1, max_size=12), st.text(max_size=12), max_size=3
).map(urlencode)
targets = st.tuples(segments, queries).map(
    lambda parts: "/" + "/".join(parts[0]) + (f"?{parts[1]}" if parts[1] else "")
)
methods = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH"])
bodies = st.text(max_size=200)


class Clock:
    """Stands where the policy's module has ``datetime``, and stands still."""

    def __init__(self) -> None:
        self.moment = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self, tz: Any = None) -> datetime:
        return self.moment


class Oracle:
    def __init__(self, policy: ModuleType, clock: Clock) -> None:
        self._policy = policy.HMACCredentialsPolicy
        self._clock = clock

    def headers(
        self, key: bytes, method: str, target: str, host: str, body: str, at: datetime
    ) -> dict[str, str]:
        self._clock.moment = at
        request = HttpRequest(method, f"https://{host}{target}", content=body or None)
        policy = self._policy(f"https://{host}", base64.b64encode(key).decode())
        policy.on_request(PipelineRequest(request, PipelineContext(None)))
        return {name: request.headers[name] for name in SIGNED}


@pytest.fixture(scope="module", params=VERSIONS)
def oracle(request: pytest.FixtureRequest) -> Iterator[Oracle]:
    clock = Clock()
    with importable(request.param, "azure.communication"), pytest.MonkeyPatch.context() as patch:
        from azure.communication.callautomation._shared import policy, utils

        patch.setattr(utils, "datetime", clock)
        yield Oracle(policy, clock)


@settings(max_examples=150, deadline=None)
@given(key=keys, method=methods, target=targets, host=hosts, body=bodies, at=moments)
def test_our_client_signs_as_the_official_policy_does(
    oracle: Oracle, key: bytes, method: str, target: str, host: str, body: str, at: datetime
) -> None:
    ours = signed_headers(key, method=method, target=target, host=host, body=body.encode(), at=at)
    assert ours == oracle.headers(key, method, target, host, body, at)


@settings(max_examples=150, deadline=None)
@given(key=keys, method=methods, target=targets, host=hosts, body=bodies, at=moments)
def test_emulator_accepts_what_the_official_policy_signs_and_nothing_else(
    oracle: Oracle, key: bytes, method: str, target: str, host: str, body: str, at: datetime
) -> None:
    signed = oracle.headers(key, method, target, host, body, at)
    headers = {name.lower(): value for name, value in signed.items()} | {"host": host}
    request = SignedRequest(method, target, headers, body.encode())
    accepted = base64.b64encode(key).decode()
    authenticate(request, (accepted,), (), at)
    other = base64.b64encode(key + b"?").decode()
    with pytest.raises(ServiceError):
        authenticate(request, (other,), (), at)
