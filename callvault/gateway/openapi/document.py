"""The OpenAPI document: the paths of the application with what stands once for all of them."""

import json
import re
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from callvault.gateway.error_responses import ErrorDetail, ErrorResponse
from callvault.gateway.messages import Accepted, Alive, Readiness
from callvault.gateway.openapi import examples, privacy_examples
from callvault.gateway.openapi.problems import phrase
from callvault.gateway.openapi.shared import HEADERS, INFO, PARAMETERS, SECURITY_SCHEMES, TAGS
from callvault.gateway.openapi.webhooks import WEBHOOKS

SENT: tuple[type[BaseModel], ...] = tuple(map(type, (*examples.SENT, *privacy_examples.SENT)))
"""Models whose values may leave out what has a default."""

ANSWERED: tuple[type[BaseModel], ...] = (
    *map(type, (*examples.ANSWERED, *privacy_examples.ANSWERED)),
    *(Accepted, Alive, Readiness, ErrorResponse),
)

Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Schemas of answers that are whole: a client need not ask if a member is there.

    But for what is left out where it says nothing, as its model tells.
    """

    def field_is_required(
        self,
        field: ModelField | DataclassField | TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization":
            return field.get("serialization_exclude_if") is None
        return super().field_is_required(field, total)


def describe(app: FastAPI) -> Schema:
    """Write the document of an application whose routes are all there."""
    document = get_openapi(version=version("callvault"), routes=app.routes, **INFO)
    document["tags"] = TAGS
    document["paths"] = {
        _camel(path): _path(operations) for path, operations in document["paths"].items()
    }
    document["webhooks"] = WEBHOOKS
    document["components"] = {
        "schemas": dict(sorted(_schemas().items())),
        "responses": _shared_responses(document["paths"]),
        "headers": HEADERS,
        "parameters": PARAMETERS,
        "securitySchemes": SECURITY_SCHEMES,
    }
    return document


def _path(operations: dict[str, Schema]) -> dict[str, Schema]:
    for operation in operations.values():
        # The framework's own; an operation whose parameters can be wrong declares ours.
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
        for parameter in operation.get("parameters", ()):
            _as_sent(parameter)
    return operations


def _shared_responses(paths: dict[str, dict[str, Schema]]) -> dict[str, Schema]:
    """Replace errors by references to one of each kind, and return those by their names."""
    kinds: dict[tuple[str, str], list[Schema]] = {}
    for operation in (each for operations in paths.values() for each in operations.values()):
        for status, answer in operation["responses"].items():
            if int(status) >= HTTPStatus.BAD_REQUEST:
                kinds.setdefault((status, json.dumps(answer)), []).append(operation)
    shared: dict[str, Schema] = {}
    # The most frequent kind of a status has its plain name.
    for (status, text), operations in sorted(kinds.items(), key=lambda each: -len(each[1])):
        name = phrase(int(status)).title().replace(" ", "")
        if name in shared:
            first = operations[0]["operationId"]
            name = f"{name}Of{first[0].upper()}{first[1:]}"
        shared[name] = json.loads(text)
        for operation in operations:
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def _camel(text: str) -> str:
    """Spell the names of parameters as in bodies."""
    return re.sub(r"(?<=[a-z])_([a-z])", lambda found: found[1].upper(), text)


def _as_sent(parameter: Schema) -> None:
    """Spell a parameter as in bodies, and let no client send a null, which no URL can hold."""
    if "schema" not in parameter:
        return
    parameter["name"] = _camel(parameter["name"])
    schema = parameter["schema"]
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind.get("type") != "null"]
    schema.update(*kinds[:1])
    for repeated in ("title", "description"):
        schema.pop(repeated, None)


@cache
def _schemas() -> dict[str, Schema]:
    sent = [(model, "validation") for model in SENT]
    answered = [(model, "serialization") for model in ANSWERED]
    _, written = models_json_schema(
        [*sent, *answered],  # type: ignore[list-item]
        schema_generator=_Generator,
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Schema] = _plain(written["$defs"])
    # The two others come with some errors only.
    schemas[ErrorDetail.__name__]["required"] = ["code", "message", "httpRequestId"]
    for model in SENT:
        # The gateway refuses what it does not know, and what it writes itself.
        schemas[model.__name__]["additionalProperties"] = False
        del schemas[model.__name__]["properties"]["authenticatedAs"]
        _take_raw_ids(schemas[model.__name__]["properties"])
    for schema in schemas.values():
        _tell_defaults(schema)
    for name, example in {**examples.by_model(), **privacy_examples.by_model()}.items():
        schemas[name]["examples"] = [example]
    return schemas


def _take_raw_ids(properties: dict[str, Schema]) -> None:
    """Let a body name participants by their ``rawId``, and not by its hash alone."""
    for name in ("participant", "participants", "consentParticipants"):
        schema = properties.get(name, {})
        for each in (schema, schema.get("items", {})):
            if each.pop("pattern", None):
                each["minLength"] = 1
                each["description"] = (
                    "A `rawId`, which the gateway replaces by its hash, or the hash"
                )


def _tell_defaults(schema: Schema) -> None:
    """Tell defaults in words: generators take a member that has one for always there."""
    needed = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        default = member.pop("default", None)
        if default and name not in needed:
            said = f"By default `{json.dumps(default)}`."
            member["description"] = f"{member.get('description', '')} {said}".strip()


def _plain(schema: Any) -> Any:
    """Drop titles, which repeat names, and write code in Markdown."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if isinstance(schema, dict):
        return {
            name: _plain(value)
            for name, value in schema.items()
            if name != "title" or not isinstance(value, str)
        }
    return schema.replace("``", "`") if isinstance(schema, str) else schema
