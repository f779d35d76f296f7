"""Metrics of real processes, to which everything happens, by port and by OTLP."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from temporalio.testing import WorkflowEnvironment

from callvault.contracts.states import RecordingState
from callvault.emulator.server import RunningEmulator
from tests.acs.service import Answer, serving
from tests.telemetry.processes import (
    PROCESSES,
    environment_within,
    everything_happens,
    free_address,
    running_processes,
    scrape,
    with_more_to_see,
)
from tests.telemetry.promql import ROOT, dashboard_queries, metrics_in, rule_queries

UNIT_NAMES = {"s": "seconds", "By": "bytes", "1": "ratio"}
"""What Prometheus makes of OpenTelemetry's units."""


@pytest.fixture(scope="module")
async def exposed(
    temporal_server: WorkflowEnvironment,
    emulator: RunningEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What Prometheus reads, by process."""
    home = tmp_path_factory.mktemp("exposed")
    addresses = {name: free_address() for name in PROCESSES}
    environment = with_more_to_see(environment_within(home, temporal_server, emulator))
    for name, address in addresses.items():
        environment[f"CALLVAULT_{name.upper()}__METRICS_ADDRESS"] = address
    with running_processes(environment, home) as processes:
        await everything_happens(temporal_server.client, processes.endpoint, emulator)
        return {
            "worker": await scrape(addresses["worker"], "callvault_problem"),
            "gateway": await scrape(addresses["gateway"]),
        }


@pytest.fixture(scope="module")
async def sent(
    temporal_server: WorkflowEnvironment,
    emulator: RunningEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[ExportMetricsServiceRequest]:
    """What a collector is sent, by both processes."""
    home = tmp_path_factory.mktemp("sent")
    environment = with_more_to_see(environment_within(home, temporal_server, emulator))
    with serving() as collector:
        collector.answers.append(Answer())
        environment |= {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/v1/metrics",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        with running_processes(environment, home) as processes:
            await everything_happens(temporal_server.client, processes.endpoint, emulator)
            processes.stop()
        bodies = [seen.body for seen in collector.seen if seen.target == "/v1/metrics"]
    return [ExportMetricsServiceRequest.FromString(body) for body in bodies]


def types(text: str) -> dict[str, str]:
    """The kind of each metric, by its name."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def selectable(text: str) -> set[str]:
    """The names by which samples can be asked for."""
    return {
        f"{name}{suffix}"
        for name, kind in types(text).items()
        for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
    }


def stored_name(metric: Metric) -> str:
    """The name under which Prometheus stores what it gets by OTLP."""
    unit = UNIT_NAMES.get(metric.unit, "")
    name = metric.name if metric.name.endswith(unit) else f"{metric.name}_{unit}"
    is_counter = metric.WhichOneof("data") == "sum" and metric.sum.is_monotonic
    return f"{name}_total" if is_counter else name


def metrics_of(
    sent: list[ExportMetricsServiceRequest],
) -> Iterator[tuple[str, Metric]]:
    """The service and each of its metrics."""
    for resource in (each for request in sent for each in request.resource_metrics):
        attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield attributes["service.name"], metric


@pytest.mark.parametrize("process", PROCESSES)
def test_promtool_finds_nothing_to_say(process: str, exposed: dict[str, str]) -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool was not found: apt-get install prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=exposed[process],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("process", PROCESSES)
def test_every_sample_names_its_service(process: str, exposed: dict[str, str]) -> None:
    samples = [line for line in exposed[process].splitlines() if not line.startswith("#")]
    assert samples
    assert all(f'service_name="callvault-{process}"' in sample for sample in samples if sample)


@pytest.mark.parametrize("query", [*rule_queries(), *dashboard_queries()])
def test_a_query_names_only_metrics_that_exist(query: str, exposed: dict[str, str]) -> None:
    named = metrics_in(query)
    assert named
    assert named <= selectable("\n".join(exposed.values()))


def test_the_page_lists_all_of_our_metrics_and_no_others(exposed: dict[str, str]) -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    listed = re.findall(r"^\| `(callvault_\w+)` \| (\w+) \|", page, re.MULTILINE)
    ours = types("\n".join(exposed.values()))
    assert dict(listed) == {name: kind for name, kind in ours.items() if "callvault" in name}


def test_a_collector_gets_the_same_metrics_from_the_same_services(
    exposed: dict[str, str], sent: list[ExportMetricsServiceRequest]
) -> None:
    for process in PROCESSES:
        by_port = {name for name in types(exposed[process]) if name.startswith("callvault")}
        by_otlp = {
            stored_name(metric)
            for service, metric in metrics_of(sent)
            if service == f"callvault-{process}" and metric.name.startswith("callvault")
        }
        assert by_otlp == by_port, process


def test_outcomes_are_there_from_the_start_and_count_in_their_own_series(
    exposed: dict[str, str],
) -> None:
    samples = re.findall(
        r'^callvault_finished_recordings_total\{.*outcome="(\w+)",resource="default".*\} (\d+)$',
        exposed["worker"],
        re.MULTILINE,
    )
    finals = {state for state in RecordingState if state.is_final}
    # Not one series more: another set of labels would begin at 1, which is no increase.
    assert len(samples) == len(finals)
    counted = {outcome: int(value) for outcome, value in samples}
    assert counted == dict.fromkeys(finals, 0) | {"archived": 1, "failed_to_start": 1}


def test_failed_attempts_name_whose_fault_it_was(exposed: dict[str, str]) -> None:
    (failed,) = re.findall(r"^callvault_failed_attempts_total.*$", exposed["worker"], re.MULTILINE)
    for label in ('owner="caller"', 'error="InvalidRequest"', 'activity_type="start_recording"'):
        assert label in failed


def test_requests_are_measured_by_route_and_answer(exposed: dict[str, str]) -> None:
    counted = re.findall(
        r"^callvault_gateway_request_duration_seconds_count\{(.*)\} (\d+)$",
        exposed["gateway"],
        re.MULTILINE,
    )
    refused = [
        count
        for labels, count in counted
        if 'route="/v1/events"' in labels and 'status="401"' in labels
    ]
    assert refused == ["1"]
    routes = {route for labels, _ in counted for route in re.findall(r'route="(.*?)"', labels)}
    assert "/v1/recordings/{workflow_id}" in routes
    assert "nobody" not in str(routes)
