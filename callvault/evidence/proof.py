"""The files, the duties and the proof, section by section."""

from collections.abc import Iterator

from callvault.archive.media.waveform import NoWaveform
from callvault.contracts.duties import Duty, DutyRecord
from callvault.contracts.manifest import ManifestChunk, ObjectReference
from callvault.contracts.states import ChunkState
from callvault.evidence.markup import Html, bullets, code, facts, joined, table, tag
from callvault.evidence.people import People
from callvault.evidence.recording import RecordingFacts
from callvault.evidence.sheet import verdict
from callvault.evidence.words import bytes_, length, moment

FINGERPRINT = (
    "A hash is a fingerprint of a file's bytes: whoever computes it of the same bytes gets the same"
    " hash, and a file in which a single bit was changed has another one. Nobody can make a second"
    " file with a given hash. So a file that has the hash shown here is the file that was archived."
)
CHAIN = (
    "The manifest lists the hashes of all files, and is signed: only the holder of the archive's"
    " private key can have written it. Its own hash stands in a chain, in which each link has the"
    " hash of the one before: nothing can be changed, put in or taken out without breaking it."
)
BY_YOURSELF = (
    "To check a file yourself: sha256sum FILE (Linux), shasum -a 256 FILE (macOS), or"
    " Get-FileHash FILE (PowerShell), and compare with the hash shown here."
)


def judgement(recording: RecordingFacts) -> Html:
    """Say in one box whether everything is as it was sealed."""
    report, manifest = recording.report, recording.manifest
    if report is None:
        return verdict(
            "open",
            "Not sealed yet: nothing is proven.",
            "This is what is known now. Make the page again once the recording is archived.",
        )
    if not report.ok:
        return verdict(
            "bad",
            f"Not as it was sealed: {_count(len(report.problems), 'problem')}.",
            "See “Proof” below. Do not rely on this recording before they are explained.",
        )
    signed = "signed" if manifest.signature else "NOT signed: anybody could have written it"
    count = len(manifest.findings)
    faults = f", with {_count(count, 'finding')}" if count else ""
    return verdict(
        "open" if faults or not manifest.signature else "good",
        f"Everything is as it was sealed{faults}.",
        f"The manifest is {signed}. {_count(report.objects, 'file')} with"
        f" {bytes_(report.bytes_read)} read and found unchanged.",
        " What is missing or in doubt was so when it was sealed: see “Findings”."
        if faults
        else None,
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def files(recording: RecordingFacts) -> Html:
    """List the files with their hashes, and what is missing."""
    rows = [row for chunk in recording.manifest.chunks for row in _file_rows(chunk, recording)]
    return joined(
        (
            tag("h3", "Files"),
            table(
                "Files of the recording",
                ("File", "Object in the archive", "Size", "Hashes", "As media", "Archived"),
                rows,
            ),
            tag("p", "The service announced no file.") if not rows else None,
            *(
                tag("p", f"No waveform of {name.rpartition('/')[2]}: {picture.reason}.")
                for name, picture in recording.pictures.items()
                if isinstance(picture, NoWaveform)
            ),
        )
    )


def _file_rows(chunk: ManifestChunk, recording: RecordingFacts) -> Iterator[tuple[str, ...]]:
    erased = set(_erased(recording))
    name = f"chunk {chunk.index}"
    if chunk.media is None:
        why = chunk.lost_reason or "it is not archived yet"
        word = "LOST" if chunk.state is ChunkState.LOST else chunk.state
        yield name, f"{word}: {why}", "", "", "", ""
    for what, each in (("", chunk.media), (", the service's metadata", chunk.metadata)):
        if each is None:
            continue
        gone = (
            tag("strong", " (erased since, see “Duties” and “Proof”)")
            if each.object_name in erased
            else None
        )
        yield (
            f"{name}{what}",
            joined((code(each.object_name), gone)),
            bytes_(each.size) if each.sha256 else "",
            hashes(each),
            _as_media(chunk) if each is chunk.media else "",
            moment(chunk.verified_at),
        )


def _erased(recording: RecordingFacts) -> Iterator[str]:
    """Yield the names of objects that a record says were erased, and that are not there."""
    for record in recording.records:
        yield from (each.object_name for each in record.erased)
    for remark in recording.report.warnings if recording.report else ():
        if remark.text.startswith("it was erased"):
            yield remark.object_name


def hashes(each: ObjectReference) -> Html:
    """Show all hashes of an object."""
    told = (("SHA-256", each.sha256), ("SHA-512", each.sha512))
    return joined(tag("div", f"{name} ", code(value)) for name, value in told if value)


def _as_media(chunk: ManifestChunk) -> str:
    check = chunk.check
    if check is None:
        return "not checked"
    told = "; ".join(problem.detail for problem in check.problems)
    plays = length(check.facts.duration_ms)
    word = f"{check.verdict}, plays {plays}" if plays else f"{check.verdict}"
    return f"{word}: {told}" if told else word


def duties(recording: RecordingFacts, people: People) -> Html:
    """Tell what people must do about the recording, and what they did."""
    rows = [_duty(each, recording.settled.get(each), people) for each in recording.duties]
    heads = ("Duty", "Time (UTC)", "Because", "Of whom", "Done")
    return joined(
        (
            tag("h3", "Duties"),
            table("What people must do about it", heads, rows),
            tag("p", "None: nothing is to be deleted or reviewed.") if not rows else None,
        )
    )


def _duty(duty: Duty, record: DutyRecord | None, people: People) -> tuple[str, ...]:
    done = "OPEN"
    if record is not None:
        by = f"{record.done_by}, {moment(record.recorded_at)}"
        done = f"{record.outcome}: {people.masked(record.reason)} ({by})"
    return (
        {"delete": "delete this time", "review": "listen, and decide"}[duty.kind],
        f"{moment(duty.since) or 'the beginning'} to {moment(duty.until) or 'the end'}",
        people.masked(duty.reason),
        people.name(duty.participant) if duty.participant else "",
        done,
    )


def proof(recording: RecordingFacts) -> Html:
    """Show the result of the verification, and what it rests on."""
    report, manifest = recording.report, recording.manifest
    title = tag("h3", "Proof")
    if report is None:
        return joined((title, tag("p", "Nothing is sealed yet, so nothing can be verified.")))
    key = manifest.signature.key_id if manifest.signature else "none: it is not signed"
    link = f"{report.head.sequence}:{report.head.sha256}" if report.head else ""
    return joined(
        (
            title,
            facts(
                (
                    ("Result", "as sealed" if report.ok else f"{len(report.problems)} problems"),
                    ("Manifest", code(manifest.object_name)),
                    ("SHA-256 of the manifest", code(recording.sha256)),
                    ("Signed with key", code(key)),
                    ("Link of the chain", code(link) if link else "none was found"),
                    ("Sealed at (UTC)", moment(manifest.sealed_at)),
                    ("Sealed by", manifest.software),
                    ("Workflow", code(manifest.workflow.workflow_id)),
                    ("To verify it again", code(f"callvault verify {_target(recording)}")),
                )
            ),
            _remarks("Problems", [f"{r.object_name}: {r.text}" for r in report.problems]),
            _remarks("Remarks", [f"{r.object_name}: {r.text}" for r in report.warnings]),
        )
    )


def _target(recording: RecordingFacts) -> str:
    """Return what `callvault verify` takes: a file, or the name of an archive that is none."""
    is_file = "://" not in recording.place
    return recording.place if is_file else recording.manifest.archive


def _remarks(title: str, told: list[str]) -> Html | None:
    return joined((tag("h4", title), bullets(told))) if told else None


def meaning() -> Html:
    """Explain hashes to whoever never met one."""
    return joined(
        (
            tag("h2", "What the hashes mean"),
            tag("p", FINGERPRINT),
            tag("p", CHAIN),
            tag("p", BY_YOURSELF),
        )
    )
