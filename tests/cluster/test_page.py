"""Does the page of `make cluster` tell what was done and seen, and what was not?"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from bench.chaos.history import History
from bench.chaos.parts import Fault, Outage, Part
from bench.chaos.results import RunResult
from bench.chaos.violations import Violation
from bench.chaos.workload import Answered
from bench.cluster.page import HostRun, page
from bench.cluster.settings import MAX_ALARM_LATENCY, PROCESSES, on_hosts, on_one_host
from workflows.activity_options import alarm

CUT_OFF = Outage(Part.HOST_1, Fault.CUT_OFF, 100, 190)
PAUSES = [
    Answered("pause", "confirmed", 90, 90.5),
    Answered("pause", "pending", 120, 127),
    Answered("pause", "no answer", 150, 170),
]
RESULT = RunResult(
    on_hosts(1, 20, "dev"),
    violations=[],
    losses=[],
    recoveries=[],
    late_alarms=[],
    outages=[CUT_OFF],
    service_faults=Counter(),
    modes=Counter(),
    history=History({}, [], [], []),
    pauses=PAUSES,
)


def rows(text: str) -> dict[str, str]:
    cells = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|"))
    return {each[0]: each[-1] for each in cells}


def test_it_counts_faults_and_answers() -> None:
    found = rows(page([HostRun(RESULT, [], 3 << 20)], "dev"))
    assert found["host-1 cut off"] == "1"
    assert (found["pauses that are answered"], found["asked while a host had a fault"]) == (
        "3",
        "2",
    )
    assert (found["confirmed"], found["pending"], found["no answer"]) == ("1", "1", "1")
    assert found["answered after, median / most (s)"] == "7.0 / 20.0"
    assert found["memory of all processes, at most (MiB)"] == "3"


def test_it_says_what_was_left_out_and_what_was_broken() -> None:
    text = page([HostRun(RESULT, ["There is no `netem`."])], "dev")
    assert "There is no `netem`." in text
    assert "Every promise was kept." in text
    assert 'make cluster SEEDS="1" SCENARIOS=20' in text
    broken = replace(RESULT, violations=[Violation(3, "a file is lost")])
    assert "**This run failed.**" in page([HostRun(broken)], "dev")
    assert "scenario 3: a file is lost" in page([HostRun(broken)], "dev")


def test_it_names_the_server() -> None:
    result = replace(RESULT, options=on_hosts(1, 20, "postgresql"))
    text = page([HostRun(result)], "postgresql")
    assert "five processes on PostgreSQL" in text
    assert "one of the history hosts is killed" in text
    assert "make cluster SERVER=postgresql" in text


def test_only_what_can_be_healed_there_meets_faults_on_postgresql() -> None:
    options = on_one_host(1, 24)
    assert options.parts == PROCESSES
    assert not {Part.TEMPORAL, Part.ARCHIVE, Part.SECRETS} & {*PROCESSES}
    assert options.command == 'make chaos SERVER=postgresql SEEDS="1" SCENARIOS=24'


def test_an_alarm_may_take_the_time_of_one_attempt() -> None:
    attempt = alarm("an alarm", timedelta(hours=1))["start_to_close_timeout"]
    assert attempt.total_seconds() < MAX_ALARM_LATENCY
    assert f"{MAX_ALARM_LATENCY:g} s" in page([HostRun(RESULT)], "dev")
