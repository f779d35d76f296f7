"""The ids of a blob's blocks: whose they are, where they belong, and the SHA-256 of what they hold.

So the list of a blob's uncommitted blocks is all that a later attempt needs to go on, and content
and evidence become durable in one request. The list of the committed ones keeps the evidence for
as long as the blob exists.
"""

import base64
import re
from collections.abc import Mapping

from callvault.archive.plan import Plan

NO_PLAN = "0" * 8
"""Stands for attempts that are never resumed."""

_ID = re.compile(r"([0-9a-f]{8})([0-9]{6})([A-Za-z0-9_-]{43})")


def block_id(plan: str, index: int, sha256: bytes) -> str:
    """57 characters: all ids of a blob must be of one length, 64 at most.

    Attempts that run side by side share the blob's blocks; so two of them can only ever use the
    same id for the same bytes.
    """
    digest = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
    return f"{plan or NO_PLAN}{index:06d}{digest}"


def digest(block_id: str) -> bytes | None:
    """The SHA-256 in an id; ``None`` where another program has made it."""
    found = _ID.fullmatch(block_id)
    return base64.urlsafe_b64decode(f"{found[3]}=") if found else None


def of_plan(sizes: Mapping[str, int], plan: Plan) -> dict[int, str]:
    """Of staged blocks, given as sizes by id, those that belong to a plan and are whole."""
    found = {}
    for staged, size in sizes.items():
        parts = _ID.fullmatch(staged)
        if parts and parts[1] == plan.token:
            index = int(parts[2])
            if index < len(plan) and size == plan.length(index):
                found[index] = staged
    return found
