"""The documents that prove a recording, byte for byte, for whoever verifies it elsewhere."""

from collections.abc import Iterator

from callvault.archive.names import key_object_name, link_object_name
from callvault.archive.store import Archive, read_small
from callvault.evidence.recording import RecordingFacts

MANIFEST = "proof/manifest.json"

_PLACES = {name: {"__all__": {"location"}} for name in ("problems", "warnings")}
"""Where the archive keeps its objects is no matter of the person's."""


def proof_files(archive: Archive, facts: RecordingFacts) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, meaning and bytes of each document."""
    manifest, report = facts.manifest, facts.report
    yield (
        MANIFEST,
        "the signed manifest; it names people by keyed hash only",
        read_small(archive, manifest.object_name),
    )
    if report and report.head:
        data = read_small(archive, link_object_name(report.head.sequence))
        yield "proof/link.json", "the link of the archive's chain that names the manifest", data
    if manifest.signature:
        name = key_object_name(manifest.signature.key_id)
        if archive.stat(name) is not None:
            about = "the public key that the archive holds; compare it with one that you know"
            yield "proof/key.pem", about, read_small(archive, name)
    for number, record in enumerate(facts.records, 1):
        data = read_small(archive, record.object_name)
        yield f"proof/duties-{number}.json", "what was done about a duty", data
    if report:
        text = report.model_dump_json(indent=2, exclude=_PLACES)
        yield "proof/verification.json", "the result of the verification", text.encode()
