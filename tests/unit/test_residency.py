"""Does a recording stay in its data region, whichever archive the settings name for it?"""

from typing import Any

import pytest
from pydantic import ValidationError

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError

BLOB = {"kind": "azure_blob", "container": "box", "account_url": "https://a.blob.core.windows.net"}


def configured(resource: dict[str, Any], **regions: str) -> Settings:
    """Settings of one resource, and archives in these regions, by name."""
    own = {"endpoint": "https://acs.example", "credential": {"entra": True}, "archive": "main"}
    return Settings.model_validate(
        {
            "resources": {"bank": {**own, **resource}},
            "archives": {
                name: {**BLOB, "container": f"box-{name}", "data_region": region}
                for name, region in regions.items()
            },
        }
    )


EUROPE = {"data_region": "Europe"}


@pytest.mark.parametrize(
    ("resource", "regions"),
    [
        ({}, {"main": ""}),
        (EUROPE, {"main": "Europe"}),
        (EUROPE, {"main": " eu ROPE"}),
        ({"data_region": "West Europe"}, {"main": "westeurope"}),
        (EUROPE, {"main": "Europe", "unused": "Asia"}),
        ({**EUROPE, "fallback_archive": "second"}, {"main": "Europe", "second": "Europe"}),
        (
            {**EUROPE, "fallback_archive": "second", "also_regions": ["Switzerland"]},
            {"main": "Europe", "second": "switzerland"},
        ),
    ],
)
def test_archives_of_the_region_are_allowed(
    resource: dict[str, Any], regions: dict[str, str]
) -> None:
    assert configured(resource, **regions)


@pytest.mark.parametrize(
    ("resource", "regions", "said"),
    [
        (
            EUROPE,
            {"main": "Asia"},
            "archive main lies in Asia, and the recordings of bank stay in Europe: name another",
        ),
        (
            {**EUROPE, "fallback_archive": "second"},
            {"main": "Europe", "second": "Asia"},
            "resources.bank.fallback_archive: archive second lies in Asia",
        ),
        (
            {**EUROPE, "own_storage": "second"},
            {"main": "Europe", "second": "Asia"},
            "resources.bank.own_storage: archive second lies in Asia",
        ),
        (EUROPE, {"main": ""}, "archives.main.data_region: set it"),
        ({}, {"main": "Asia"}, "resources.bank.data_region: set it"),
        (
            {**EUROPE, "fallback_archive": "second"},
            {"main": "Europe", "second": ""},
            "archives.second.data_region: set it",
        ),
        ({"also_regions": ["Asia"]}, {"main": ""}, "also_regions: set data_region, too"),
    ],
)
def test_a_contradiction_stops_the_start_with_a_sentence(
    resource: dict[str, Any], regions: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        configured(resource, **regions)
    assert said in str(raised.value)


def test_the_only_archive_counts_although_no_resource_names_it() -> None:
    with pytest.raises(ValidationError, match="lies in Asia"):
        configured({**EUROPE, "archive": None}, main="Asia")


def test_an_archive_that_a_call_was_begun_with_is_refused_at_the_copy_too() -> None:
    settings = configured(EUROPE, main="Europe", former="Asia")
    settings.refuse_other_region("bank", "main")
    with pytest.raises(ConfigurationError, match="former lies in Asia") as raised:
        settings.refuse_other_region("bank", "former")
    assert raised.value.owner == "archive", "so that the recording goes to the fallback"
