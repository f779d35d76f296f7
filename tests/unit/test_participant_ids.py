"""Is one person one person, in every spelling of their id?"""

import re
from pathlib import Path

import pytest

from callvault.contracts.participant_ids import canonical_participant
from callvault.contracts.participants import hiding, participant_hash

ROOT = Path(__file__).parents[2]
ACS = "8:acs:e333a5b5-c1e4-4984-b752-447bf92d10b7_0000000f-5a35-fb16-02c3-593a0d00053c"


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        (ACS, ACS),
        (ACS.upper(), ACS),
        (f" {ACS}\n", ACS),
        (ACS.replace(":", "%3A"), ACS),
        (ACS.replace(":", "%3a").replace("-", "%2D"), ACS),
        ("4:+49301234567", "4:+49301234567"),
        ("4:+49 30 123-45.67", "4:+49301234567"),
        ("4:0049301234567", "4:+49301234567"),
        ("4%3A%2B49301234567", "4:+49301234567"),
        ("+49301234567", "4:+49301234567"),
        ("tel:+49-30-1234567", "4:+49301234567"),
        ("+49 (0)30 / 123 4567", "4:+49301234567"),
        ("0049 30 1234567", "4:+49301234567"),
        ("4:4711", "4:4711"),
        ("4711", "4711"),
        ("4:anonymous", "4:anonymous"),
        ("4:207FFEF6-9444-41FB-92AB-20EACAAE2768", "4:207ffef6-9444-41fb-92ab-20eacaae2768"),
        ("28:ORGID:01234567-89AB", "28:orgid:01234567-89ab"),
        ("8:orgid:ABC", "8:orgid:abc"),
        ("100%", "100%"),
        ("8:acs:%C3%BC", "8:acs:%c3%bc"),
        ("", ""),
    ],
)
def test_every_spelling_has_one_form(spelling: str, canonical: str) -> None:
    assert canonical_participant(spelling) == canonical
    assert canonical_participant(canonical) == canonical
    assert participant_hash(spelling, "key") == participant_hash(canonical, "key")


def test_a_hash_is_never_hashed_again_whatever_its_case() -> None:
    hashed = participant_hash(ACS, "key")
    for spelling in (hashed, hashed.upper(), f" {hashed.title()} "):
        assert hiding("key")(spelling) == hashed
    assert hiding("key")(f"{hashed}0") != hashed


def test_numbers_with_and_without_an_international_prefix_are_two() -> None:
    """The first may be an extension; a withdrawal that matches nobody pauses."""
    assert canonical_participant("4:49301234567") != canonical_participant("4:+49301234567")


def test_the_vectors_for_other_languages_are_true() -> None:
    page = (ROOT / "docs" / "contracts" / "README.md").read_text()
    table = page.partition("| `rawId` | canonical form |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `([0-9a-f]{64})` \|$", table, re.MULTILINE)
    assert len(rows) >= 8
    for raw_id, canonical, hashed in rows:
        assert canonical_participant(raw_id) == canonical
        assert participant_hash(raw_id, "key") == hashed
