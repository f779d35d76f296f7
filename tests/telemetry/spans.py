"""Finished spans as a tree, with queries."""

from collections.abc import Iterable, Iterator

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext


class Spans:
    """All spans of a scenario."""

    def __init__(self, spans: Iterable[ReadableSpan]) -> None:
        self.all = tuple(spans)
        self._by_id = {context_of(span).span_id: span for span in self.all}

    def the(self, name: str) -> ReadableSpan:
        """Return the only span of this name."""
        (span,) = (span for span in self.all if span.name == name)
        return span

    def way_to(self, name: str) -> list[str]:
        """Return the names of the spans from the root to the only one of this name."""
        return [span.name for span in self._lineage(self.the(name))][::-1]

    def below(self, name: str) -> list[ReadableSpan]:
        """Return all descendants of the only span of this name."""
        top = self.the(name)
        return [span for span in self.all if top in list(self._lineage(span))[1:]]

    def _lineage(self, span: ReadableSpan | None) -> Iterator[ReadableSpan]:
        while span is not None:
            yield span
            span = self._by_id.get(span.parent.span_id) if span.parent else None


def context_of(span: ReadableSpan) -> SpanContext:
    """Return the ids of a span."""
    context = span.get_span_context()
    assert context is not None
    return context


def requests_to(server: str, spans: Iterable[ReadableSpan]) -> set[str]:
    """Return the methods of the HTTP requests to a server."""
    return {span.name for span in spans if _url(span).startswith(server)}


def _url(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    return str(attributes.get("url.full") or attributes.get("http.url") or "")
