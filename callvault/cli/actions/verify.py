"""The work of `callvault verify`: find the archive, verify it with a progress bar, report."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from callvault.archive.manifests.documents import Keyring, read_document
from callvault.archive.store import MAX_DOCUMENT, Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, spelt
from callvault.archive.verify.inspector import Remark, Report
from callvault.archive.verify.verifier import verify_archive, verify_copy, verify_manifest
from callvault.cli.actions.local_files import is_directory, is_file, looking_at, public_key
from callvault.cli.actions.outside import Outside
from callvault.cli.actions.tables import size
from callvault.cli.terminal import line
from callvault.clients import open_archive
from callvault.config.settings import load_settings
from callvault.contracts.manifest import Manifest
from callvault.errors import BrokenContent, InvalidRequest

_MAX_LISTED = 50
"""Warnings printed one by one; the JSON report holds all of them."""


def verify_target(
    target: str,
    key_files: Sequence[Path],
    expected: Expectation,
    outside: Outside,
    *,
    quick: bool,
    config: Path | None,
) -> Report:
    """Verify a manifest file, the directory of an archive, or an archive by its configured name."""
    keys = Keyring(public_key(file) for file in key_files)
    path = Path(target)
    is_here = is_directory(path) or is_file(path)
    name = expected.archive or (None if is_here else target)
    with outside.known(expected, name, config) as known, _progress() as progress:
        report = _Proof(keys, known, quick, progress).of(target, config)
    report.warnings.extend(outside.doubts(known))
    return report


def show(report: Report) -> None:
    """Print a report, problems first."""
    console = Console(soft_wrap=True, highlight=False)
    for remark in report.problems:
        console.print(_told(("problem", "bold red"), remark))
    for remark in report.warnings[:_MAX_LISTED]:
        console.print(_told(("warning", "yellow"), remark))
    if (left := len(report.warnings) - _MAX_LISTED) > 0:
        console.print(line(("warning", "yellow"), f" … and {left} more: see --json"))
    console.print(_summary(report))
    heads = {"--head": report.head, "--access-head": report.access_head}
    told = " ".join(f"{option} {spelt(head)}" for option, head in heads.items() if head)
    if report.ok and told:
        console.print(f"Keep this elsewhere, and give it next time: {told}")


def _told(kind: tuple[str, str], remark: Remark) -> Text:
    return line(kind, f" {remark.location}: {remark.text}")


def _summary(report: Report) -> Text:
    what = "Signatures, chain and sizes are" if report.quick else "Everything is"
    verdict = (f"{what} as sealed.", "bold green")
    if not report.ok:
        verdict = (f"{_count(len(report.problems), 'problem')}.", "bold red")
    head = f", newest link {report.head.sequence}" if report.head else ""
    how = "not read (--quick)" if report.quick else f"read, {size(report.bytes_read)}"
    told = f", {_count(report.told, 'link')} known from outside compared" if report.told else ""
    accesses = (
        f", {_count(report.access_records, 'access record')}" if report.access_records else ""
    )
    return line(
        verdict,
        f" {_count(report.manifests, 'manifest')}{head}{accesses},"
        f" {_count(report.objects, 'file')} {how}{told}.",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class _Bars:
    """Progress bars of a verification: all manifests, and the bytes of the current one."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._manifests = bars.add_task("manifests", total=None)
        self._bytes = bars.add_task("bytes", total=None)

    def expect(self, manifests: int) -> None:
        self._bars.update(self._manifests, total=manifests)

    def begin(self, size: int) -> None:
        self._bars.advance(self._manifests)
        self._bars.reset(self._bytes, total=size)

    def advance(self, count: int) -> None:
        self._bars.advance(self._bytes, count)


@contextmanager
def _progress() -> Iterator[_Bars]:
    """Show progress on standard error, if that is a terminal."""
    # Standard output is for the report, which may be JSON.
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}")
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        yield _Bars(bars)


@dataclass(frozen=True)
class _Proof:
    """One verification, of the kind that its target calls for."""

    keys: Keyring
    expected: Expectation
    quick: bool
    progress: _Bars

    def of(self, target: str, config: Path | None) -> Report:
        path = Path(target)
        if is_directory(path):
            return self._archive(DirectoryArchive(path.name or target, path))
        if is_file(path):
            return self._file(path.absolute())
        # It looks like a path, so no archive of that name is looked for.
        if path.suffix or os.sep in target:
            raise InvalidRequest(f"there is no file and no directory {target}")
        with closing(open_archive(target, load_settings(config).archive(target))) as opened:
            # another archive, mounted in its place, may be signed with the same key
            name = self.expected.archive or target
            return replace(self, expected=replace(self.expected, archive=name))._archive(opened)

    def _archive(self, archive: Archive) -> Report:
        return verify_archive(
            archive, self.keys, quick=self.quick, expected=self.expected, progress=self.progress
        )

    def _file(self, path: Path) -> Report:
        """Verify a manifest in its place within a directory, or a copy of one elsewhere."""
        if self.expected.is_known:
            raise InvalidRequest(
                "--head, --access-head, --checkpoints, --against-temporal and --may-be-empty tell"
                f" of a whole archive, and {path} is one file: name the archive's directory"
            )
        with looking_at(path), path.open("rb") as file:
            data = file.read(MAX_DOCUMENT + 1)
        try:
            name = read_document(Manifest, data).object_name
        except BrokenContent:
            name = ""
        # a manifest has its name within the archive, from which the archive's directory follows
        root = path.parents[name.count("/")] if name.count("/") < len(path.parents) else path.parent
        if not name or path.relative_to(root).as_posix() != name:
            return verify_copy(str(path), data, self.keys, self.expected)
        return verify_manifest(
            DirectoryArchive(root.name, root),
            name,
            self.keys,
            quick=self.quick,
            expected=self.expected,
            progress=self.progress,
        )
