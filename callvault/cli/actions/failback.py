"""The work of `callvault recordings failback`: select recordings, copy them back, report."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from callvault.archive.failback.candidates import FailbackCandidate, failback_candidates
from callvault.archive.failback.failback import Failback, OnStep
from callvault.archive.manifests.documents import Keyring
from callvault.archive.verify.chain_end import ChainEnd
from callvault.cli.actions.local_files import public_key
from callvault.cli.actions.recordings import with_client
from callvault.cli.actions.tables import size
from callvault.cli.terminal import line, say_json
from callvault.clients import open_keyring, open_proven, open_signer
from callvault.config.residency import same_region
from callvault.config.settings import Settings
from callvault.contracts.participants import hiding
from callvault.contracts.printable import printable
from callvault.errors import (
    CallvaultError,
    ConfigurationError,
    NotDone,
    RecordingErased,
    WrongArchive,
)
from callvault.temporal.archives import remembered_archives


class FailbackOutcome(StrEnum):
    """The end of the failback of one recording."""

    BROUGHT = "brought"
    AT_HOME = "at home"
    ELSEWHERE = "elsewhere"
    """Left alone: its resource names another archive."""
    ERASED = "erased"
    """Left alone: it was erased from the archive, and is not brought back."""
    REFUSED = "refused"


_NEWS = {FailbackOutcome.BROUGHT, FailbackOutcome.ERASED, FailbackOutcome.REFUSED}


class Told(NamedTuple):
    """The report on one recording; with --json, the members of an object."""

    outcome: FailbackOutcome
    recording: str
    """Its folder in the archive; or the name asked for, where no recording has it."""
    manifests: int = 0
    files: int = 0
    bytes: int = 0
    problem: str = ""


def remembered(config: Path | None, settings: Settings, *archives: str) -> dict[str, str]:
    """Return the ids that Temporal remembers; it is asked only if the settings lack one."""
    if all(settings.archive(name).id is not None for name in archives):
        return {}
    return with_client(config, remembered_archives)


@contextmanager
def open_both(
    settings: Settings,
    fallback: str,
    primary: str,
    key_files: Sequence[Path],
    ids: Mapping[str, str],
) -> Iterator[Failback]:
    """Open both archives; `WrongArchive` where one is not in its place.

    ``ids`` are those that are remembered, by name; the settings' own count first. Manifests of the
    fallback are checked with ``key_files``, or else with its configured keys.
    """
    source, target = settings.archive(fallback), settings.archive(primary)
    given = [public_key(file) for file in key_files]
    keys = Keyring(given) if given else open_keyring(source)
    with (
        closing(open_proven(fallback, source, ids.get(fallback))) as a,
        closing(open_proven(primary, target, ids.get(primary))) as b,
    ):
        if a.prove() == b.prove():
            raise WrongArchive(
                f"{fallback} and {primary} are the same archive, {a.prove()}: mount or name the"
                " right ones"
            )
        # Only this one is written to.
        b.check()
        hash_of = hiding(settings.participant_key())
        signer = open_signer(target)
        yield Failback(
            a,
            b,
            keys,
            signer,
            lambda: datetime.now(UTC),
            hash_of=hash_of,
            primary_keys=open_keyring(target),
            end=ChainEnd(a),
        )


def fail_back_all(
    failback: Failback, settings: Settings, wanted: Sequence[str], *, as_json: bool
) -> bool:
    """Copy back the recordings wanted, or all of this archive; return True if none was refused.

    `NotDone` where the archive holds no sealed recording at all.
    """
    tell = _print_json if as_json else _print
    counts: Counter[FailbackOutcome] = Counter()
    for told in _outcomes(failback, settings, wanted):
        counts[told.outcome] += 1
        # Of those that are not asked for by name, people want to see what was done.
        if as_json or wanted or told.outcome in _NEWS:
            tell(told)
    if not as_json:
        _console().print(_summary(counts, failback))
    if not (counts or wanted):
        raise NotDone(
            f"archive {failback.fallback.name} holds no sealed recording, so nothing was compared:"
            " look whether it is the one that was meant"
        )
    return not counts[FailbackOutcome.REFUSED]


def _outcomes(failback: Failback, settings: Settings, wanted: Sequence[str]) -> Iterator[Told]:
    missed = dict.fromkeys(wanted)
    for recording in failback_candidates(failback.fallback):
        answered = [word for word in wanted if recording.matches(word)]
        if wanted and not answered:
            continue
        for word in answered:
            missed.pop(word, None)
        if not wanted and _belongs_to_another(recording, settings, failback.primary.name):
            yield Told(FailbackOutcome.ELSEWHERE, recording.folder)
            continue
        if problem := _region_problem(recording, settings, failback):
            yield Told(FailbackOutcome.REFUSED, recording.folder, problem=problem)
            continue
        yield _fail_back(failback, recording)
    for word in missed:
        yield Told(FailbackOutcome.REFUSED, word, problem="no sealed recording of that name")


def _belongs_to_another(recording: FailbackCandidate, settings: Settings, primary: str) -> bool:
    """Return True if the recording's resource archives elsewhere."""
    # One archive may be the fallback of several resources and the primary of others.
    resources = {manifest.recording.resource for manifest in recording.known}
    known = resources & settings.resources.keys()
    return any(settings.archive_name(resource) != primary for resource in known)


def _region_problem(recording: FailbackCandidate, settings: Settings, failback: Failback) -> str:
    """Say why the primary may not have a recording, by its region; empty where it may."""
    fallback, primary = failback.fallback.name, failback.primary.name
    for resource in sorted({manifest.recording.resource for manifest in recording.known}):
        if resource in settings.resources:
            try:
                settings.refuse_other_region(resource, primary)
            except ConfigurationError as error:
                return str(error)
        elif not same_region(settings.archive(fallback), settings.archive(primary)):
            return (
                f"resource {resource} is not in the settings, and {primary} lies in another data"
                f" region than {fallback}: add the resource"
            )
    return ""


def _fail_back(failback: Failback, recording: FailbackCandidate) -> Told:
    try:
        with _bar() as on_step:
            came = replace(failback, on_step=on_step).fail_back(recording)
    except RecordingErased as error:
        return Told(FailbackOutcome.ERASED, recording.folder, problem=str(error))
    except CallvaultError as error:
        return Told(FailbackOutcome.REFUSED, recording.folder, problem=str(error))
    if not came.manifests:
        return Told(FailbackOutcome.AT_HOME, recording.folder)
    return Told(
        FailbackOutcome.BROUGHT,
        recording.folder,
        manifests=came.manifests,
        files=came.files,
        bytes=came.size,
    )


def _print_json(told: Told) -> None:
    say_json(json.dumps(told._asdict()))


def _print(told: Told) -> None:
    style, what = {
        FailbackOutcome.BROUGHT: ("green", _amount(told)),
        FailbackOutcome.AT_HOME: ("", "nothing was left to do"),
        FailbackOutcome.ERASED: ("cyan", told.problem),
        FailbackOutcome.REFUSED: ("bold red", told.problem),
    }[told.outcome]
    _console().print(line((told.outcome, style), f" {told.recording}: {what}"))


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)


def _amount(told: Told) -> str:
    manifests = "1 manifest" if told.manifests == 1 else f"{told.manifests} manifests"
    return f"{manifests}, {told.files} files, {size(told.bytes)}"


def _summary(counts: Counter[FailbackOutcome], failback: Failback) -> Text:
    fallback, primary = failback.fallback.name, failback.primary.name
    parts = [f"{counts[FailbackOutcome.BROUGHT]} brought to {primary}"]
    if at_home := counts[FailbackOutcome.AT_HOME]:
        parts.append(f"{at_home} there already")
    if elsewhere := counts[FailbackOutcome.ELSEWHERE]:
        parts.append(f"{elsewhere} left alone, for their resources name another archive")
    if erased := counts[FailbackOutcome.ERASED]:
        parts.append(f"{erased} left alone, for they were erased")
    refused = counts[FailbackOutcome.REFUSED]
    return line(
        ", ".join([*parts, ""] if refused else parts),
        (f"{refused} refused" if refused else "", "bold red"),
        f". Nothing was deleted from {fallback}: that is for a retention rule of its storage, or"
        " for a person.",
    )


@contextmanager
def _bar() -> Iterator[OnStep]:
    """Show the current file's progress on standard error, if that is a terminal."""
    # Standard output is for the lines about each recording.
    console = Console(stderr=True)
    # Narrow, so that the whole bar fits a terminal of 80 columns.
    narrow = Column(no_wrap=True, overflow="ellipsis", max_width=24)
    with Progress(
        BarColumn(bar_width=16),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False, table_column=narrow),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("looking", total=None)

        def on_step(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=printable(what), completed=done, total=total)

        yield on_step
