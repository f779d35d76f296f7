"""Do exports follow OpenTelemetry's standard variables, and is nothing exported without?"""

import pytest
import uvicorn
from opentelemetry import trace
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.gateway import server
from callvault.telemetry import environment, metrics
from callvault.telemetry.setup import setup

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NOT_OURS = "192.0.2.1:9464"
"""An address that no process of this machine can listen on."""


def test_nothing_is_exported_unless_asked_for() -> None:
    before = trace.get_tracer_provider()
    with setup("worker", Settings().log) as telemetry:
        assert not telemetry.exports_metrics
        assert [plugin.name() for plugin in telemetry.plugins] == ["callvault.correlation"]
        assert trace.get_tracer_provider() is before


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, []),
        ({ENDPOINT: "http://c:4318"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/v1/metrics"}, []),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"]),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, []),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "true"}, []),
    ],
)
def test_spans_go_where_the_variables_say(
    variables: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.trace_exporters() == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_what_is_not_supported_stops_the_start(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"{name}={value}"):
        environment.trace_exporters()


def test_metrics_go_to_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "5000")

    exporter = metrics.exporter(None)

    assert isinstance(exporter, OpenTelemetryConfig)
    assert exporter.url == "http://collector:4318/v1/metrics"
    assert exporter.headers == {"api-key": "hush"}
    assert exporter.metric_periodicity is not None
    assert exporter.metric_periodicity.total_seconds() == 5


def test_an_address_for_prometheus_wins_over_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    assert isinstance(metrics.exporter("127.0.0.1:9464"), PrometheusConfig)


def test_a_wrong_interval_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "often")
    with pytest.raises(ConfigurationError, match="OTEL_METRIC_EXPORT_INTERVAL=often"):
        metrics.exporter(None)


def test_only_a_worker_opens_the_port_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"worker": {"metrics_address": NOT_OURS}})
    served: list[uvicorn.Server] = []

    async def serve(server: uvicorn.Server) -> None:
        served.append(server)

    monkeypatch.setattr(uvicorn.Server, "serve", serve)
    server.serve(settings)
    assert served
    with (
        pytest.raises(ConfigurationError, match=r"worker\.metrics_address"),
        setup("worker", settings.log, metrics_address=settings.worker.metrics_address),
    ):
        pass
