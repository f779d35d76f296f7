"""Do exports follow OpenTelemetry's standard variables, and is nothing exported without?"""

import os
import subprocess
import sys

import pytest
import uvicorn
from opentelemetry import trace
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.gateway import server
from callvault.ingest.process import read_queues
from callvault.telemetry import environment, metrics_export
from callvault.telemetry.setup import Role, setup
from tests.patience import PROCESS

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


@pytest.mark.parametrize("signal", ["", "TRACES_", "METRICS_"])
@pytest.mark.parametrize("headers", ["hush", "a=b,hush", "Authorization: Bearer hush", "=hush"])
def test_a_bare_key_stops_the_start_and_is_in_no_log(
    signal: str, headers: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """E2: OpenTelemetry would write the key to the log."""
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}HEADERS", headers)
    with (
        pytest.raises(ConfigurationError, match="HEADERS is not understood") as said,
        setup("worker", Settings().log),
    ):
        pass
    assert "hush" not in str(said.value) + str(capfd.readouterr())


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("api-key=hush", {"api-key": "hush"}),
        ("a=b, c=d", {"a": "b", "c": "d"}),
        ("Authorization=Basic%20aHVzaA==", {"authorization": "Basic aHVzaA=="}),
        ("authorization=Bearer hush", {"authorization": "Bearer hush"}),
        ("a=b,", {"a": "b"}),
    ],
)
def test_headers_as_vendors_give_them_are_read(
    text: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """E2: what is refused is only what cannot be meant."""
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", text)
    assert environment.trace_exporters() == ["otlp"]
    assert environment.exports_metrics()
    assert environment.metrics_headers() == headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999"),
        ("OTEL_BSP_SCHEDULE_DELAY", "often"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "x"),
        ("OTEL_PROPAGATORS", "odd"),
        ("OTEL_PYTHON_CONTEXT", "odd"),
        ("OTEL_SERVICE_NAME", "\udcff"),
    ],
)
def test_an_odd_variable_stops_the_start_in_a_sentence(name: str, value: str) -> None:
    """E2: in a process of its own, for OpenTelemetry reads some of them when it is loaded."""
    variables = {"OTEL_TRACES_EXPORTER": "otlp", name: value}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLVAULT_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "callvault", "setup"],
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert name in done.stderr or "OTEL_* variables" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTEL_PROPAGATORS", "tracecontext, b3", "choose of baggage, none, tracecontext"),
        ("OTEL_PROPAGATORS", "tracecontext,,baggage", "choose of baggage, none, tracecontext"),
        ("OTEL_PYTHON_CONTEXT", "none", "choose of contextvars_context"),
        ("OTEL_PYTHON_TRACER_PROVIDER", "x", "sdk_tracer_provider"),
        ("OTEL_PYTHON_METER_PROVIDER", "x", "sdk_meter_provider"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", "choose of none, gzip, deflate"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=\udcff", "'OTEL_RESOURCE_ATTRIBUTES' is not UTF-8"),
    ],
)
def test_what_opentelemetry_cannot_load_is_named_before_it_is_loaded(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as refused:
        environment.check_variables()
    assert said in str(refused.value)


def test_what_opentelemetry_can_load_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OTEL_PROPAGATORS": "tracecontext, baggage",
        "OTEL_PYTHON_CONTEXT": "contextvars_context",
        "OTEL_PYTHON_METER_PROVIDER": "",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "gespräche",
        "OTHER": "\udcff",
    }.items():
        monkeypatch.setenv(name, value)
    environment.check_variables()
    monkeypatch.setenv("OTEL_PROPAGATORS", "none")
    environment.check_variables()


def test_metrics_go_to_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "5000")

    exporter = metrics_export.exporter(None)

    assert isinstance(exporter, OpenTelemetryConfig)
    assert exporter.url == "http://collector:4318/v1/metrics"
    assert exporter.headers == {"api-key": "hush"}
    assert exporter.metric_periodicity is not None
    assert exporter.metric_periodicity.total_seconds() == 5


def test_an_address_for_prometheus_wins_over_the_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    assert isinstance(metrics_export.exporter("127.0.0.1:9464"), PrometheusConfig)


@pytest.mark.parametrize(
    "interval", ["often", "0", "000", "-1", "1.5", "1e3", "١٢٣", "1" * 10, "9" * 20_000]
)
def test_a_wrong_interval_stops_the_start(interval: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)
    begins = f"OTEL_METRIC_EXPORT_INTERVAL={interval[:90]}"
    with pytest.raises(ConfigurationError, match=begins) as refused:
        metrics_export.exporter(None)
    assert len(str(refused.value)) < 250
    assert "is not a number of milliseconds" in str(refused.value)


@pytest.mark.parametrize("role", ["worker", "gateway", "ingest"])
def test_an_address_that_is_not_ours_stops_the_start_and_names_its_setting(role: Role) -> None:
    settings = Settings.model_validate({role: {"metrics_address": NOT_OURS}})
    with (
        pytest.raises(ConfigurationError, match=rf"{role}\.metrics_address"),
        setup(role, settings.log, metrics_address=getattr(settings, role).metrics_address),
    ):
        pass


def test_each_process_opens_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file of settings serves all of them, also on one machine."""
    served: list[uvicorn.Server] = []

    async def serve(server: uvicorn.Server) -> None:
        served.append(server)

    monkeypatch.setattr(uvicorn.Server, "serve", serve)
    server.serve(Settings.model_validate({"worker": {"metrics_address": NOT_OURS}}))
    assert served
    with pytest.raises(ConfigurationError, match=r"gateway\.metrics_address"):
        server.serve(Settings.model_validate({"gateway": {"metrics_address": NOT_OURS}}))
    queue = {"queue": "recording-events", "connection_string": "env:NONE"}
    settings = {"ingest": {"metrics_address": NOT_OURS}, "queues": {"grid": queue}}
    with pytest.raises(ConfigurationError, match=r"ingest\.metrics_address"):
        read_queues(Settings.model_validate(settings), {})


def test_the_variables_name_a_process_for_spans_and_metrics_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert environment.resource("gateway")["service.name"] == "callvault-gateway"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "night-shift")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    resource = environment.resource("gateway")
    assert resource["service.name"] == "night-shift"
    assert resource["deployment.environment"] == "test"
