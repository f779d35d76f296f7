"""Whoever gets an alarm finds what to do, by the link that it carries."""

import re
from datetime import UTC, datetime

import pytest

from activities.alarm_links import Links
from callvault.causes import Cause, describe
from callvault.config.settings import AlarmSettings
from callvault.contracts.alarms import Alarm, AlarmKind, ProblemKind, Severity

from .conftest import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
URL = "https://docs.example/operations.md"

BUTTONS = ("Cancel", "Terminate", "Reset", "Pause and Unpause")
RESTORES = ("Temporal's database went back", "The archive went back", "Both went back")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def sections() -> dict[str, str]:
    """Return the text of every section, by its anchor."""
    found = re.split(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)[1:]
    return {anchor(heading): text for heading, text in zip(found[::2], found[1::2], strict=True)}


def says_something(link: str) -> bool:
    base, _, name = link.partition("#")
    return base == URL and len(sections()[name].split()) > 8


def linked(kind: AlarmKind, **facts: object) -> Alarm:
    """Return an alarm as it is told."""
    alarm = Alarm(
        id="1",
        kind=kind,
        severity=Severity.ERROR,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        what="look",
        workflow_id="recording-1",
        resource="default",
    )
    return Links("http://ui", "default", URL).complete(alarm.model_copy(update=facts))


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_kind_of_alarm_links_to_a_section_that_says_what_to_do(kind: AlarmKind) -> None:
    assert says_something(linked(kind).runbook_url)
    assert f"`{kind}`" in sections()["when-an-alarm-is-over"], "when is it over?"


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_links_to_its_section_and_its_text_names_it(cause: Cause) -> None:
    assert describe(cause).endswith(f"(docs/operations.md#cause-{cause})")
    assert says_something(linked(AlarmKind.EXPORT_LATE, cause=cause).cause_url)


@pytest.mark.parametrize("problem", ProblemKind)
def test_every_kind_of_problem_links_to_its_section(problem: ProblemKind) -> None:
    assert says_something(linked(AlarmKind.WORKER_PROBLEM, problem=problem).runbook_url)


@pytest.mark.parametrize("heading", [*BUTTONS, *RESTORES])
def test_every_button_and_every_restore_has_a_section(heading: str) -> None:
    assert len(sections()[anchor(heading)].split()) > 8


def test_no_link_within_the_page_leads_nowhere() -> None:
    missing = [name for name in re.findall(r"\]\(#([^)]+)\)", PAGE) if name not in sections()]
    assert missing == []


def test_by_default_an_alarm_links_to_the_published_page() -> None:
    assert AlarmSettings().runbook_url.endswith("/docs/operations.md")
