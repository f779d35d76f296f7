"""The ids of a call's activities of which an alarm tells why they do not succeed.

Each is that of one activity at a time: another attempt at the same begins once it has ended.
"""

from hashlib import sha256

MAX_DOCUMENT_ID = 150
"""Longest ``documentId`` that stands in an id as it is, in bytes: it comes from outside, and
Temporal fails a task that gives an activity a longer id than its cluster allows (often 255)."""


def export_id(document_id: str, index: int) -> str:
    """Return the id of the activity that copies a chunk."""
    encoded = document_id.encode()
    if len(encoded) > MAX_DOCUMENT_ID:
        document_id = f"document {sha256(encoded).hexdigest()}"
    return f"export {document_id} {index}"


def seal_id(recording: int) -> str:
    """Return the id of the activity that seals a recording, by its number."""
    return f"seal {recording}"
