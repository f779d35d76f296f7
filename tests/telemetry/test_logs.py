"""Every line is one JSON object on standard error, says whose work it is, and tells no secret."""

import json
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.translate import translated
from callvault.config.settings import LogSettings, Settings
from callvault.errors import Unavailable
from callvault.telemetry.logs import correlation_plugin, logging_as
from callvault.temporal.client import connect
from tests.telemetry.talking import Order, Talking, speak
from workers.registry import RUNNER

Capture = pytest.CaptureFixture[str]


def lines(capture: Capture) -> list[dict[str, Any]]:
    captured = capture.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.fixture
async def said(temporal: WorkflowEnvironment, capsys: Capture) -> tuple[str, list[dict[str, Any]]]:
    """Run a workflow that is replayed at every step; return its id and its lines."""
    client = await connect(Settings(), plugins=[correlation_plugin()])
    workflow_id = f"talking-{uuid.uuid4()}"
    capsys.readouterr()
    with logging_as(LogSettings()), ThreadPoolExecutor() as threads:
        async with Worker(
            client,
            task_queue=workflow_id,
            workflows=[Talking],
            workflow_runner=RUNNER,
            activities=[speak],
            activity_executor=threads,
            max_cached_workflows=0,
        ):
            input = Order("recording-1")
            await client.execute_workflow(
                Talking.run, input, id=workflow_id, task_queue=workflow_id
            )
    return workflow_id, lines(capsys)


async def test_lines_of_workflows_carry_their_id_and_come_once(
    said: tuple[str, list[dict[str, Any]]],
) -> None:
    workflow_id, lines = said
    (line,) = [line for line in lines if line["event"] == "the workflow speaks"]
    assert line["workflow_id"] == workflow_id
    assert line["run_id"]
    assert (line["level"], line["logger"]) == ("info", "temporalio.workflow")


async def test_lines_of_activities_carry_the_recording(
    said: tuple[str, list[dict[str, Any]]],
) -> None:
    workflow_id, lines = said
    spoken = [line for line in lines if "speaks" in line["event"] and "activity" in line]
    assert [line["event"] for line in spoken] == ["the activity speaks", "a library speaks"] * 2
    for line in spoken:
        ids = (line["workflow_id"], line["recording_id"], line["activity"], line["attempt"])
        assert ids == (workflow_id, "recording-1", "speak", 1)


async def test_the_line_about_a_failed_attempt_carries_the_recording(
    said: tuple[str, list[dict[str, Any]]],
) -> None:
    workflow_id, lines = said
    (failed,) = [line for line in lines if "no voice" in line.get("exception", "")]
    assert (failed["workflow_id"], failed["recording_id"]) == (workflow_id, "recording-1")


def test_structlog_and_the_standard_library_share_one_form(capsys: Capture) -> None:
    with logging_as(LogSettings()):
        structlog.get_logger("ours").info("counted", bytes=5)
        logging.getLogger("theirs").info("counted %d", 6)

    ours, theirs = lines(capsys)
    assert (ours["event"], ours["bytes"], ours["logger"]) == ("counted", 5, "ours")
    assert (theirs["event"], theirs["logger"]) == ("counted 6", "theirs")
    assert ours.keys() - {"bytes"} == theirs.keys() == {"event", "level", "logger", "timestamp"}


def test_no_line_tells_a_secret(capsys: Capture) -> None:
    with logging_as(LogSettings()):
        structlog.get_logger().warning("kept", url="https://h/c?sig=hush")
        logging.getLogger("x").warning("cannot read %s", "https://h/c?sig=hush")
        try:
            raise ValueError("AccountKey=hush")
        except ValueError:
            logging.getLogger("x").exception("it failed")

    said = lines(capsys)
    assert len(said) == 3
    assert "hush" not in json.dumps(said)
    assert "ValueError: AccountKey=REDACTED" in said[2]["exception"]


def test_an_expected_failure_is_told_by_its_sentence_and_any_other_with_its_traceback(
    capsys: Capture,
) -> None:
    """Where an archive is away, each attempt writes such a line."""
    with logging_as(LogSettings()):
        for error in (Unavailable("the archive is away", owner="archive"), ValueError("a bug")):
            try:
                with translated():
                    raise error
            except Exception:
                logging.getLogger("temporalio.activity").warning("it failed", exc_info=True)

    expected, bug = lines(capsys)
    assert (expected["error"], "exception" in expected) == ("Unavailable", False)
    assert expected["problem"] == "the archive is away (fault: archive, cause: service)"
    assert "ValueError: a bug" in bug["exception"]


def test_libraries_do_not_tell_of_every_request(capsys: Capture) -> None:
    with logging_as(LogSettings(level="debug")):
        for library in ("httpx", "httpcore.http11", "azure.core", "urllib3", "uvicorn.access"):
            logging.getLogger(library).info("GET https://host/secret")
        logging.getLogger("callvault").debug("ours")

    assert [line["event"] for line in lines(capsys)] == ["ours"]


def test_levels_below_the_setting_are_left_out(capsys: Capture) -> None:
    with logging_as(LogSettings(level="warning")):
        structlog.get_logger().info("detail")
        logging.getLogger("x").info("detail")
        structlog.get_logger().warning("important")

    assert [line["event"] for line in lines(capsys)] == ["important"]


def test_people_get_plain_lines(capsys: Capture) -> None:
    with logging_as(LogSettings(format="console")):
        structlog.get_logger().info("counted", bytes=5)
        logging.getLogger("x").error("?sig=hush", exc_info=ValueError("why"))

    err = capsys.readouterr().err
    assert "counted" in err
    assert "bytes=5" in err
    assert "ValueError: why" in err
    assert "hush" not in err


HOSTILE = "\x1b[2J\r\n2026-01-01 [info] all is well\u202e\x9b31m"


def fail() -> None:
    raise ValueError(HOSTILE)


def say_hostile_things() -> None:
    structlog.get_logger().warning(
        HOSTILE, reason=HOSTILE, error=ValueError(HOSTILE), many=[HOSTILE]
    )
    logging.getLogger("x").warning("told %s", HOSTILE)
    try:
        fail()
    except ValueError:
        logging.getLogger("x").exception("it failed")


def test_a_line_for_machines_holds_no_control_character(capsys: Capture) -> None:
    """B16: and says what was said."""
    with logging_as(LogSettings()):
        say_hostile_things()

    err = capsys.readouterr().err
    assert all(each.isprintable() or each == "\n" for each in err)
    first, second, third = [json.loads(line) for line in err.splitlines()]
    assert (first["event"], first["reason"], second["event"]) == (
        HOSTILE,
        HOSTILE,
        f"told {HOSTILE}",
    )
    assert HOSTILE in third["exception"]


def test_a_line_for_people_holds_no_control_character_and_none_is_faked(capsys: Capture) -> None:
    """B16: neither in a message nor in a field nor behind a traceback."""
    with logging_as(LogSettings(format="console")):
        say_hostile_things()

    err = capsys.readouterr().err
    assert all(each.isprintable() or each == "\n" for each in err)
    assert r"\x1b[2J\r\n2026-01-01 [info] all is well\u202e\x9b31m" in err
    # Python itself writes the message of an error as it is: indented, it is no line of the log.
    assert not [line for line in err.splitlines() if line.startswith("2026-01-01 [info]")]


def test_afterwards_logging_is_as_before() -> None:
    before = logging.getLogger().handlers[:]
    with logging_as(LogSettings()):
        assert logging.getLogger().handlers != before
    assert logging.getLogger().handlers == before
