"""Object names in an archive, built and checked here and nowhere else.

Ids come from outside and may be hostile; names must be safe as a blob name (1,024 characters), as
a path on any file system (components of 255 bytes, Windows' reserved names and trailing dots) and
in a shell. So an id goes into a name as it is only if it is short and made of ``a-z 0-9 _ -``. Any
other id becomes a readable beginning, ``~`` and 32 hexadecimal digits of its SHA-256.

Upper-case letters count as "any other": two ids that differ only in case are different recordings,
and a directory may well lie on a file system that cannot tell them apart.
"""

import hashlib
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache

from callvault.contracts.call_ids import canonical_call_id, spellings_of
from callvault.contracts.manifest import LinkReference
from callvault.contracts.media import FormatType
from callvault.errors import InvalidRequest

MAX_OBJECT_NAME = 1_024
"""Azure's limit for a blob name, in characters; ours are ASCII."""

MAX_COMPONENT = 200
"""Below the 255 bytes of a file name, with room for what a directory adds to temporary files."""

RECORDINGS_PREFIX = "recordings/"
CHAIN_PREFIX = "manifests/"
KEYS_PREFIX = "keys/"
HOLDS_PREFIX = "holds/"
ERASURES_PREFIX = "erasures/"
TOMBSTONES_PREFIX = "tombstones/"
SUBJECTS_PREFIX = "subjects/"
ACCESS_PREFIX = "access/"
CHECKPOINTS_PREFIX = "checkpoints/"
DOCUMENT_PREFIXES = (
    CHAIN_PREFIX,
    KEYS_PREFIX,
    HOLDS_PREFIX,
    ERASURES_PREFIX,
    TOMBSTONES_PREFIX,
    SUBJECTS_PREFIX,
    ACCESS_PREFIX,
    CHECKPOINTS_PREFIX,
)
"""Where an archive keeps its own documents: nothing in these places is a recording's file."""

_PLAIN_LENGTH = 80
_READABLE_LENGTH = 24
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*")
_COMPONENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.~-]*[A-Za-z0-9_~-])?")
_MANIFEST = re.compile(r"recordings/.*/manifest(?:-([0-9]+))?\.json")
_DUTY_RECORD = re.compile(r"recordings/.*/duties-[1-9][0-9]{0,5}\.json")
_HOLD_RECORD = re.compile(r"holds/[0-9a-f]{16}(?:-released)?\.json")
_ERASURE_RECORD = re.compile(r"erasures/[0-9a-f]{64}/(?:[0-9]{6}|certificate)\.json")
_RECORDING_FOLDER = re.compile(r"recordings/([0-9]{4})/([0-9]{2})/([0-9]{2})/[^/]+/[^/]+")
_PARTICIPANT = re.compile(r"[0-9a-f]{64}")
_SUBJECT_ENTRY = re.compile(
    r"subjects/([0-9a-f]{2})/(\1[0-9a-f]{62})/[0-9]{8}~[0-9a-f]{32}~[^/]+\.json"
)
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]")
_MAX_INDEX = 2**63 - 1

_METADATA = ".metadata.json"
_NO_RECORDING_ID = "_unknown"
_NO_CALL_ID = "_server-call"
# No id ever turns into these: a component that stands for an id never begins with "_".


def chunk_object_name(
    *,
    recorded_on: datetime,
    call_id: str | None,
    server_call_id: str,
    recording_id: str | None,
    index: int,
    document_id: str,
    extension: str,
) -> str:
    """Build ``recordings/YYYY/MM/DD/<callId>/<recording>/<index>-<documentId>.<ext>``.

    Different arguments give different names, but for ``server_call_id``, which only stands in
    for a ``call_id`` that is not known. The date is in UTC.
    """
    _check_chunk(index, extension)
    folder = _recording_folder(recorded_on, call_id, server_call_id, recording_id)
    return f"{folder}/{index:04d}-{_component(document_id)}.{extension}"


def day_prefix(recorded_on: datetime) -> str:
    """Return what the names of all recordings of a day, in UTC, begin with."""
    day = recorded_on.astimezone(UTC)
    return f"{RECORDINGS_PREFIX}{day.year:04d}/{day.month:02d}/{day.day:02d}/"


def metadata_object_name(object_name: str) -> str:
    """Build the name of the metadata file that lies beside the media file ``object_name``.

    The file belongs to the document, not to its media: ``…/0000-abc.mp4`` gives
    ``…/0000-abc.metadata.json``.
    """
    # no media file can bear that name, for ids in names hold no dots
    stem, _, _ = object_name.rpartition(".")
    return f"{stem}{_METADATA}"


def media_names(metadata_name: str) -> tuple[str, ...]:
    """Build the names that the media file of a metadata file may have."""
    stem = metadata_name.removesuffix(_METADATA)
    return tuple(f"{stem}.{extension}" for extension in FormatType)


def is_metadata_name(object_name: str) -> bool:
    """Return True if `metadata_object_name` could have made this name."""
    return is_object_name(object_name) and object_name.endswith(_METADATA)


def manifest_object_name(
    *,
    recorded_on: datetime,
    call_id: str | None,
    server_call_id: str,
    recording_id: str | None,
    number: int,
) -> str:
    """Build ``manifest.json`` beside the recording's chunks; ``manifest-2.json`` for its second."""
    # no chunk can bear that name, for theirs begin with digits
    folder = _recording_folder(recorded_on, call_id, server_call_id, recording_id)
    return manifest_in(folder, number)


def manifest_in(folder: str, number: int) -> str:
    """Build the name of the ``number``-th manifest, counted from 1, of a recording's folder."""
    return f"{folder}/manifest.json" if number == 1 else f"{folder}/manifest-{number}.json"


def is_manifest_name(object_name: str) -> bool:
    """Return True if `manifest_object_name` could have made this name."""
    return is_object_name(object_name) and _MANIFEST.fullmatch(object_name) is not None


def manifest_number(object_name: str) -> int:
    """Return the number of a manifest in its folder, counted from 1; 0 for any other object."""
    found = _MANIFEST.fullmatch(object_name)
    return int(found[1] or 1) if found else 0


def duty_record_in(folder: str, number: int) -> str:
    """Build the name of the ``number``-th record, from 1, of what was done about a recording."""
    return f"{folder}/duties-{number}.json"


def is_duty_record_name(object_name: str) -> bool:
    """Return True if `duty_record_in` could have made this name."""
    return is_object_name(object_name) and _DUTY_RECORD.fullmatch(object_name) is not None


def hold_record_name(hold_id: str, *, released: bool) -> str:
    """Build ``holds/<hold id>.json``, the record that it was placed, or that of its release."""
    return f"{HOLDS_PREFIX}{hold_id}{'-released' if released else ''}.json"


def is_hold_record_name(object_name: str) -> bool:
    """Return True if `hold_record_name` could have made this name."""
    return _HOLD_RECORD.fullmatch(object_name) is not None


def erasure_record_name(erasure_id: str, number: int) -> str:
    """Build ``erasures/<erasure id>/<number>.json``, the record of what is erased, from 1."""
    return f"{ERASURES_PREFIX}{erasure_id}/{number:06d}.json"


def erasure_certificate_name(erasure_id: str) -> str:
    """Build ``erasures/<erasure id>/certificate.json``, the record that all of it is gone."""
    return f"{ERASURES_PREFIX}{erasure_id}/certificate.json"


def is_erasure_record_name(object_name: str) -> bool:
    """Return True if it is the name of an erasure's record or certificate."""
    return _ERASURE_RECORD.fullmatch(object_name) is not None


def tombstone_name(recording_id: str | None, server_call_id: str, number: int) -> str:
    """Build ``tombstones/<2 hex>/<hash>-<number>.json``, a recording's tombstone, from 1.

    Of a recording whose id is not known, the hash is its call's.
    """
    told = (
        f"recording\n{recording_id}"
        if recording_id is not None
        else f"call\n{canonical_call_id(server_call_id)}"
    )
    key = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{TOMBSTONES_PREFIX}{key[:2]}/{key}-{number}.json"


def folder_of(object_name: str) -> str:
    """Return the folder of an object: that of its recording."""
    return object_name.rpartition("/")[0]


def is_recording_folder(folder: str) -> bool:
    """Return True if a recording's objects could lie in this folder."""
    return is_object_name(folder) and _RECORDING_FOLDER.fullmatch(folder) is not None


def is_shared_folder(folder: str) -> bool:
    """Return True if recordings of a call share the folder, for their ids are not known."""
    return folder.endswith(f"/{_NO_RECORDING_ID}")


def is_folder_of_recording(object_name: str, recording_id: str) -> bool:
    """Return True if an object lies in a folder of the recording, of whatever day and call.

    Its id may be spelt in another way than the service does.
    """
    return folder_of(object_name).rpartition("/")[2] in _recording_components(recording_id)


def is_folder_of_call(object_name: str, call_id: str) -> bool:
    """Return True if an object lies in a folder of the call, by its callId or serverCallId.

    A ``serverCallId`` names the folder only where no ``callId`` was known.
    """
    call = folder_of(folder_of(object_name)).rpartition("/")[2]
    return call in (_component(call_id), _server_call(call_id))


def is_file_of_document(object_name: str, index: int, document_id: str) -> bool:
    """Return True if `chunk_object_name` could have made this name for the chunk."""
    stem = object_name.rpartition("/")[2].rpartition(".")[0]
    return stem == f"{index:04d}-{_component(document_id)}"


def link_object_name(sequence: int) -> str:
    """Build ``manifests/<sequence>.json``, a link of the archive's chain, numbered from 1."""
    return f"{CHAIN_PREFIX}{sequence:010d}.json"


def checkpoint_object_name(archive: str, head: LinkReference, access: LinkReference | None) -> str:
    """Build ``checkpoints/<archive>/<link>-<record>.json``, in the place that keeps them.

    Both are a number and a part of the hash; of an archive without an access log the link alone.
    """
    ends = [head] if access is None else [head, access]
    told = "-".join(f"{each.sequence:010d}-{each.sha256[:16]}" for each in ends)
    return f"{CHECKPOINTS_PREFIX}{_component(archive)}/{told}.json"


def access_object_name(sequence: int) -> str:
    """Build ``access/<sequence>.json``, a record of the archive's access log, numbered from 1."""
    return f"{ACCESS_PREFIX}{sequence:010d}.json"


def key_object_name(key_id: str) -> str:
    """Build ``keys/<key id>.pem``, the public half of a key that signs manifests of the archive."""
    return f"{KEYS_PREFIX}{key_id}.pem"


def subjects_prefix(participant: str) -> str:
    """Build what the names of all index entries of a person begin with.

    ``participant`` is the keyed hash; `InvalidRequest` where it is none.
    """
    if not _PARTICIPANT.fullmatch(participant):
        raise InvalidRequest(
            "this is no hash of a participant: it has 64 hexadecimal digits, in lower case"
        )
    return f"{SUBJECTS_PREFIX}{participant[:2]}/{participant}/"


def subject_entry_name(participant: str, folder: str, evidence: str) -> str:
    """Build the name of a person's index entry for a recording, by one account of it.

    ``folder`` is the recording's, ``evidence`` the object that tells of the person: a metadata
    file or a manifest.
    """
    # An object is never changed: two accounts of one recording are two objects.
    account = evidence.rpartition("/")[2].removesuffix(".json").removesuffix(".metadata")
    name = f"{_recording_key(folder)}~{_component(account)}.json"
    return f"{subjects_prefix(participant)}{name}"


def is_subject_entry_name(object_name: str) -> bool:
    """Return True if `subject_entry_name` could have made this name."""
    return is_object_name(object_name) and _SUBJECT_ENTRY.fullmatch(object_name) is not None


def day_of(folder: str) -> date:
    """Return the day of a recording's folder; `InvalidRequest` where it is no such folder."""
    found = _RECORDING_FOLDER.fullmatch(folder)
    with suppress(ValueError):  # no such day
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
    raise InvalidRequest(f"{folder[:200]!r} is no folder of a recording")


def is_object_name(text: str) -> bool:
    """Return True if every store can hold an object of this name within its root."""
    return len(text) <= MAX_OBJECT_NAME and all(
        len(part) <= MAX_COMPONENT and _COMPONENT.fullmatch(part) for part in text.split("/")
    )


def check_object_name(object_name: str) -> str:
    """Return ``object_name`` if every store can hold it within its root; else `InvalidRequest`."""
    # no component begins with a dot: a store may use such names for itself
    if is_object_name(object_name):
        return object_name
    raise InvalidRequest(
        f"{object_name[:200]!r} is no object name: use components of A-Z a-z 0-9 _ . ~ - that"
        f" neither begin nor end with a dot, at most {MAX_COMPONENT} characters each"
    )


def _recording_folder(
    recorded_on: datetime, call_id: str | None, server_call_id: str, recording_id: str | None
) -> str:
    if recorded_on.tzinfo is None:
        raise InvalidRequest("recorded_on has no time zone: the day of a recording is one in UTC")
    call = _server_call(server_call_id) if call_id is None else _component(call_id)
    recording = _NO_RECORDING_ID if recording_id is None else _component(recording_id)
    return f"{day_prefix(recorded_on)}{call}/{recording}"


def _recording_key(folder: str) -> str:
    day = day_of(folder).isoformat().replace("-", "")
    return f"{day}~{_hash(folder)}"


def _server_call(server_call_id: str) -> str:
    return f"{_NO_CALL_ID}~{_hash(canonical_call_id(server_call_id))}"


def _check_chunk(index: int, extension: str) -> None:
    if not 0 <= index <= _MAX_INDEX:
        raise InvalidRequest("a chunk's index lies between 0 and 2**63 - 1; this one does not")
    if not _EXTENSION.fullmatch(extension):
        raise InvalidRequest(f"{extension[:40]!r} is no file extension: use mp4, mp3 or wav")


@lru_cache(maxsize=16)  # asked again for each name of an archive
def _recording_components(recording_id: str) -> frozenset[str]:
    return frozenset(map(_component, spellings_of(recording_id)))


def _component(identifier: str) -> str:
    if (
        len(identifier) <= _PLAIN_LENGTH
        and _PLAIN.fullmatch(identifier)
        and not _RESERVED.fullmatch(identifier)
    ):
        return identifier
    readable = re.sub(r"[^a-z0-9]+", "-", identifier[:_READABLE_LENGTH].lower()).strip("-")
    return f"{readable or 'id'}~{_hash(identifier)}"


def _hash(identifier: str) -> str:
    # surrogatepass: JSON can smuggle in lone surrogates, which have no UTF-8 form
    return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:32]
