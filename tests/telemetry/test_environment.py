"""What is exported follows OpenTelemetry's standard variables; without them nothing is."""

import pytest
from opentelemetry import trace
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.telemetry import environment, metrics
from callvault.telemetry.setup import setup

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_nothing_is_exported_unless_asked_for() -> None:
    before = trace.get_tracer_provider()
    with setup(Settings(), "worker") as telemetry:
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

    door = metrics.door(None)

    assert isinstance(door, OpenTelemetryConfig)
    assert door.url == "http://collector:4318/v1/metrics"
    assert door.headers == {"api-key": "hush"}
    assert door.metric_periodicity is not None
    assert door.metric_periodicity.total_seconds() == 5


def test_an_address_for_prometheus_wins_over_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    assert isinstance(metrics.door("127.0.0.1:9464"), PrometheusConfig)


def test_a_wrong_interval_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "often")
    with pytest.raises(ConfigurationError, match="OTEL_METRIC_EXPORT_INTERVAL=often"):
        metrics.door(None)


def test_only_a_worker_opens_the_port_for_prometheus() -> None:
    settings = Settings.model_validate({"worker": {"metrics_address": "127.0.0.1:1"}})
    with setup(settings, "gateway") as telemetry:
        assert not telemetry.exports_metrics


def test_a_port_that_cannot_be_opened_stops_the_start() -> None:
    settings = Settings.model_validate({"worker": {"metrics_address": "192.0.2.1:9464"}})
    with (
        pytest.raises(ConfigurationError, match=r"worker\.metrics_address"),
        setup(settings, "worker"),
    ):
        pass
