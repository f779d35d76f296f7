"""The OpenAPI document as one page for people: no script, and nothing from elsewhere."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

Schema = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid; }
h3 { margin-top: 2.5rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid; padding: 0.25rem 0.5rem; text-align: left; vertical-align: top; }
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src"
    f" 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own style, and nothing else at all."""

_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "maxLength": "length at most",
    "default": "default",
}

_CODE = re.compile(r"`([^`]+)`")


def render(document: Schema, address: str) -> str:
    """Render a document; ``address`` is the one of its JSON."""
    title = escape(document["info"]["title"])
    parts = [
        f"<h1>{title} {escape(document['info']['version'])}</h1>",
        *(f"<p>{_text(each)}</p>" for each in document["info"]["description"].split("\n\n")),
        f'<p>For tools: <a href="{escape(address)}">{escape(address)}</a></p>',
        *_keys(document["components"]["securitySchemes"]),
        *(part for tag in document["tags"] for part in _tag(document, tag)),
        "<h2>Bodies</h2>",
        *(part for each in document["components"]["schemas"].items() for part in _schema(*each)),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _keys(schemes: Schema) -> Iterator[str]:
    yield "<h2>Keys</h2>"
    yield _table(
        ("name", "sent as", "what it is"),
        (
            (f"<code>{escape(name)}</code>", _sent_as(scheme), _text(scheme["description"]))
            for name, scheme in schemes.items()
        ),
    )


def _sent_as(scheme: Schema) -> str:
    if scheme["type"] == "http":
        return "header <code>Authorization: Bearer …</code>"
    return f"{escape(scheme['in'])} <code>{escape(scheme['name'])}</code>"


def _tag(document: Schema, tag: dict[str, str]) -> Iterator[str]:
    found = [
        (method.upper(), path, operation)
        for path, operations in (document["paths"] | document["webhooks"]).items()
        for method, operation in operations.items()
        if tag["name"] in operation["tags"]
    ]
    if found:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_text(tag['description'])}</p>"
    for method, path, operation in found:
        yield f'<h3 id="{escape(operation["operationId"])}">{_text(operation["summary"])}</h3>'
        yield f"<pre>{method} {escape(path)}</pre>"
        yield from _operation(document, operation)


def _operation(document: Schema, operation: Schema) -> Iterator[str]:
    if said := operation.get("description"):
        yield f"<p>{_text(said)}</p>"
    if ways := operation["security"]:
        roles = {role for way in ways for needed in way.values() for role in needed}
        needs = f"; role <code>{escape(', '.join(roles))}</code>" if roles else ""
        names = " or ".join(f"<code>{escape(name)}</code>" for way in ways for name in way)
        yield f"<p>Key: {names}{needs}</p>"
    if parameters := operation.get("parameters"):
        rows = [_parameter(_resolved(document, each)) for each in parameters]
        yield _table(("parameter", "in", "type", "meaning"), rows)
    if body := operation.get("requestBody"):
        [content] = body["content"].values()
        yield f"<p>Body: {_type(content['schema'])}</p>"
    rows = [
        (status, _text(answer["description"]), _content(answer))
        for status, answer in (
            (status, _resolved(document, each)) for status, each in operation["responses"].items()
        )
    ]
    yield _table(("answer", "meaning", "body"), rows)


def _resolved(document: Schema, part: Schema) -> Schema:
    for name in part.get("$ref", "").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def _parameter(parameter: Schema) -> tuple[str, ...]:
    said = parameter.get("description", parameter["schema"].get("description", ""))
    name = f"<code>{escape(parameter['name'])}</code>"
    return name, escape(parameter["in"]), _type(parameter["schema"]), _text(said)


def _content(answer: Schema) -> str:
    content = answer.get("content", {}).get("application/json")
    return _type(content["schema"]) if content else ""


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield f'<h3 id="schema-{escape(name)}">{escape(name)}</h3>'
    if said := schema.get("description"):
        yield f"<p>{_text(said)}</p>"
    if "enum" in schema:
        yield f"<p>{_type({'enum': schema['enum']})}</p>"
    needed = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(member)}</code>{'' if member in needed else ' (may be left out)'}",
            _type(kind),
            _text(kind.get("description", "")),
        )
        for member, kind in schema.get("properties", {}).items()
    ]
    if rows:
        yield _table(("member", "type", "meaning"), rows)
    for example in schema.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"


def _type(schema: Schema) -> str:
    """Name the type of a value, with links to those that have a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_type, several))
    if "enum" in schema or "const" in schema:
        words = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(word))}</code>" for word in words)
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    told = [
        f"{name} {json.dumps(schema[word])}" for word, name in _BOUNDS.items() if word in schema
    ]
    form = [schema["format"]] if "format" in schema else []
    return escape(" ".join([schema.get("type", "anything"), *map("({})".format, form + told)]))


def _table(header: tuple[str, ...], rows: Any) -> str:
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(markdown: str) -> str:
    """Show a text of a docstring: code is all that it has of Markdown."""
    return _CODE.sub(r"<code>\1</code>", escape(" ".join(markdown.split())))
