"""Redaction of secrets in spans and log lines, before they leave the process.

Callvault's own code writes none. This is the net below the libraries, which note the URLs they ask
(a SAS in the query, Event Grid's ``?code=``) and the texts of errors.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

REDACTED = "REDACTED"


def _without_query(found: re.Match[str]) -> str:
    return f"?{REDACTED}" if "=" in found[0] else found[0]


# Applied to foreign text of any length: none may look back over what it has passed, which a "="
# in the middle of the first one would make it do (tests/unit/test_regular_expressions.py).
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # A URL's query, whole: no list of the parameters that are secrets could be complete.
    (re.compile(r"\?[^\s'\"<>]+"), _without_query),
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), f"{REDACTED}@"),
    (
        re.compile(
            r"(?i)\b(accountkey|accesskey|sharedaccesssignature|signature|sig)=[^\s;&'\",]+"
        ),
        rf"\1={REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer|sharedkey(?:lite)?)\s+[^\s'\",;]+"), rf"\1 {REDACTED}"),
)
_QUERY = "url.query"
_HEADERS = ("http.request.header.", "http.response.header.")


def redact(text: str) -> str:
    """Return the text without queries of URLs, passwords in URLs, keys, signatures and tokens."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_all(value: Any) -> Any:
    """Apply `redact` to every text within nested mappings, lists and tuples."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        # A named tuple takes its fields one by one, and stays as it is.
        return type(value)(map(redact_all, value)) if type(value) in (list, tuple) else value
    return value


class RedactingExporter(SpanExporter):
    """An exporter that takes secrets out of spans: their last stop within the process."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=redact(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span.attributes),
        events=[
            Event(redact(event.name), _attributes(event.attributes), event.timestamp)
            for event in span.events
        ],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, redact(span.status.description or "") or None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Leave headers out, even where a variable asks instrumentations to capture them."""
    return {
        key: REDACTED if key == _QUERY else redact_all(value)
        for key, value in (attributes or {}).items()
        if not key.startswith(_HEADERS)
    }
