"""JSON Schemas of everything that a backend sends and an operator reads.

Generated from the models, so that a backend in any language can check its payloads or generate
its own types. `make schemas` writes them; a test fails when the written ones have drifted.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema

from callvault.contracts.alarms import Acknowledge, Alarm
from callvault.contracts.base import State
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.events import FileStatusUpdated, RecordingStateChanged
from callvault.contracts.hold_messages import HoldRequest, ReleaseRequest
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation
from callvault.contracts.recording_events import RecordingCloudEvent
from callvault.contracts.requests import CallEnded, ControlRequest, RecordingRequest, StartRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus, ControlRecord

SENT: tuple[type[State], ...] = (
    RecordingRequest,
    StartRequest,
    ControlRequest,
    FileStatusUpdated,
    CallEnded,
    Acknowledge,
    ReconcileInput,
    RecordingStateChanged,
    ConsentDecision,
    ParticipantChanged,
    HoldRequest,
    ReleaseRequest,
)
"""Sent by backends."""

ANSWERED: tuple[type[State], ...] = (
    ControlRecord,
    ConsentRecord,
    CallStatus,
    CallResult,
    RecordingCloudEvent,
    Reconciliation,
    Alarm,
)
"""Answered to backends, or posted to a receiver of alarms."""


class _Generator(GenerateJsonSchema):
    """Titles that a person reads: ``requestedBy`` is "Requested by", not "Requestedby"."""

    def get_title_from_name(self, name: str) -> str:
        return re.sub(r"(?<=[a-z])([A-Z])", lambda m: f" {m[1].lower()}", name).capitalize()


def render_all() -> dict[str, str]:
    """Write the text of every schema, by file name."""
    sent = {_file_name(model): _render(model, "validation") for model in SENT}
    # As serialized: a sender may leave out what has a default, an answer always holds it.
    answered = {_file_name(model): _render(model, "serialization") for model in ANSWERED}
    return sent | answered


def write_all(directory: Path) -> None:
    """Write every schema into ``directory``, and leave nothing there that is not one of them."""
    directory.mkdir(parents=True, exist_ok=True)
    schemas = render_all()
    for path in directory.glob("*.schema.json"):
        if path.name not in schemas:
            path.unlink()
    for name, text in schemas.items():
        (directory / name).write_text(text, encoding="utf-8")


def _file_name(model: type[State]) -> str:
    return f"{model.__name__}.schema.json"


def _render(model: type[State], mode: Literal["validation", "serialization"]) -> str:
    schema: dict[str, Any] = {
        "$schema": _Generator.schema_dialect,
        **model.model_json_schema(mode=mode, schema_generator=_Generator),
    }
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return text.replace("``", "`") + "\n"


def main() -> None:
    """Write the schemas into the directory given on the command line."""
    parser = argparse.ArgumentParser(description=write_all.__doc__)
    parser.add_argument("directory", type=Path)
    write_all(parser.parse_args().directory)


if __name__ == "__main__":
    main()
