"""docker-compose.yml as Compose reads it, with every variable of `deploy/env.example` set."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]

ENVIRONMENT = {
    "ACS_ENDPOINT": "https://contoso.communication.azure.com",
    "ACS_CONNECTION_STRING": "endpoint=https://contoso.communication.azure.com/;accesskey=c2Vj",
    "ACS_TOPIC": "",
    "CALLBACK_URL": "",
    "CALLBACK_AUDIENCE": "",
    "EVENT_SECRET": "e" * 64,
    "API_KEY": "a" * 64,
    "PARTICIPANT_KEY": "k" * 64,
    "QUEUE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=q;AccountKey=cXVldWU=",
    "POSTGRES_PASSWORD": "p" * 64,
    "AZURITE_KEY": "c2VjcmV0",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
}

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<text>[^}]*))?\}")


def parsed(text: str, environment: Mapping[str, str]) -> Any:
    """Read YAML, then fill in variables as Compose does: `LookupError` for a required one."""
    return _filled(YAML(typ="safe").load(text), environment)


def _filled(node: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, environment) for value in node]
    return _VARIABLE.sub(partial(_value, environment), node) if isinstance(node, str) else node


def _value(environment: Mapping[str, str], match: re.Match[str]) -> str:
    given = environment.get(match["name"], "")
    if not given and match["kind"] == "?":
        raise LookupError(f"{match['name']}: {match['text']}")
    return given or (match["text"] if match["kind"] == "-" else "")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """Return the services' file with its variables set."""
    filled: dict[str, Any] = parsed((ROOT / "docker-compose.yml").read_text(), ENVIRONMENT)
    return filled


@pytest.fixture(scope="session")
def ours(compose: dict[str, Any]) -> dict[str, Any]:
    """Return the services that run our own image."""
    services = compose["services"]
    return {name: it for name, it in services.items() if it["image"].startswith("callvault:")}
