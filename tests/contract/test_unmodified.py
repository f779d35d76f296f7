"""The SDKs under test are those that Microsoft published: every file as its wheel lists it."""

import base64
import csv
import hashlib
import sys
from pathlib import Path

import pytest

from tests.contract.sdks import PACKAGE, SDKS, VERSIONS, Sdk, callautomation


def test_loaded_sdk_is_the_version_that_was_asked_for(sdk: Sdk) -> None:
    for module in (sdk.api, sdk.aio):
        assert module.__file__ is not None
        assert Path(module.__file__).is_relative_to(SDKS / sdk.version)
    assert sdk.version == sdk.api._version.VERSION


@pytest.mark.parametrize("version", VERSIONS)
def test_no_file_of_the_sdk_was_changed(version: str) -> None:
    (record,) = (SDKS / version).glob("azure_communication_callautomation-*.dist-info/RECORD")
    listed = [row for row in csv.reader(record.read_text().splitlines()) if row[1]]
    modules = {path for path, *_ in listed if path.endswith(".py")}
    assert modules == {
        str(path.relative_to(SDKS / version)) for path in (SDKS / version).rglob("*.py")
    }
    for path, expected, _ in listed:
        digest = hashlib.sha256((SDKS / version / path).read_bytes()).digest()
        assert expected == "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_versions_do_not_meet(sdk: Sdk) -> None:
    """With other versions loaded in between, imports still find the version in use."""
    clients = set()
    for version in VERSIONS:
        with callautomation(version) as other:
            assert other.version == other.api._version.VERSION
            clients.add(other.api.CallAutomationClient)
    assert len(clients) == len(VERSIONS)
    assert sys.modules[PACKAGE] is sdk.api
