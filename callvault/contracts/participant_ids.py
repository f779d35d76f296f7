"""The one form of a participant's ``rawId``, in which every part of Callvault compares people.

A person who withdraws consent under another spelling of the same id must be the same person. The
rule is so short that a backend in any language can follow it; ``docs/contracts`` has its examples.
"""

import re
from string import ascii_lowercase, ascii_uppercase

from callvault.errors import InvalidRequest

_ENCODED = re.compile(r"%([0-7][0-9A-Fa-f])")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_PHONE = re.compile(r"(4:|tel:)?(\+|00)?([0-9]+)")
_SEPARATORS = str.maketrans("", "", " ().-/\t\u00a0")

MAX_RAW_ID = 2_048
"""Characters of a ``rawId`` at most."""

_HASH = re.compile(r"[0-9a-f]{64}")
_KINDS = re.compile(r"(?:4:\+?[0-9]+|4:[a-z].*|(?!4:)[0-9]{1,3}:\S.*)")
"""A telephone number, an unknown caller (``4:anonymous``), or another kind with its id."""

MIN_BARE_DIGITS = 6
"""Digits from which on a text without ``4:`` is taken for a telephone number."""


def canonical_participant(raw_id: str) -> str:
    """Return the one form of a ``rawId``.

    Percent-encoding is decoded once, spaces around are removed, the letters A to Z are written
    small (the GUIDs of ACS and Teams have no case). A telephone number becomes ``4:+49…``: with the
    prefix ``4:`` or ``tel:`` or none, with separators or none, with ``+`` or ``00``. One without an
    international prefix stays as it is: it may be an extension. All other kinds are not interpreted
    (the list of kinds: Azure SDK, ``CommunicationIdentifier``).
    """
    decoded = _ENCODED.sub(lambda code: chr(int(code[1], 16)), raw_id)
    text = decoded.strip().translate(_LOWER)
    return _telephone(text) or text


def checked_participant(text: str) -> str:
    """Return a ``rawId`` that a person typed, or a hash; `InvalidRequest` where it can be neither.

    A search for what is no id would find nothing, and look like an answer.
    """
    problem = _problem(canonical_participant(text))
    if problem is None:
        return text
    raise InvalidRequest(
        f"this is no id of a participant: {problem}. Give the rawId as ACS writes it (8:acs:…,"
        " 4:+49…), or the participant's hash"
    )


def _problem(canonical: str) -> str | None:
    if not canonical:
        return "it is empty"
    if len(canonical) > MAX_RAW_ID or not canonical.isprintable():
        return "it is too long, or holds characters that no id has"
    if _HASH.fullmatch(canonical) or _KINDS.fullmatch(canonical):
        return None
    if canonical.startswith(("4:", "tel:")) or not canonical.strip("+0123456789 ().-/"):
        return (
            "a telephone number has its country and digits alone: +49301234567; an extension is"
            " 4:4711"
        )
    return "an id begins with its kind, as 8:acs: or 8:orgid:; names and addresses are none"


def _telephone(text: str) -> str | None:
    """Return the canonical form of a telephone number; None for anything else."""
    # "+49 (0)30": the zero is dialled only within the country, and is no part of the number.
    found = _PHONE.fullmatch(text.replace("(0)", "").translate(_SEPARATORS))
    if found is None:
        return None
    kind, is_international, digits = found.groups()
    if is_international and (kind or len(digits) >= MIN_BARE_DIGITS):
        return f"4:+{digits}"
    return f"4:{digits}" if kind else None
