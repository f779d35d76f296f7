"""The ids of a call's activities of which an alarm tells why they do not succeed.

Each is that of one activity at a time: another attempt at the same begins once it has ended.
"""


def export_id(document_id: str, index: int) -> str:
    """Return the id of the activity that copies a chunk."""
    return f"export {document_id} {index}"


def seal_id(recording: int) -> str:
    """Return the id of the activity that seals a recording, by its number."""
    return f"seal {recording}"
