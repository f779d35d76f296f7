"""A whole Callvault with unmistakable secrets, and all of its output."""

import base64
import os
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from azure.storage.blob import ContainerClient
from temporalio.client import Client

from callvault.archive.manifests.keys import Signer
from callvault.codec.payload_key import is_sealed
from callvault.local.azurite import Azurite, start_azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT
from callvault.local.temporal import TemporalServer, start_temporal
from tests.codec.payloads import payloads_in

CONTAINER = "seeded"
BROKEN_TOPIC = "/subscriptions/5/providers/Microsoft.Communication/CommunicationServices/broken"

SETTINGS = """
[resources.default]
endpoint = "{endpoint}"
topic = "{topic}"
archive = "main"
credential.connection_string = "env:SEED_ACS"
callback_audience = "5f1c5ab0-95d1-4bd0-a5e5-5d3a4b4e7f10"

[resources.broken]
endpoint = "{endpoint}"
topic = "{broken_topic}"
archive = "refusing"
credential.access_key = "env:SEED_WRONG_KEY"

[archives.main]
kind = "azure_blob"
container = "{container}"
sas_url = "env:SEED_SAS_URL"
signing_key = "env:SEED_SIGNING_KEY"

[archives.refusing]
kind = "azure_blob"
container = "{container}"
connection_string = "env:SEED_REFUSED"

[gateway]
port = 0
quarantine = {{ kind = "directory", path = "{home}/quarantine" }}
event_secrets = ["env:SEED_EVENT_SECRET"]
keys.operator = {{ secret = "env:SEED_DECODE_KEY", roles = ["decode"] }}
keys.backend = {{ secret = "env:SEED_API_KEY", roles = ["control", "read"] }}
callbacks.configuration_url = "http://127.0.0.1:9"

[alarms]
webhook_url = "env:SEED_WEBHOOK_URL"
webhook_secret = "env:SEED_WEBHOOK_SECRET"

[encryption]
keys = ["env:SEED_PAYLOAD_KEY"]

[log]
level = "debug"
"""


@dataclass
class Seeds:
    """Secrets and personal data that no output may contain, by name."""

    values: dict[str, str] = field(default_factory=dict)

    def plant(self, what: str, value: str | None = None) -> str:
        """Make a secret, or register an existing one; return it."""
        self.values[what] = value or f"SEED{secrets.token_hex(16)}"
        return self.values[what]

    def found_in(self, text: str) -> list[str]:
        return [what for what, value in self.values.items() if value in text]


@dataclass
class Seeded:
    """The running processes, and the values planted in their settings."""

    supervisor: Supervisor
    home: Path
    temporal: TemporalServer
    azurite: Azurite
    control: str
    """Of the emulator."""
    endpoint: str
    gateway: str
    environment: Mapping[str, str]
    seeds: Seeds
    people: Seeds = field(default_factory=Seeds)
    """What tells of people and their files, which those see who have the key, or a role."""
    answers: list[str] = field(default_factory=list)
    """Complete answers of the gateway, heads and bodies."""

    async def asks(
        self, http: httpx.AsyncClient, method: str, path: str, **options: Any
    ) -> httpx.Response:
        """Send a request to the gateway, and record the answer."""
        answer = await http.request(method, self.gateway + path, **options)
        self.answers.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    def ends(self) -> None:
        """Stop gateway and worker, and wait for their last output."""
        for each in self.supervisor.processes:
            if each.name in ("gateway", "worker"):
                each.stop()

    def logs(self) -> dict[str, str]:
        """Read the logs by process, without Azurite and the emulator, which prints its key."""
        ours = [
            each for each in self.supervisor.processes if each.name not in ("emulator", "azurite")
        ]
        return {f"log of {each.name}": each.log.read_text(errors="replace") for each in ours}

    def quarantine_heads(self) -> str:
        kept = sorted((self.home / "quarantine").iterdir())
        return "\n".join(file.read_bytes().partition(b"\n")[0].decode() for file in kept)

    def manifests(self) -> dict[str, str]:
        with ContainerClient.from_connection_string(
            self.azurite.connection_string, CONTAINER
        ) as container:
            names = [blob.name for blob in container.list_blobs() if blob.name.endswith(".json")]
            # The service's own metadata file names the participants, and is kept as it came.
            ours = [name for name in names if not name.endswith(".metadata.json")]
            return {name: container.download_blob(name).readall().decode() for name in ours}


def start(supervisor: Supervisor, home: Path, webhook_url: str, seeds: Seeds) -> Seeded:
    """Start every part, each with secrets of its own."""
    emulating = supervisor.start("emulator", [*CALLVAULT, "emulator", "--port", "0"])
    temporal = start_temporal(supervisor, ui=False)
    azurite = start_azurite(supervisor)
    acs = emulating.wait_for(lambda: emulating.announcement("connectionString"))
    environment = _environment(home, acs, temporal, azurite, webhook_url, seeds)
    # The key is exchanged for a wrong one only after the archive was made.
    rightly = environment | {"SEED_REFUSED": azurite.connection_string}
    supervisor.run("setup", [*CALLVAULT, "setup"], environment=rightly)
    gateway, worker = (
        supervisor.start(role, [*CALLVAULT, role], environment=environment)
        for role in ("gateway", "worker")
    )
    endpoint = gateway.wait_for(lambda: gateway.announcement("endpoint"))["endpoint"]
    worker.wait_for(lambda: worker.announcement("ready"))
    _subscribe(emulating, acs["control"], f"{endpoint}/v1/events", seeds.values["event secret"])
    return Seeded(
        supervisor,
        home,
        temporal,
        azurite,
        acs["control"],
        acs["endpoint"],
        endpoint,
        environment,
        seeds,
    )


def _environment(
    home: Path,
    acs: dict[str, Any],
    temporal: TemporalServer,
    azurite: Azurite,
    webhook_url: str,
    seeds: Seeds,
) -> dict[str, str]:
    settings = home / "callvault.toml"
    known = {"endpoint": acs["endpoint"], "topic": acs["topic"], "broken_topic": BROKEN_TOPIC}
    settings.write_text(SETTINGS.format(home=home, container=CONTAINER, **known))
    ours = ("CALLVAULT_", "TEMPORAL_", "OTEL_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        **_secrets(acs, azurite, webhook_url, seeds),
        "CALLVAULT_CONFIG": str(settings),
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": temporal.namespace,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        # Spans go to standard error, and so into the logs that are searched.
        "OTEL_TRACES_EXPORTER": "console",
    }


def _secrets(
    acs: dict[str, Any], azurite: Azurite, webhook_url: str, seeds: Seeds
) -> dict[str, str]:
    seeds.plant("access key", acs["connectionString"].partition("accesskey=")[2])
    pem = Signer.generate().pem().decode()
    seeds.plant("signing key", pem.splitlines()[1])
    sas = azurite.new_container(CONTAINER).partition("?")[2]
    signature = re.search(r"sig=([^&]+)", sas)
    assert signature
    seeds.plant("SAS", signature[1])
    seeds.plant("SAS, decoded", unquote(signature[1]))
    wrong = base64.b64encode(seeds.plant("wrong storage key").encode()).decode()
    seeds.plant("wrong storage key in base64", wrong)
    wrong_acs = base64.b64encode(b"wrong ACS key" + secrets.token_bytes(16)).decode()
    webhook_key = base64.b64encode(secrets.token_bytes(24)).decode()
    payload_key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "SEED_ACS": acs["connectionString"],
        "SEED_WRONG_KEY": seeds.plant("wrong access key", wrong_acs),
        "SEED_SAS_URL": f"{azurite.blob_endpoint}/{CONTAINER}?{sas}",
        "SEED_SIGNING_KEY": pem,
        "SEED_REFUSED": azurite.connection_string.replace(azurite.account_key, wrong),
        "SEED_PAYLOAD_KEY": seeds.plant("key of payloads", payload_key),
        "SEED_EVENT_SECRET": seeds.plant("event secret"),
        "SEED_DECODE_KEY": seeds.plant("key of an operator"),
        "SEED_API_KEY": seeds.plant("API key"),
        "SEED_WEBHOOK_URL": f"{webhook_url}/hook?token={seeds.plant('webhook token')}",
        "SEED_WEBHOOK_SECRET": f"whsec_{seeds.plant('webhook secret', webhook_key)}",
    }


def _subscribe(emulating: Process, control: str, webhook: str, secret: str) -> None:
    url = f"{webhook}?code={secret}"
    with httpx.Client(base_url=control, trust_env=False) as http:
        http.post("/subscriptions", json={"endpoint": url}).raise_for_status()

        def is_active() -> bool | None:
            (known,) = http.get("/subscriptions").json()["subscriptions"]
            return known["state"] == "active" or None

        emulating.wait_for(is_active)


async def kept_by_temporal(client: Client) -> AsyncIterator[tuple[str, str]]:
    """Return every workflow as it is listed, described and told by its history, as it is kept.

    Payloads are encrypted; what they were in plain text is in `histories`.
    """
    async for found in client.list_workflows():
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        told = [found.raw_info, (await handle.describe()).raw_description]
        told += (await handle.fetch_history()).events
        payloads = [each for message in told for each in payloads_in(message)]
        plain = "".join(each.data.decode(errors="replace") for each in payloads)
        yield f"what Temporal keeps of {found.id}", "".join(map(str, told)) + plain


async def histories(client: Client) -> AsyncIterator[tuple[str, str]]:
    """Return every workflow's history, with the payloads decrypted."""
    codec = client.data_converter.payload_codec
    assert codec
    async for found in client.list_workflows():
        events = (await client.get_workflow_handle(found.id).fetch_history()).events
        payloads = [each for event in events for each in payloads_in(event)]
        decrypted = await codec.decode(payloads)
        text = "\n".join(each.data.decode(errors="replace") for each in decrypted)
        assert payloads, found.id
        assert not any(map(is_sealed, decrypted)), "all payloads were decrypted"
        yield f"history of {found.id}", text
