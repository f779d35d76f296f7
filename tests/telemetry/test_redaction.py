"""Are secrets taken out of texts, and is the rest left in?"""

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callvault.telemetry.redaction import RedactingExporter, redact, redact_all

SECRET = "hush%2Bhush/+=="


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"/v1/events?code={SECRET}", "/v1/events?REDACTED"),
        (f"GET https://h/c/b?sv=1&sig={SECRET} failed", "GET https://h/c/b?REDACTED failed"),
        (f"'https://h/c?sig={SECRET}'", "'https://h/c?REDACTED'"),
        ("https://me:hush@host/x", "https://REDACTED@host/x"),
        (f"AccountName=a;AccountKey={SECRET};", "AccountName=a;AccountKey=REDACTED;"),
        (f"endpoint=https://h/;accesskey={SECRET}", "endpoint=https://h/;accesskey=REDACTED"),
        (f"Signature={SECRET}", "Signature=REDACTED"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer REDACTED"),
        (f"SharedKey account:{SECRET}", "SharedKey REDACTED"),
    ],
)
def test_secrets_go(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ACS refused (code=8522): is it over?",
        "https://host/path/0-eus-d1?",
        "what now? a=b was said",
        "recording-0123 is paused",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


def test_nested_values_are_searched() -> None:
    value = {"a": ["?sig=x", ("?sig=y",)], "n": 1}
    assert redact_all(value) == {"a": ["?REDACTED", ("?REDACTED",)], "n": 1}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(exporter)))
    return provider


def test_errors_within_spans_lose_their_secrets(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with (
        pytest.raises(ValueError, match="hush"),
        provider.get_tracer("test").start_as_current_span("copy"),
    ):
        raise ValueError(f"https://h/c?sig={SECRET} is wrong")

    (span,) = exporter.get_finished_spans()
    assert span.status.description == "ValueError: https://h/c?REDACTED is wrong"
    assert [event.name for event in span.events] == ["exception"]
    assert "hush" not in span.to_json()


def test_queries_and_headers_do_not_leave(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with provider.get_tracer("test").start_as_current_span("GET") as span:
        span.set_attribute("url.query", "code=hush")
        span.set_attribute("http.request.header.authorization", ["hush"])
        span.set_attribute("http.route", "/v1/events")

    (sent,) = exporter.get_finished_spans()
    assert sent.attributes == {"url.query": "REDACTED", "http.route": "/v1/events"}


async def test_a_secret_in_the_query_of_a_webhook_is_not_traced(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    app = FastAPI()
    app.add_api_route("/v1/events", lambda: None, methods=["POST"])
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway"
    ) as client:
        await client.post("/v1/events", params={"code": "hush"})

    spans = exporter.get_finished_spans()
    assert "POST /v1/events" in {span.name for span in spans}
    assert not [span for span in spans if "hush" in span.to_json()]
