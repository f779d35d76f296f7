"""The ids of a call's activities of which an alarm tells why they do not succeed.

Each is that of one activity at a time: another attempt at the same begins once it has ended.
"""

import hashlib

MAX_DOCUMENT_ID = 200
"""Characters of a document id from which on its hash stands for it: the server refuses an activity
id of more than 1,000, and with it the workflow's task, for ever."""


def export_id(document_id: str, index: int) -> str:
    """Return the id of the activity that copies a chunk."""
    if len(document_id) > MAX_DOCUMENT_ID:
        document_id = hashlib.sha256(document_id.encode()).hexdigest()
    return f"export {document_id} {index}"


def seal_id(recording: int) -> str:
    """Return the id of the activity that seals a recording, by its number."""
    return f"seal {recording}"
