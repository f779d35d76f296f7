"""The links of an alarm: into Temporal's Web UI, and into the runbook."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from callvault.causes import Cause, owner_of
from callvault.config.settings import Settings
from callvault.contracts.alarm_groups import group_key
from callvault.contracts.alarms import Alarm, AlarmKind, ProblemKind
from callvault.temporal import web_ui

_PROBLEM_SECTIONS = {
    ProblemKind.SECRETS: "secrets",
    ProblemKind.SERVICES: "services",
    ProblemKind.CLOCKS: "clocks",
    ProblemKind.ATTRIBUTES: "search-attributes",
    ProblemKind.TASKS: "no-workflow-task-is-taken",
}


class Links(NamedTuple):
    """The places that alarms link to."""

    web_ui: str = ""
    """Address of Temporal's Web UI; empty for no links to it."""
    namespace: str = "default"
    runbook: str = ""
    """Address of the page for operators; empty for no links to it."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """A clock with which others agree: what is left of a file's time is the service's."""

    @classmethod
    def of(cls, settings: Settings, namespace: str) -> "Links":
        """Read the links of a worker's settings."""
        return cls(settings.web_ui.url, namespace, settings.alarms.runbook_url)

    def complete(self, alarm: Alarm) -> Alarm:
        """Return an alarm as it is told: with its keys, its links, and the time that is left."""
        key = alarm.dedup_key or alarm.id
        told = alarm.model_copy(
            update={"dedup_key": key, "group_key": alarm.group_key or group_key(alarm)}
        )
        return told.model_copy(
            update={
                "whose": owner_of(told.cause) if told.cause else "",
                "seconds_left": self._seconds_left(told),
                "page_url": self._page(told),
                "runbook_url": self._section(section_of(told)),
                "cause_url": self._section(cause_section(told.cause)) if told.cause else "",
            }
        )

    def _section(self, anchor: str) -> str:
        return f"{self.runbook}#{anchor}" if self.runbook else ""

    def _page(self, alarm: Alarm) -> str:
        is_of_workflow = alarm.kind not in (AlarmKind.WORKER_PROBLEM, AlarmKind.TEST)
        if not self.web_ui or not is_of_workflow:
            return ""
        if alarm.count > 1:
            query = web_ui.query_of(web_ui.View.AT_RISK, self.now())
            return web_ui.list_url(self.web_ui, self.namespace, query)
        return web_ui.page_url(self.web_ui, self.namespace, alarm.workflow_id)

    def _seconds_left(self, alarm: Alarm) -> int | None:
        if alarm.expires_at is None:
            return None
        return round((alarm.expires_at - self.now()).total_seconds())


def told(alarm: Alarm) -> Alarm:
    """Return an alarm as the state of a call keeps it: without what can be made again."""
    nothing = {"page_url": "", "runbook_url": "", "cause_url": "", "seconds_left": None}
    return alarm.model_copy(update=nothing)


def section_of(alarm: Alarm) -> str:
    """Return the anchor of the section of docs/operations.md that an alarm links to."""
    return _PROBLEM_SECTIONS[alarm.problem] if alarm.problem else alarm.kind


def cause_section(cause: Cause) -> str:
    """Return the anchor of the section about a cause."""
    return f"cause-{cause}"
