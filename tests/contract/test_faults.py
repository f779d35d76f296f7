"""The emulator's faults and variants, as the SDK's retries, redirects and errors meet them."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError

from tests.contract.addresses import on_microsofts_host
from tests.contract.client import Client, order
from tests.contract.sdks import Sdk
from tests.contract.test_recording_life import refusal
from tests.emulator.stage import Acs, StagedCall, request_log


class Faults:
    """Faults of the next requests, removed after the test."""

    def __init__(self, acs: Acs) -> None:
        self._acs = acs
        self._address = f"{acs.emulator.control}/faults"

    def script(self, kind: str, operation: str, **options: Any) -> None:
        rule = {"kind": kind, "operation": operation, **options}
        self._acs.http.post(self._address, json=rule).raise_for_status()

    def clear(self) -> None:
        self._acs.http.delete(self._address).raise_for_status()

    def answers(self, operation: str) -> list[int | None]:
        entries = request_log(self._acs, "request")
        return [entry["status"] for entry in entries if entry["operation"] == operation]


@pytest.fixture
def faults(emulator: Acs) -> Iterator[Faults]:
    faults = Faults(emulator)
    yield faults
    faults.clear()


@pytest.fixture
def behaviours(emulator: Acs) -> Iterator[Any]:
    """Changes behaviours of the emulator for one test."""
    address = f"{emulator.emulator.control}/behaviours"
    usual = emulator.http.get(address).json()
    yield lambda **changes: emulator.http.post(address, json=changes).raise_for_status()
    emulator.http.post(address, json=usual).raise_for_status()


async def test_throttled_start_waits_as_told_and_records_once(
    client: Client, sdk: Sdk, call: StagedCall, faults: Faults
) -> None:
    faults.script("throttled", "start", retryAfter=1)
    began = time.monotonic()
    await client.start(server_call_id=call.server_call_id, **order(sdk))
    assert time.monotonic() - began >= 1
    assert faults.answers("start")[-2:] == [429, 200]
    assert len(call.truth()["recordings"]) == 1


async def test_start_that_took_effect_before_its_error_is_not_started_twice(
    client: Client, sdk: Sdk, call: StagedCall, faults: Faults
) -> None:
    """The SDK's retries repeat the Repeatability-Request-ID."""
    faults.script("unavailable", "start", takesEffect=True, retryAfter=0)
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    assert faults.answers("start")[-2:] == [503, 200]
    (recording,) = call.truth()["recordings"]
    assert recording["recordingId"] == started.recording_id


@pytest.mark.parametrize("code", ["8571", "8573"])
async def test_conflict_is_raised_at_once(
    client: Client, sdk: Sdk, call: StagedCall, faults: Faults, code: str
) -> None:
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    faults.script(f"conflict_{code}", "pause")
    with pytest.raises(ResourceExistsError) as raised:
        await client.pause(started.recording_id)
    assert raised.value.error is not None
    assert raised.value.error.code == code


async def test_pause_without_effect_looks_like_one(
    client: Client, sdk: Sdk, call: StagedCall, faults: Faults
) -> None:
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    call.lasts(1)
    faults.script("pause_not_effective", "pause")
    await client.pause(started.recording_id)
    assert (await client.state(started.recording_id)).recording_state == "active"


async def test_html_instead_of_an_error_has_no_code(
    client: Client, faults: Faults, recorded: dict[str, Any]
) -> None:
    faults.script("html_400", "download")
    with pytest.raises(HttpResponseError) as raised:
        await client.read(on_microsofts_host(recorded["contentLocation"]))
    assert (raised.value.status_code, raised.value.error) == (400, None)


async def test_empty_first_download_is_no_error_to_the_sdk(
    client: Client, faults: Faults, recorded: dict[str, Any]
) -> None:
    """Known of the service (#33415): a download must be compared with its announced size."""
    location = on_microsofts_host(recorded["contentLocation"])
    faults.script("zero_bytes_first", "download")
    assert await client.read(location) == b""
    assert len(await client.read(location)) == recorded["size"]


async def test_download_is_repeated_while_the_service_is_away(
    client: Client, faults: Faults, recorded: dict[str, Any]
) -> None:
    faults.script("unavailable", "download", retryAfter=0)
    content = await client.read(on_microsofts_host(recorded["contentLocation"]))
    assert hashlib.sha256(content).hexdigest() == recorded["sha256"]


async def test_accepted_start_is_a_start(
    client: Client, sdk: Sdk, call: StagedCall, behaviours: Any
) -> None:
    behaviours(start="202")
    start = client.start(server_call_id=call.server_call_id, **order(sdk))
    if not sdk.knows_accepted_starts:
        assert await refusal(start) == (202, None)
        return
    started = await start
    call.lasts(1)
    assert (await client.state(started.recording_id)).recording_state == "active"


async def test_redirect_to_another_host_loses_the_signature(
    client: Client, recorded: dict[str, Any], behaviours: Any
) -> None:
    """azure-core takes the Authorization away when the host changes, after it was signed anew."""
    behaviours(content_redirect=True)
    with pytest.raises(ClientAuthenticationError):
        await client.read(on_microsofts_host(recorded["contentLocation"]))


async def test_resuming_what_runs_may_be_refused(
    client: Client, sdk: Sdk, call: StagedCall, behaviours: Any
) -> None:
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    call.lasts(1)
    await client.resume(started.recording_id)
    behaviours(resume_active="400")
    assert await refusal(client.resume(started.recording_id)) == (400, "8573")
