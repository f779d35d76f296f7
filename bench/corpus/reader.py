"""A reader of an archive that shares no code with it: who is in which recording, and where.

Only the standard library is used here. It knows the layout of names, the members of metadata files
and manifests, and the rule for ids, all as `docs/` tells them.
"""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

People = dict[str, dict[str, set[tuple[str, int | None]]]]
"""By the hash of a person and a folder: the media files in which they are, with channels."""


def hash_of(raw_id: str, key: str) -> str:
    """Return the keyed hash of a person, by the rule on `docs/contracts/README.md`."""
    text = unquote(raw_id).strip().lower()
    digits = text.replace("(0)", "")
    for each in " ().-/\t\u00a0":
        digits = digits.replace(each, "")
    for prefix in ("4:", "tel:"):
        digits = digits.removeprefix(prefix)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if digits[:1] == "+" and digits[1:].isdigit():
        text = f"4:{digits}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def read(documents: Iterable[tuple[str, bytes]], key: str) -> People:
    """Read all metadata files and manifests."""
    people: People = defaultdict(lambda: defaultdict(set))
    for name, content in documents:
        folder, _, file = name.rpartition("/")
        tree = json.loads(_text(content))
        if file.endswith(".metadata.json"):
            media = name.removesuffix(".metadata.json") + ".wav"
            for each in tree["participants"]:
                hashed = hash_of(each["participantId"], key)
                people[hashed][folder].add((media, each.get("channel")))
        elif file.startswith("manifest"):
            _read_manifest(folder, tree, people)
    return people


def _read_manifest(folder: str, tree: dict[str, Any], people: People) -> None:
    unknown = {
        (chunk["media"]["objectName"], None)
        for chunk in tree["chunks"]
        if chunk["media"] and not chunk["metadata"]
    }
    for each in tree["consents"] + tree["consent"]["participants"]:
        people[each["participant"]][folder] |= unknown


def _text(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return content.decode(encoding)
