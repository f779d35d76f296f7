"""The objects that really lie in the archives, against the claims of recordings."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from callvault.archive.manifests.documents import Keyring, read_document, sha256
from callvault.archive.names import RECORDINGS_PREFIX, is_manifest_name
from callvault.archive.store import Archive
from callvault.archive.verify.verifier import verify_manifest
from callvault.contracts.manifest import Manifest
from callvault.contracts.reconciliation import Source
from callvault.errors import CallvaultError, ContentMissing
from callvault.reconcile.records import Account, Claim, of_manifest, silent
from callvault.reconcile.verdicts import Amiss

AT_ONCE = 16
"""Objects that are examined at the same time."""

PATIENCE = 5
"""Failures in a row after which an archive is not asked again."""

_METADATA = ".metadata.json"

GONE = Amiss("it is not there")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The account of a manifest, and the time of its seal."""

    sealed_at: datetime
    account: Account


class Holdings:
    """The archives of a configuration. Blocking and thread-safe: use it in a thread.

    ``archives`` opens each of them by its name, when it is first needed.
    """

    def __init__(self, archives: Mapping[str, Callable[[], Archive]]) -> None:
        self._opening = archives
        self._opened: dict[str, Archive] = {}
        self._failures: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        self._listed: dict[str, frozenset[str]] = {}

    def look(self, since: datetime, until: datetime) -> None:
        """List the objects of every day of the period, in UTC; of an archive that answers."""
        for name in self._opening:
            try:
                self._listed[name] = frozenset(_names(self._archive(name), since, until))
            except CallvaultError as error:
                self._listed[name] = frozenset()
                self._problems[name] = str(error)
                self._failures[name] = PATIENCE

    def manifests(self, known: Iterable[Claim]) -> list[Sealed]:
        """Read the listed manifests that are not among the claims known already.

        Of several about one recording in one archive, only the newest counts. One that cannot be
        read counts as sealed at the end of all time.
        """
        claimed = _places(known)
        unknown = [
            Claim(name, each, is_manifest=True)
            for name, each in self._listed_objects()
            if is_manifest_name(each) and (name, each) not in claimed
        ]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return _newest(filter(None, threads.map(self._read, unknown)))

    def amiss(self, claims: Iterable[Claim], *, deep: bool) -> dict[Claim, Amiss]:
        """Return the claims that do not hold, and why; ``deep`` reads every file of a manifest."""
        distinct = list(dict.fromkeys(claims))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = threads.map(lambda claim: self._examine(claim, deep), distinct)
            return {claim: why for claim, why in zip(distinct, found, strict=True) if why}

    def unclaimed(self, claims: Iterable[Claim]) -> int:
        """Count the media files of the period that no claim names."""
        claimed = _places(claims)
        return sum(
            not (is_manifest_name(each) or each.endswith(_METADATA) or (name, each) in claimed)
            for name, each in self._listed_objects()
        )

    def sources(self) -> tuple[Source, ...]:
        """Describe each archive as a source of the report."""
        return tuple(
            Source(
                name=f"archive {name}",
                told=f"{sum(map(is_manifest_name, names))} manifests among {len(names)} objects",
                problem=self._problems.get(name, ""),
            )
            for name, names in self._listed.items()
        )

    def close(self) -> None:
        """Close the archives that were opened."""
        for archive in self._opened.values():
            archive.close()

    def _archive(self, name: str) -> Archive:
        if name not in self._opened:
            self._opened[name] = self._opening[name]()
        return self._opened[name]

    def _listed_objects(self) -> Iterator[tuple[str, str]]:
        for name, names in self._listed.items():
            # The shorter name is that of the lower number, and so of the earlier manifest.
            for each in sorted(names, key=lambda text: (len(text), text)):
                yield name, each

    def _read(self, claim: Claim) -> Sealed | None:
        try:
            data = b"".join(self._archive(claim.archive).read(claim.object_name))
            manifest = read_document(Manifest, data)
        except ContentMissing:
            return None
        except CallvaultError as error:
            unreadable = silent(claim.object_name, "", "", f"{claim}: {error}", is_over=True)
            return Sealed(datetime.max.replace(tzinfo=UTC), unreadable)
        exact = Claim(claim.archive, claim.object_name, len(data), sha256(data), is_manifest=True)
        return Sealed(manifest.sealed_at, of_manifest(manifest, exact))

    def _examine(self, claim: Claim, deep: bool) -> Amiss | None:
        if claim.archive not in self._listed:
            return Amiss("no archive of this name is configured", is_unknown=True)
        if self._failures[claim.archive] >= PATIENCE:
            return Amiss(self._problems[claim.archive], is_unknown=True)
        try:
            found = examine(self._archive(claim.archive), claim, deep=deep)
        except CallvaultError as error:
            self._problems[claim.archive] = str(error)
            self._failures[claim.archive] += 1
            return Amiss(str(error), is_unknown=True)
        self._failures[claim.archive] = 0
        return found


def _names(archive: Archive, since: datetime, until: datetime) -> Iterator[str]:
    day = since.astimezone(UTC).date()
    while day <= until.astimezone(UTC).date():
        yield from archive.names(f"{RECORDINGS_PREFIX}{day:%Y/%m/%d}/")
        day += timedelta(days=1)


def _places(claims: Iterable[Claim]) -> set[tuple[str, str]]:
    return {(claim.archive, claim.object_name) for claim in claims}


def _newest(sealed: Iterable[Sealed]) -> list[Sealed]:
    by_recording: dict[tuple[object, ...], Sealed] = {}
    for each in sealed:
        manifest = each.account.manifest
        by_recording[(*each.account.key, manifest.archive if manifest else "")] = each
    return list(by_recording.values())


def examine(archive: Archive, claim: Claim, *, deep: bool) -> Amiss | None:
    """Return why the claim does not hold now; None if it does. Errors of the store pass through.

    A manifest is read and compared. Of other objects the size is compared, and the SHA-256 that the
    store noted. ``deep`` reads every file that a manifest names as well, as `callvault verify`
    does.
    """
    if not claim.is_manifest:
        return _object(archive, claim)
    found = _manifest(archive, claim)
    return _files_of(archive, claim) if found is None and deep else found


def _object(archive: Archive, claim: Claim) -> Amiss | None:
    stored = archive.stat(claim.object_name)
    if stored is None:
        return GONE
    if claim.size is not None and stored.size != claim.size:
        return Amiss(f"it holds {stored.size} bytes, and {claim.size} were archived")
    if claim.sha256 and stored.sha256 and stored.sha256 != claim.sha256:
        return Amiss("it is another object than was archived: its SHA-256 differs")
    return None


def _manifest(archive: Archive, claim: Claim) -> Amiss | None:
    if archive.stat(claim.object_name) is None:
        return GONE
    try:
        data = b"".join(archive.read(claim.object_name))
    except ContentMissing:
        return GONE
    if claim.sha256 and sha256(data) != claim.sha256:
        return Amiss("it was changed since it was sealed")
    return None


def _files_of(archive: Archive, claim: Claim) -> Amiss | None:
    report = verify_manifest(archive, claim.object_name, Keyring())
    problems = [f"{remark.object_name}: {remark.text}" for remark in report.problems]
    return Amiss("; ".join(problems)) if problems else None
