"""The work of `callvault reconcile`, and its report for the terminal."""

from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text
from temporalio.client import Client

from callvault.archive.manifests.documents import Keyring
from callvault.cli.actions.recordings import with_client
from callvault.cli.terminal import InertTable, line
from callvault.clients import open_keyring, openers
from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.reconciliation import Gap, ReconcileInput, Reconciliation, Verdict
from callvault.reconcile.run import reconcile
from callvault.temporal import schedules
from callvault.temporal.archives import remembered_archives

_COLOURS = {
    Verdict.COMPLETE: "green",
    Verdict.MISSING: "bold red",
    Verdict.LOST: "bold red",
    Verdict.PARTIAL: "red",
    Verdict.UNKNOWN: "yellow",
    Verdict.NO_SUCH_CALL: "yellow",
    Verdict.DECLINED: "cyan",
}


def look(config: Path | None, input: ReconcileInput) -> Reconciliation:
    """Reconcile now, in this process; a worker is needed only to query open calls."""
    settings = load_settings(config)
    target = settings.reconciliation.target

    def keys_of(name: str) -> Keyring:
        return open_keyring(settings.archive(name))

    async def compare(client: Client) -> Reconciliation:
        archives = openers(settings.archives, await remembered_archives(client))
        return await reconcile(client, archives, input, target, keys_of)

    return with_client(config, compare)


def schedule(config: Path | None, input: ReconcileInput, interval: timedelta) -> str:
    """Set the Temporal Schedule; return a sentence about the outcome."""
    what = f"{input.since} back"
    return with_client(
        config,
        lambda client: schedules.schedule(
            client, names.RECONCILE_SCHEDULE, names.RECONCILE_TYPE, input, interval, what
        ),
    )


def unschedule(config: Path | None) -> str:
    """Remove the Temporal Schedule; return a sentence about the outcome."""
    return with_client(
        config, lambda client: schedules.unschedule(client, names.RECONCILE_SCHEDULE)
    )


def show(report: Reconciliation) -> None:
    """Print the report: the counts from call to archive, each gap by name, and the verdict."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(_way(report))
    for gap in report.gaps:
        console.print(_describe(gap))
    for source in report.sources:
        problem = f" {source.problem}" if source.problem else ""
        colour = "bold red" if source.is_unread else "yellow"
        console.print(line((f"from {source.name}: {source.summary}", "dim"), (problem, colour)))
    console.print(_sum(report))


def _way(report: Reconciliation) -> InertTable:
    table = InertTable(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row("calls seen", str(report.calls_seen))
    table.add_row("recordings asked for", str(report.recordings_requested))
    table.add_row("recordings started", str(report.recordings_started))
    table.add_row("files announced", str(report.files_announced))
    table.add_row("files in the archive", str(report.files_archived))
    for verdict, count in report.verdicts.items():
        if count:
            colour = _COLOURS.get(verdict, "default")
            table.add_row(verdict.replace("_", " "), line((str(count), colour)))
    if report.with_findings:
        table.add_row("complete, with remarks", str(report.with_findings))
    if report.unreferenced_objects:
        table.add_row("files nobody knows (yet)", str(report.unreferenced_objects))
    return table


def _describe(gap: Gap) -> Text:
    name = gap.workflow_id
    if gap.recording is not None:
        name += f" recording {gap.recording}"
    if gap.recording_id:
        name += f" ({gap.recording_id})"
    return line((gap.verdict, _COLOURS[gap.verdict]), f" {name}: {gap.what}")


def _sum(report: Reconciliation) -> Text:
    colour = "bold green" if report.is_met else "bold red"
    unread = f", and not read: {', '.join(each.name for each in report.unread)}"
    return line(
        (f"{report.shown_percentage} complete", colour),
        (unread if report.unread else "", "bold red"),
        f", target {report.target:g} %,"
        f" {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC.",
    )
