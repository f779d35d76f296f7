"""Is every secret that cannot be what it should be told by its name, and never repeated?"""

import base64
from pathlib import Path
from typing import Any

import pytest

from callvault.archive.manifests.keys import Signer
from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.secret_checks import refuse_unusable_signing_keys, secret_problems

GARBAGE = "hunter2 is garbage"

BASE64 = base64.b64encode(b"0123456789abcdef").decode()
STORAGE = f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={BASE64}"
URL = "https://a.blob.core.windows.net/box?sv=2024-11-04&sig=abc"

GOOD = {
    "acs": f"endpoint=https://a.communication.azure.com/;accesskey={BASE64}",
    "key": BASE64,
    "storage": STORAGE,
    "url": URL,
    "signing": Signer.generate().pem().decode(),
    "webhook": f"whsec_{BASE64}",
    "text": "anything",
}

PLACES = {
    "resources.one.credential.connection_string": "acs",
    "resources.one.announcement_secret": "webhook",
    "resources.two.credential.access_key": "key",
    "archives.main.connection_string": "storage",
    "archives.main.signing_key": "signing",
    "archives.other.sas_url": "url",
    "queues.main.connection_string": "storage",
    "queues.other.sas_url": "url",
    "dead_letters.main.connection_string": "storage",
    "dead_letters.other.sas_url": "url",
    "resources.one.webhook_secrets.0": "webhook",
    "resources.one.webhook_secrets.1": "webhook",
    "alarms.webhook_secret": "webhook",
    "gateway.quarantine.connection_string": "storage",
}
"""Every setting whose secret has a form, and which."""


def configured(folder: Path) -> Settings:
    for name, secret in GOOD.items():
        (folder / name).write_text(secret)
    ref = {name: f"file:{folder / name}" for name in GOOD}
    resource: dict[str, Any] = {"endpoint": "https://a.communication.azure.com", "archive": "main"}
    one = {
        **resource,
        "topic": "/a",
        "announcement_secret": ref["webhook"],
        "webhook_url": ref["text"],
        "webhook_secrets": [ref["webhook"], ref["webhook"]],
    }
    blob = {"kind": "azure_blob", "container": "box"}
    return Settings.model_validate(
        {
            "resources": {
                "one": {
                    **one,
                    "announcement_url": ref["text"],
                    "credential": {"connection_string": ref["acs"]},
                },
                "two": {**resource, "topic": "/b", "credential": {"access_key": ref["key"]}},
            },
            "archives": {
                "main": {
                    **blob,
                    "connection_string": ref["storage"],
                    "signing_key": ref["signing"],
                },
                "other": {**blob, "sas_url": ref["url"]},
            },
            "queues": {
                "main": {"queue": "box", "connection_string": ref["storage"]},
                "other": {"queue": "box", "sas_url": ref["url"]},
            },
            "dead_letters": {
                "main": {"container": "box", "connection_string": ref["storage"]},
                "other": {"container": "box", "sas_url": ref["url"]},
            },
            "alarms": {"webhook_url": ref["text"], "webhook_secret": ref["webhook"]},
            "participants": {"key": ref["text"]},
            "gateway": {
                "quarantine": {
                    "kind": "azure_blob",
                    "container": "quarantine",
                    "connection_string": ref["storage"],
                },
                "event_secrets": [ref["text"]],
                "keys": {"crm": {"secret": [ref["text"]], "roles": ["read"]}},
            },
        }
    )


def test_good_secrets_are_no_problem(tmp_path: Path) -> None:
    assert secret_problems(configured(tmp_path)) == {}


@pytest.mark.parametrize("kind", sorted(set(PLACES.values())))
def test_garbage_is_told_by_the_name_of_its_setting_and_never_repeated(
    kind: str, tmp_path: Path
) -> None:
    settings = configured(tmp_path)
    (tmp_path / kind).write_text(GARBAGE)
    found = secret_problems(settings)
    assert set(found) == {where for where, form in PLACES.items() if form == kind}
    assert "hunter2" not in str(found)


def test_every_secret_that_is_missing_is_told(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    (tmp_path / "text").unlink()
    assert set(secret_problems(settings)) == {
        "resources.one.announcement_url",
        "resources.one.webhook_url",
        "alarms.webhook_url",
        "participants.key",
        "gateway.event_secrets.0",
        "gateway.keys.crm.secret.0",
    }
    assert set(secret_problems(settings, ["alarms"])) == {"alarms.webhook_url"}


@pytest.mark.parametrize("content", [GARBAGE, "", BASE64])
def test_h8_a_signing_key_that_is_none_stops_the_start(content: str, tmp_path: Path) -> None:
    settings = configured(tmp_path)
    refuse_unusable_signing_keys(settings)
    (tmp_path / "signing").write_text(content)
    with pytest.raises(ConfigurationError, match=r"^archives\.main\.signing_key: .+"):
        refuse_unusable_signing_keys(settings)
