"""The objects that really lie in the archives, against the claims of recordings."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from callvault.archive.manifests.documents import Keyring, read_document, sha256
from callvault.archive.names import RECORDINGS_PREFIX, is_manifest_name, is_object_name
from callvault.archive.store import Archive, read_small
from callvault.archive.verify.chain_end import ChainEnd
from callvault.archive.verify.verifier import verify_manifest
from callvault.contracts.erasures import ErasureRecord
from callvault.contracts.manifest import Manifest
from callvault.contracts.reconciliation import Source
from callvault.errors import BrokenContent, CallvaultError, ContentMissing
from callvault.reconcile.erasures import erasures_in
from callvault.reconcile.records import ExpectedObject, Record, of_manifest, unreadable_record
from callvault.reconcile.verdicts import Discrepancy

MAX_CONCURRENT_READS = 16
"""Objects that are examined at the same time."""

MAX_FAILURES = 5
"""Failures in a row after which an archive is not asked again."""

_METADATA = ".metadata.json"

MISSING = Discrepancy("it is not there")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The account of a manifest, and the time of its seal."""

    sealed_at: datetime
    record: Record


class Inventory:
    """The archives of a configuration. Blocking and thread-safe: use it in a thread.

    ``archives`` opens each of them by its name, when it is first needed; ``keys_of`` reads the keys
    that may have signed in it.
    """

    def __init__(
        self,
        archives: Mapping[str, Callable[[], Archive]],
        keys_of: Callable[[str], Keyring] = lambda _: Keyring(),
    ) -> None:
        self._opening = archives
        self._keys_of = keys_of
        self._opened: dict[str, Archive] = {}
        self._ends: dict[str, ChainEnd] = {}
        """Of each archive the end of its chain, read once for all its manifests."""
        self._failures: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._erased: list[ErasureRecord] | None = None

    def list_objects(self, since: datetime, until: datetime) -> None:
        """List the objects of every day of the period, in UTC; of an archive that answers."""
        for name in self._opening:
            try:
                self._listed[name] = frozenset(_names(self._archive(name), since, until))
            except CallvaultError as error:
                # Listed as empty: `_examine` takes an archive that is not listed for unconfigured.
                self._listed[name] = frozenset()
                self._problems[name] = str(error)
                # So it is not asked for single objects: each would wait for the same time-out.
                self._failures[name] = MAX_FAILURES

    def manifests(self, known: Iterable[ExpectedObject]) -> list[Sealed]:
        """Read the listed manifests that are not among the claims known already.

        Of several about one recording in one archive, only the newest counts. One that cannot be
        read counts as sealed at the end of all time.
        """
        expected_names = _locations(known)
        unknown = [
            ExpectedObject(name, each, is_manifest=True)
            for name, each in self._listed_objects()
            if is_manifest_name(each) and (name, each) not in expected_names
        ]
        with ThreadPoolExecutor(MAX_CONCURRENT_READS) as threads:
            return _newest(filter(None, threads.map(self._read, unknown)))

    def discrepancies(
        self, expected_objects: Iterable[ExpectedObject], *, deep: bool
    ) -> dict[ExpectedObject, Discrepancy]:
        """Return the claims that do not hold, and why; ``deep`` reads every file of a manifest."""
        distinct = list(dict.fromkeys(expected_objects))
        with ThreadPoolExecutor(MAX_CONCURRENT_READS) as threads:
            found = threads.map(lambda expected: self._examine(expected, deep), distinct)
            wrong = {expected: why for expected, why in zip(distinct, found, strict=True) if why}
        return {expected: self._unless_erased(expected, why) for expected, why in wrong.items()}

    def erased_workflows(self) -> frozenset[str]:
        """Return the ids of the workflows whose recordings were erased, as records tell."""
        return frozenset(each for record in self._erasures() for each in record.workflows)

    def unreferenced(self, expected_objects: Iterable[ExpectedObject]) -> int:
        """Count the media files of the period that no claim names."""
        expected_names = _locations(expected_objects)
        return sum(
            not (
                is_manifest_name(each) or each.endswith(_METADATA) or (name, each) in expected_names
            )
            for name, each in self._listed_objects()
        )

    def _unless_erased(self, expected: ExpectedObject, why: Discrepancy) -> Discrepancy:
        if why is not MISSING:
            return why
        for record in self._erasures():
            is_named = any(each.object_name == expected.object_name for each in record.erased)
            if is_named and record.archive == expected.archive:
                return Discrepancy(f"it was erased ({record.object_name})", is_erased=True)
        return why

    def sources(self) -> tuple[Source, ...]:
        """Describe each archive as a source of the report."""
        return tuple(
            Source(
                name=f"archive {name}",
                summary=f"{sum(map(is_manifest_name, names))} manifests among {len(names)} objects",
                problem=self._problems.get(name, ""),
                # A single object that could not be read has made its recording unknown.
                is_unread=self._failures[name] >= MAX_FAILURES,
            )
            for name, names in self._listed.items()
        )

    def close(self) -> None:
        """Close the archives that were opened."""
        for archive in self._opened.values():
            archive.close()

    def _erasures(self) -> list[ErasureRecord]:
        """Read the records of erasures that are believed; of an archive that answers."""
        if self._erased is None:
            self._erased = []
            for name in self._opening:
                with suppress(CallvaultError):  # told by `list_objects`, or by each object
                    self._erased += erasures_in(self._archive(name), self._keys_of(name))
        return self._erased

    def _archive(self, name: str) -> Archive:
        # Without a lock: `list_objects` opens them all before the threads of other methods begin.
        if name not in self._opened:
            self._opened[name] = self._opening[name]()
            self._ends[name] = ChainEnd(self._opened[name])
        return self._opened[name]

    def _listed_objects(self) -> Iterator[tuple[str, str]]:
        for name, names in self._listed.items():
            # The shorter name is that of the lower number, and so of the earlier manifest.
            for each in sorted(names, key=lambda text: (len(text), text)):
                yield name, each

    def _read(self, expected: ExpectedObject) -> Sealed | None:
        try:
            data = read_small(self._archive(expected.archive), expected.object_name)
            manifest = read_document(Manifest, data)
        except ContentMissing:
            return None
        except CallvaultError as error:
            unreadable = unreadable_record(
                expected.object_name, "", "", f"{expected}: {error}", is_over=True
            )
            # Later than every beginning of a period, so that it is always reported.
            return Sealed(datetime.max.replace(tzinfo=UTC), unreadable)
        exact = ExpectedObject(
            expected.archive, expected.object_name, len(data), sha256(data), is_manifest=True
        )
        return Sealed(manifest.sealed_at, of_manifest(manifest, exact))

    def _examine(self, expected: ExpectedObject, deep: bool) -> Discrepancy | None:
        if expected.archive not in self._listed:
            return Discrepancy("no archive of this name is configured", is_unknown=True)
        if self._failures[expected.archive] >= MAX_FAILURES:
            return Discrepancy(self._problems[expected.archive], is_unknown=True)
        try:
            archive, end = self._archive(expected.archive), self._ends[expected.archive]
            keys = self._keys_of(expected.archive) if deep else None
            found = examine(archive, expected, keys, end)
        except CallvaultError as error:
            self._problems[expected.archive] = str(error)
            self._failures[expected.archive] += 1
            return Discrepancy(str(error), is_unknown=True)
        self._failures[expected.archive] = 0
        return found


def _names(archive: Archive, since: datetime, until: datetime) -> Iterator[str]:
    day = since.astimezone(UTC).date()
    while day <= until.astimezone(UTC).date():
        yield from archive.names(f"{RECORDINGS_PREFIX}{day:%Y/%m/%d}/")
        day += timedelta(days=1)


def _locations(expected_objects: Iterable[ExpectedObject]) -> set[tuple[str, str]]:
    return {(expected.archive, expected.object_name) for expected in expected_objects}


def _newest(sealed: Iterable[Sealed]) -> list[Sealed]:
    by_recording: dict[tuple[object, ...], Sealed] = {}
    for each in sealed:
        manifest = each.record.manifest
        # `sealed` comes in the order of `_listed_objects`, so that the newest is written last.
        by_recording[(*each.record.key, manifest.archive if manifest else "")] = each
    return list(by_recording.values())


def examine(
    archive: Archive,
    expected: ExpectedObject,
    keys: Keyring | None = None,
    end: ChainEnd | None = None,
) -> Discrepancy | None:
    """Return why the claim does not hold now; None if it does. Errors of the store pass through.

    A manifest is read and compared. Of other objects the size is compared, and the SHA-256 that the
    store noted. With ``keys``, every file that a manifest names is read as well, and its signature
    proven, as `callvault verify` does; ``end`` is that of the archive's chain.
    """
    if not expected.is_manifest:
        return _object(archive, expected)
    found = _manifest(archive, expected)
    if found is not None or keys is None:
        return found
    return _files_of(archive, expected, keys, end)


def _object(archive: Archive, expected: ExpectedObject) -> Discrepancy | None:
    if not is_object_name(expected.object_name):
        return Discrepancy("no object can bear that name")
    stored = archive.stat(expected.object_name)
    if stored is None:
        return MISSING
    if expected.size is not None and stored.size != expected.size:
        return Discrepancy(f"it holds {stored.size} bytes, and {expected.size} were archived")
    if expected.sha256 and stored.sha256 and stored.sha256 != expected.sha256:
        return Discrepancy("it is another object than was archived: its SHA-256 differs")
    return None


def _manifest(archive: Archive, expected: ExpectedObject) -> Discrepancy | None:
    if archive.stat(expected.object_name) is None:
        return MISSING
    try:
        data = read_small(archive, expected.object_name)
    except ContentMissing:
        return MISSING
    except BrokenContent:  # far too large
        return Discrepancy("it was changed since it was sealed")
    if expected.sha256 and sha256(data) != expected.sha256:
        return Discrepancy("it was changed since it was sealed")
    return None


def _files_of(
    archive: Archive, expected: ExpectedObject, keys: Keyring, end: ChainEnd | None
) -> Discrepancy | None:
    report = verify_manifest(archive, expected.object_name, keys, end=end)
    problems = [f"{remark.object_name}: {remark.text}" for remark in report.problems]
    return Discrepancy("; ".join(problems)) if problems else None
